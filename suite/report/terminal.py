"""Tables for the terminal."""

from __future__ import annotations

from rich import table as rich
from rich.text import Text

from suite.report.generic import generic
from suite.report.measured import checked
from suite.report.table import Table, written
from suite.report.table6 import table6
from suite.results import Results


def tables(results: Results, experiment: str) -> list[rich.Table]:
    """What an experiment measured, ready to print: Table 6 of accuracy, of any other its metrics by variant."""
    results = checked(results)
    if experiment != "accuracy":
        return [shown(table) for table in generic(results, experiment)]
    table = table6(results)
    if table.rows:
        return [shown(table)]
    return [rich.Table("no test_accuracy rows of the accuracy experiment")]  # a table without columns prints nothing


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
