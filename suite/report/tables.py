"""Table 6 with both frameworks beside the paper: for the terminal, as CSV, Markdown and LaTeX, all from one layout."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from suite.report.settings import short_hash
from suite.report.summary import FRAMEWORKS, SETTING, STATUSES, comparable, summary

if TYPE_CHECKING:
    from rich.table import Table

PAPER = "paper"
SAME = "†"
SECTION = ["dataset", "data source", "protocol", "engine"]
TITLE = "Test accuracy of the variants on both frameworks, beside Table 6 of Yin et al. (2024)."
UNITS = "Test accuracy in %: mean ± 95 % t-interval over n seeds; no interval for n = 1."


def percent(value: float, digits: int = 1) -> str:
    """0.775 -> "77.5"; "" for NaN."""
    return "" if math.isnan(value) else f"{100 * value:z.{digits}f}"


def cell(line: pd.Series) -> str:
    """One mean of `summary` in words: "77.5 ± 1.2, n=5", then the seeds that did not end well."""
    said = []
    if line["n"]:
        interval = "" if math.isnan(line["ci95"]) else f" ± {percent(line['ci95'])}"
        said.append(f"{percent(line['mean'])}{interval}, n={line['n']}")
    said += [f"{line[status]} {status}" for status in STATUSES if status != "ok" and line[status]]
    return ", ".join(said) or "no value"


def layout(table: pd.DataFrame) -> pd.DataFrame:
    """A `summary` as text: a row for each variant in each setting, a column for each framework, the paper's last.

    `SAME` marks an engine whose kernel computed both frameworks' numbers.
    """
    shown = [name for name in FRAMEWORKS if (table["backend"] == name).any()]
    shown += sorted(set(table["backend"]) - set(FRAMEWORKS))
    lines: list[dict[str, str]] = []
    group = [*SETTING, "variant", "variant_parameters"]
    for key, rows in table.groupby(group, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(group, key, strict=True))
        data = _told_apart(table, about, "data_hash", ["dataset", "data_source", "protocol"])
        parameters = _told_apart(table, about, "variant_parameters", [*SETTING, "variant"])
        cells = {name: "; ".join(cell(row) for _, row in rows[rows["backend"] == name].iterrows()) for name in shown}
        lines.append(
            {
                "dataset": about["dataset"],
                "data source": about["data_source"] + data,
                "protocol": about["protocol"],
                "engine": about["engine"] + f" {SAME}" * bool(rows["kernel_shared"].any()),
                "kernel": " / ".join(dict.fromkeys(rows["kernel"])),
                "variant": about["variant"] + parameters,
                **{FRAMEWORKS.get(name, name): text or "–" for name, text in cells.items()},
                PAPER: _paper(rows.iloc[0]),
            }
        )
    columns = [*SECTION, "kernel", "variant", *(FRAMEWORKS.get(n, n) for n in shown), PAPER]
    return pd.DataFrame(lines, columns=columns)


def _paper(line: pd.Series) -> str:
    """The paper's number; in brackets where it does not compare."""
    number = percent(line["paper"])
    bracketed = number and not comparable(line["data_source"], line["protocol"])
    return f"({number})" if bracketed else number or "–"


def _told_apart(table: pd.DataFrame, about: dict[str, str], column: str, within: list[str]) -> str:
    """A short tag for `column` if what should have one value of it has several, else nothing."""
    same = (table[within] == pd.Series(about)[within]).all(axis=1)
    if table.loc[same, column].nunique(dropna=False) < 2:
        return ""
    return " #" + short_hash(about[column])


