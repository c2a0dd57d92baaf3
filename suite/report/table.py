"""A table is made once, of cells that hold numbers, and written as CSV, Markdown and LaTeX here, as HTML by page.html
and for the terminal by suite.report.terminal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import pandas as pd

from suite.report.measured import NAMED
from suite.results import to_csv

NOTHING = "–"


def percent(value: float, digits: int = 1) -> str:
    """0.775 -> "77.5"."""
    return f"{100 * value:z.{digits}f}"


@dataclass(frozen=True)
class Number:
    """A mean with the half-width of its 95 % t-interval, or with its interval from `low` to `high`, and its number of
    seeds, each left out where it is not known; then what else is to be said. `form` writes a value; `best` marks it
    with *. learnt: of seeds that learn or do not, how many of the n do; low and high are then of their share.
    """

    mean: float = math.nan
    ci95: float = math.nan
    n: int | None = None
    flags: tuple[str, ...] = ()
    best: bool = False
    signed: bool = False
    form: Callable[[float], str] = percent
    low: float = math.nan
    high: float = math.nan
    learnt: int | None = None


Line = str | Number | tuple[Number, ...]
"""Text, a number, or the numbers of several kernels."""


@dataclass(frozen=True)
class Stack:
    """Lines of one cell, one below the other; what stands in one row on the same line belongs together."""

    lines: tuple[Line, ...]


Cell = Line | Stack


def written(cell: Cell) -> str:
    """A cell as text: "77.5 ± 1.2, n=5, 1 dead"."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Stack):
        return " / ".join(map(written, cell.lines))
    if isinstance(cell, tuple):
        return "; ".join(map(written, cell)) or NOTHING
    said = list(cell.flags)
    between = "" if math.isnan(cell.low) else f" [{cell.form(cell.low)}, {cell.form(cell.high)}]"
    if cell.learnt is not None:
        said = [f"{cell.learnt} of {cell.n} learn{between}", *said]
    elif not math.isnan(cell.mean):
        mean = cell.form(cell.mean)
        sign = "+" if cell.signed and not mean.startswith("-") else ""
        interval = between or ("" if math.isnan(cell.ci95) else f" ± {cell.form(cell.ci95)}")
        said = [f"{sign}{mean}{interval}", *([f"n={cell.n}"] if cell.n is not None else []), *said]
    return (", ".join(said) or "no value") + " *" * cell.best


@dataclass(frozen=True)
class Column:
    """`kind`: section (first in a table; what the rows below one another share), text, long (text to be wrapped),
    detail (text, left out where room is short), variant (its name), number.
    """

    name: str
    kind: Literal["section", "text", "long", "detail", "variant", "number"] = "text"


def named_columns(*more: str) -> tuple[Column, ...]:
    """The columns that say which setting a row is of (`measured.NAMED`), and more of that kind."""
    names = [name.removesuffix("_version").replace("_", " ") for name in (*NAMED, *more)]
    return tuple(Column(name, "section") for name in names)


