"""Tables for the terminal."""

from __future__ import annotations

import pandas as pd
from rich import table as rich
from rich.text import Text

from suite.report.agreement import agreement, differences
from suite.report.generic import generic
from suite.report.inference import FEWEST
from suite.report.measured import checked, is_smoke
from suite.report.table import Column, Table, written
from suite.report.table6 import table6
from suite.report.verdicts import Judged, judged, numbers
from suite.results import Results


def tables(results: Results, experiment: str) -> list[rich.Table]:
    """What an experiment measured, ready to print: of accuracy Table 6 and, with enough seeds, whether the frameworks
    agree, and verdicts; of any other its metrics by variant.
    """
    results = checked(results)
    if experiment != "accuracy":
        return [shown(table) for table in generic(results, experiment)]
    table = table6(results)
    if not table.rows:
        return [rich.Table("no test_accuracy rows of the accuracy experiment")]  # one without columns prints nothing
    real = results.where([not is_smoke(name) for name in results.rows["protocol"]])
    enough = bool((differences(real)["n"] >= FEWEST).any())
    return [shown(one) for one in (table, *([agreement(real)] if enough else []), decided(real)) if one.rows]


def decided(results: Results) -> Table:
    """The claims that have at least as many seeds as a verdict takes, and what they come to."""
    every = [one for one in judged(results) if one.tests and max(test.evidence.n for test in one.tests) >= FEWEST]
    rows = tuple(
        (one.verdict, one.claim.says, _where(one), "; ".join(map(numbers, one.tests)))
        for one in every
        if one.setting is not None
    )
    columns = (Column("verdict"), Column("claim", "long"), Column("data"), Column("difference, high - low", "long"))
    caution = dict.fromkeys(one.caution for one in every if one.caution)
    return Table("verdicts", "Verdicts on the claims.", columns, rows, pd.DataFrame(), tuple(caution))


def _where(one: Judged) -> str:
    assert one.setting is not None
    return ", ".join(str(one.setting[name]) for name in ("dataset", "protocol", "engine", "backend"))


def shown(table: Table) -> rich.Table:
    """The table with a heading line for each section; names are text, never markup."""
    table = table.without("detail")
    out = rich.Table(title=Text(table.title), title_justify="left", caption_justify="left", show_edge=False)
    for column in table.shown:
        out.add_column(Text(column.name), justify="right" if column.kind == "number" else "left", overflow="fold")
    for section in table.sections():
        if section.heading:
            out.add_section()
            out.add_row(Text(section.heading, style="bold"))
        for first, *others in section.rows:
            out.add_row(Text("  " * bool(section.heading) + written(first)), *(Text(written(cell)) for cell in others))
    if table.notes:
        out.caption = Text("\n".join(table.notes))
    return out