def notes(table: pd.DataFrame) -> list[str]:
    """What a reader must know about a `summary`, one sentence or two each."""
    said = [UNITS]
    kernels = sorted(set(table.loc[table["kernel_shared"], "kernel"]))
    if kernels:
        said.append(
            f"{SAME} Both frameworks ran the same kernel ({', '.join(kernels)}): their agreement is by construction "
            "and no evidence. Engine step runs each framework's own computation."
        )
    if bool((table["data_source"] == "standin").any()):
        said.append(
            "standin: data made by this suite in the original's format; does not compare with the paper's (bracketed)."
        )
    if bool((table["protocol"] == "smoke").any()):
        said.append(
            "smoke: a second of training, to show that everything runs; its accuracies mean nothing and do not compare."
        )
    if bool(table[["diverged", "failed", "skipped"]].to_numpy().any()):
        said.append("Seeds that diverged, failed or were skipped are counted beside the mean and are not in it.")
    return said


def comparison(frame: pd.DataFrame) -> Table:
    """For the terminal: variants by dataset, each framework's mean and interval over seeds, and the paper's number.

    `frame` is a results frame; one without test_accuracy rows gives a table that says so.
    """
    from rich.table import Table
    from rich.text import Text

    table = summary(frame)
    text = layout(table)
    shown = Table(title="Test accuracy (%)", title_justify="left", caption_justify="left", show_edge=False)
    if text.empty:
        shown.add_column("no test_accuracy rows of the accuracy experiment")  # a table without columns prints nothing
        return shown
    frameworks = [name for name in text.columns[6:] if name != PAPER]
    shown.add_column("variant", overflow="fold")
    for name in (*frameworks, PAPER):
        shown.add_column(name, justify="right")
    before: tuple[str, ...] = ()
    for _, line in text.iterrows():
        section = tuple(line[SECTION])
        if section != before:
            before = section
            dataset, source, protocol, engine = section
            shown.add_section()
            shown.add_row(Text(f"{dataset}: data {source}, protocol {protocol}, engine {engine}", style="bold"))
        shown.add_row(Text("  " + line["variant"]), *line[[*frameworks, PAPER]])
    shown.caption = "\n".join(notes(table))
    return shown


def markdown(frame: pd.DataFrame) -> str:
    """Table 6 as a Markdown document."""
    table = summary(frame)
    text = layout(table)
    body = [_pipes(text.columns), _pipes("---" for _ in text.columns), *(_pipes(row) for row in text.to_numpy())]
    return "\n".join([TITLE, "", *body, "", *(f"- {note}" for note in notes(table)), ""])


def _pipes(values: Iterable[str]) -> str:
    return "| " + " | ".join(str(value).replace("|", "\\|") for value in values) + " |"


def latex(frame: pd.DataFrame) -> str:
    """Table 6 as a LaTeX table environment; needs the packages booktabs and textcomp (in LaTeX itself since 2020)."""
    table = summary(frame)
    text = layout(table).drop(columns="kernel")  # too wide for a page; the notes name a shared one
    rows: list[str] = []
    before: tuple[str, ...] = ()
    for _, line in text.iterrows():
        section = tuple(line[SECTION])
        if before and section != before:
            rows.append(r"\midrule")
        before = section
        rows.append(" & ".join(_escape(value) for value in line) + r" \\")
    n_named = len(SECTION) + 1
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\footnotesize",
            rf"\caption{{{_escape(TITLE)} {_escape(' '.join(notes(table)))}}}",
            r"\label{tab:lif-roles-accuracy}",
            rf"\begin{{tabular}}{{{'l' * n_named}{'r' * (len(text.columns) - n_named)}}}",
            r"\toprule",
            " & ".join(_escape(name) for name in text.columns) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        SAME: r"\textdagger{}",
        "–": "--",
    }
)


def _escape(text: str) -> str:
    return text.translate(_LATEX)


def csv(frame: pd.DataFrame) -> str:
    """`summary` as CSV: accuracies as fractions, every digit."""
    out = io.StringIO()
    summary(frame).to_csv(out, index=False, lineterminator="\n")
    return out.getvalue()


def table6(frame: pd.DataFrame) -> dict[str, str]:
    """Table 6 by file name: numbers as CSV, text as Markdown and as LaTeX."""
    return {"table6.csv": csv(frame), "table6.md": markdown(frame), "table6.tex": latex(frame)}