@dataclass(frozen=True)
class Section:
    """Rows under one heading, without the columns that it names; no heading in a table without sections."""

    heading: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """`name` is that of its files. data: the numbers of the cells, every digit, one row each. apart: each section is a
    table of its own in Markdown and LaTeX, as the whole would be too wide, and would say the same in every row.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    data: pd.DataFrame
    notes: tuple[str, ...] = ()
    apart: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: a row of {len(row)} cells in {len(self.columns)} columns")

    @property
    def n_section(self) -> int:
        """How many columns name the section."""
        return sum(column.kind == "section" for column in self.columns)

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns beside the section's."""
        return self.columns[self.n_section :]

    def sections(self) -> Iterator[Section]:
        """The rows under their headings: "xor: data generated, protocol suite"."""
        n = self.n_section
        names = [column.name.removesuffix(" source") for column in self.columns[1:n]]
        for key, rows in groupby(self.rows, lambda row: row[:n]):
            first, *others = map(written, key) if n else ("",)
            said = ", ".join(f"{name} {value}" for name, value in zip(names, others, strict=True))
            yield Section(f"{first}: {said}" if said else first, tuple(row[n:] for row in rows))

    def without(self, kind: str) -> Table:
        """The table without its columns of a kind."""
        return self._with([i for i, column in enumerate(self.columns) if column.kind != kind])

    def details_last(self) -> Table:
        """The table with its details as the last columns."""
        return self._with(sorted(range(len(self.columns)), key=lambda i: self.columns[i].kind == "detail"))

    def _with(self, kept: list[int]) -> Table:
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)

    def csv(self) -> str:
        """The data."""
        return to_csv(self.data)

    def markdown(self) -> str:
        """A document of its own."""
        whole = (Section("", self.rows),)
        names = [column.name for column in (self.shown if self.apart else self.columns)]
        lines = []
        for section in self.sections() if self.apart else whole:
            lines += [f"### {_markdown(section.heading)}", ""] * bool(section.heading)
            lines += [_pipes(map(_markdown, names)), _pipes(["---"] * len(names))]
            lines += [*(_pipes(map(_markdown, row)) for row in section.rows), ""]
        return "\n".join([self.title, "", *lines, *(f"- {note}" for note in self.notes), ""])

    def latex(self) -> str:
        """A table environment, or one for each section; needs the packages booktabs and textcomp (in LaTeX itself since
        2020).
        """
        table = self.without("detail")  # too wide for a page
        if not self.apart:
            return _environment(table, self.title, f"tab:lif-roles-{self.name}")
        names, rest = [column.name for column in table.columns[: table.n_section]], table.without("section")
        tables = []
        for key, rows in groupby(table.rows, lambda row: row[: table.n_section]):
            about = ", ".join(f"{name} {written(value)}" for name, value in zip(names, key, strict=True))
            one = replace(rest, rows=tuple(row[table.n_section :] for row in rows))
            tables.append(_environment(one, f"{self.title} {about}.", ""))
        return "\n".join(tables)


def _environment(table: Table, title: str, label: str) -> str:
    rows: list[str] = []
    for section, own in groupby(table.rows, lambda row: row[: table.n_section]):
        rows += [r"\midrule"] * bool(rows and section)
        rows += [" & ".join(map(_latex_cell, row, table.columns)) + r" \\" for row in own]
    shapes = {"number": "r", "long": r"p{.18\linewidth}"}
    lines = [
        r"\begin{table}",
        r"\centering\scriptsize" if table.apart else r"\centering\footnotesize",
        rf"\caption{{{_latex(title)} {_latex(' '.join(table.notes))}}}",
        rf"\label{{{label}}}" if label else "",
        rf"\begin{{tabular}}{{{''.join(shapes.get(column.kind, 'l') for column in table.columns)}}}",
        r"\toprule",
        " & ".join(_latex(column.name) for column in table.columns) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join([*filter(None, lines), ""])


def _pipes(texts: Iterator[str] | list[str]) -> str:
    return "| " + " | ".join(texts) + " |"


_MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", "\n": " ", "\r": " "} | {sign: f"\\{sign}" for sign in "|\\`*~"})


def _markdown(cell: Cell) -> str:
    """Names come from outside; what is written of a number is ours."""
    if isinstance(cell, Stack):
        return " / ".join(map(_markdown, cell.lines))
    return cell.translate(_MARKDOWN).replace("](", "]\\(") if isinstance(cell, str) else written(cell)


_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "±": r"$\pm$",
        "−": r"$-$",
        "†": r"\textdagger{}",
        "–": "--",
        "\n": " ",
        "\r": " ",
    }
)


def _latex_cell(cell: Cell, column: Column) -> str:
    if not isinstance(cell, Stack):
        return _latex(written(cell))
    side = "r" if column.kind == "number" else "l"
    lines = r" \\ ".join(_latex(written(line)) for line in cell.lines)
    return rf"\shortstack[{side}]{{{lines}}}"


def _latex(text: str) -> str:
    return text.translate(_LATEX)
