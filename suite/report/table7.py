"""Table 7, accuracy at temporal resolutions that a network was not trained at, beside the paper's numbers."""

from __future__ import annotations

import io
import math
from typing import Any

import pandas as pd

from suite.paper import RESOLUTIONS_MS, TABLE_7
from suite.report.measured import means, measured, with_baselines
from suite.report.summary import FRAMEWORKS, SETTING, comparable, order
from suite.report.tables import _escape as escape
from suite.report.tables import _pipes as pipes
from suite.report.tables import percent

TITLE = "Test accuracy at temporal resolutions other than the training's, beside Table 7 of Yin et al. (2024)."
MODES = {"fixed_steps": "as many steps as in training", "fixed_window": "as much time as in training"}
READOUTS = {"trained": "as trained", "last_step": "last step only"}
SECTION = ["dataset", "data source", "protocol", "engine", "mode", "readout"]
_BY = [*SETTING, "mode", "readout", "variant", "variant_parameters", "backend", "kernel", "dt_ms"]


def summary7(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean, ci95 and n of each model, framework, resolution, mode and readout, and the paper's number (fractions)."""
    rows = with_baselines(measured(frame, "generalization", "test_accuracy"))
    if "dt_ms" not in rows:
        rows = rows.assign(dt_ms="", mode="", readout="")
    table = means(rows, _BY)
    table["dt_ms"] = table["dt_ms"].astype(float)
    n_mnist = table["dataset"] == "n_mnist"
    paper = [TABLE_7.get((v, int(dt)), math.nan) for v, dt in zip(table["variant"], table["dt_ms"], strict=True)]
    table["paper"] = pd.Series(paper, index=table.index, dtype=float).where(n_mnist)
    return table.sort_values(["protocol", "dataset", "engine", "mode", "readout", "variant", "backend"], key=_order)


def _order(values: pd.Series) -> pd.Series:
    """As `order`, with Table 7's models in its order, and the readout as trained first."""
    rank = {name: f"{i:03}" for i, name in enumerate(dict.fromkeys([*(m for m, _ in TABLE_7), *MODES, *READOUTS]))}
    return values.map(rank).fillna(order(values))


def layout7(table: pd.DataFrame) -> pd.DataFrame:
    """`summary7` as text: a line for each model and framework, then the paper's, a column for each resolution (%)."""
    dts = sorted(set(table["dt_ms"]) | set(map(float, RESOLUTIONS_MS)))
    lines: list[dict[str, str]] = []
    group = [*SETTING, "mode", "readout", "variant", "variant_parameters"]
    for key, part in table.groupby(group, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(group, key, strict=True))
        section = {name: str(about[name.replace(" ", "_")]) for name in SECTION[:4]}
        section |= {"mode": MODES[about["mode"]], "readout": READOUTS[about["readout"]]}
        for backend, own in part.groupby("backend", sort=False):
            cells = {f"{dt:g} ms": _cell(own[own["dt_ms"] == dt]) for dt in dts}
            framework = FRAMEWORKS.get(str(backend), str(backend))
            lines.append({**section, "model": about["variant"], "framework": framework, **cells})
        numbers = part.drop_duplicates("dt_ms").set_index("dt_ms")["paper"].dropna()
        if len(numbers):
            brackets = "{}" if comparable(about["data_source"], about["protocol"]) else "({})"
            cells = {f"{dt:g} ms": brackets.format(percent(numbers[dt])) if dt in numbers else "–" for dt in dts}
            lines.append({**section, "model": about["variant"], "framework": "paper", **cells})
    return pd.DataFrame(lines, columns=[*SECTION, "model", "framework", *(f"{dt:g} ms" for dt in dts)])


def _cell(lines: pd.DataFrame) -> str:
    texts = []
    for _, line in lines.iterrows():
        interval = "" if math.isnan(line["ci95"]) else f" ± {percent(line['ci95'])}"
        texts.append(f"{percent(line['mean'])}{interval}")
    return "; ".join(texts) or "–"


def notes7(table: pd.DataFrame) -> list[str]:
    """What a reader must know about Table 7."""
    n = table["n"]
    seeds = "" if n.empty else f" n = {n.min()}" + (f" to {n.max()}" if n.max() != n.min() else "") + " seeds."
    said = [f"Test accuracy in %: mean ± 95 % t-interval over seeds; no interval for n = 1.{seeds}"]
    said.append(
        "The paper does not say whether its tests at other resolutions keep the number of steps or the time that they "
        "span; its numbers stand beside both."
    )
    if not all(comparable(s, p) for s, p in zip(table["data_source"], table["protocol"], strict=True)):
        said.append(
            "In brackets: the paper's numbers where they do not compare, on stand-in data or after a smoke run."
        )
    labelled = sorted({s for s in table["data_source"] if s not in ("original", "standin", "generated")})
    if labelled:
        said.append(f"Not the original data: {', '.join(labelled)}.")
    kernels = table[table["kernel"] != "none"].groupby([*SETTING, "kernel"], dropna=False)["backend"].nunique()
    if bool((kernels > 1).any()):
        said.append("Where both frameworks ran the same kernel (engine fused), their agreement is by construction.")
    return said


def markdown7(frame: pd.DataFrame) -> str:
    """Table 7 as a Markdown document."""
    table = summary7(frame)
    text = layout7(table)
    body = [pipes(text.columns), pipes("---" for _ in text.columns), *(pipes(row) for row in text.to_numpy())]
    return "\n".join([TITLE, "", *body, "", *(f"- {note}" for note in notes7(table)), ""])


def latex7(frame: pd.DataFrame) -> str:
    """Table 7 as a LaTeX table for each setting, mode and readout; needs the package booktabs."""
    table = summary7(frame)
    text = layout7(table)
    out = []
    for section, part in text.groupby(SECTION, sort=False):
        shown = part.drop(columns=SECTION)
        about = ", ".join(f"{name} {value}" for name, value in zip(SECTION, section, strict=True))
        out += [
            r"\begin{table}",
            r"\centering\footnotesize",
            rf"\caption{{{escape(f'{TITLE} {about}. ' + ' '.join(notes7(table)))}}}",
            rf"\begin{{tabular}}{{ll{'r' * (len(shown.columns) - 2)}}}",
            r"\toprule",
            " & ".join(escape(name) for name in shown.columns) + r" \\",
            r"\midrule",
            *(" & ".join(escape(value) for value in row) + r" \\" for row in shown.to_numpy()),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    return "\n".join(out)


def table7(frame: pd.DataFrame) -> dict[str, str]:
    """Table 7 by file name: numbers as CSV, text as Markdown and as LaTeX; nothing without generalization rows."""
    table = summary7(frame)
    if table.empty:
        return {}
    out = io.StringIO()
    table.to_csv(out, index=False, lineterminator="\n")
    return {"table7.csv": out.getvalue(), "table7.md": markdown7(frame), "table7.tex": latex7(frame)}
