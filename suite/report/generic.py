"""What any experiment measured, as tables: those of users too, which have no table and no figure of their own."""

from __future__ import annotations

from suite.report.measured import COUNTED, order
from suite.report.settings import by_setting
from suite.report.statistics import means
from suite.report.table import NOTHING, Cell, Column, Number, Table
from suite.results import Results
from suite.results.read import ARTIFACT


def generic(results: Results, experiment: str) -> list[Table]:
    """A table for each setting and framework: a line for each metric and condition, a column for each variant.

    Values are means over the seeds that ended ok or dead; the title says how many. The data have their intervals.
    """
    rows = results.rows
    rows = rows[(rows["experiment"] == experiment) & (rows["metric"] != ARTIFACT)]
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    rows = rows.assign(condition=rows["condition"].fillna("").astype(str), unit=rows["unit"].fillna("").astype(str))
    tables = []
    for part in by_setting(rows):
        for framework, own in part.rows.groupby("framework", sort=False):
            data = means(own, ["metric", "condition", "unit", "line"])
            seeds = f"n = {data['n'].min()}" + (f" to {data['n'].max()}" if data["n"].nunique() > 1 else "")
            setting = part.setting
            about = f"data {setting['data_source']}, protocol {setting['protocol']}"
            about += f", benchmark {setting['benchmark_version']}, engine {setting['engine']}"
            title = f"{experiment} on {setting['dataset']}: {about}, {framework}, {seeds}"
            lines = list(data["line"].drop_duplicates().sort_values(key=order))
            columns = (Column("metric"), Column("condition"), *(Column(line, "number") for line in lines))
            cells: list[tuple[Cell, ...]] = []
            for (metric, condition, unit), of in data.groupby(["metric", "condition", "unit"], sort=False):
                mean = of.set_index("line")["mean"]
                name = f"{metric} ({unit})" if unit not in ("", "1", "fraction") else str(metric)
                numbers = (Number(mean[line], form="{:.4g}".format) if line in mean else NOTHING for line in lines)
                cells.append((name, str(condition), *numbers))
            tables.append(Table(experiment, title, columns, tuple(cells), data))
    return tables
