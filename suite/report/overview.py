"""What an experiment measured, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from suite.artifacts import METRIC
from suite.report.measured import means
from suite.report.settings import settings, with_labels
from suite.report.summary import COUNTED, order

if TYPE_CHECKING:
    from rich.table import Table

HIDDEN = ("neurons", METRIC)
"""A line a histogram bin would bury the rest; an artifact has no number to show."""


def overview(frame: pd.DataFrame, experiment: str) -> list[Table]:
    """A table for each setting and framework: a line for each metric and condition, a column for each variant.

    Values are means over the seeds that ended ok or dead; the title says how many.
    """
    from rich.table import Table

    rows = frame[(frame["experiment"] == experiment) & ~frame["metric"].isin(HIDDEN)]
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    rows = rows.assign(condition=rows["condition"].fillna("").astype(str), unit=rows["unit"].fillna("").astype(str))
    tables = []
    for setting, part in settings(rows):
        labelled = with_labels(part)
        for framework, own in labelled.groupby("framework", sort=False):
            values = means(own, ["metric", "condition", "unit", "line"])
            seeds = f"n = {values['n'].min()}" + (f" to {values['n'].max()}" if values["n"].nunique() > 1 else "")
            about = f"data {setting['data_source']}, protocol {setting['protocol']}, engine {setting['engine']}"
            title = f"{experiment} on {setting['dataset']}: {about}, {framework}, {seeds}"
            tables.append(_table(Table(title=title, title_justify="left", show_edge=False), values))
    return tables


def _table(shown: Any, values: pd.DataFrame) -> Any:
    lines = list(values["line"].drop_duplicates().sort_values(key=order))
    shown.add_column("metric", overflow="fold")
    shown.add_column("condition", overflow="fold")
    for line in lines:
        shown.add_column(line, justify="right", overflow="fold")
    for (metric, condition, unit), part in values.groupby(["metric", "condition", "unit"], sort=False):
        mean = part.set_index("line")["mean"]
        name = f"{metric} ({unit})" if unit not in ("", "1", "fraction") else metric
        shown.add_row(name, condition, *(f"{mean[line]:.4g}" if line in mean else "–" for line in lines))
    return shown
