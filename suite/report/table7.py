"""Table 7: accuracy at temporal resolutions that a network was not trained at, beside the paper's numbers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from suite.paper import RESOLUTIONS_MS, TABLE_7, TABLE_7_MODELS, WHERE
from suite.report.measured import (
    NAMED,
    ORDERED,
    SETTING,
    comparable,
    framework_name,
    invalid_note,
    measured,
    on_axes,
    order,
    papers_data,
    with_baselines,
)
from suite.report.statistics import means
from suite.report.table import Cell, Column, Line, Number, Stack, Table, named_columns
from suite.report.table6 import papers_cell, told_apart
from suite.results import Results

TITLE = "Test accuracy at temporal resolutions other than the training's, beside Table 7 of Yin et al. (2024)."
MODES = {"fixed_steps": "as many steps as in training", "fixed_window": "as much time as in training"}
READOUTS = {"trained": "as trained", "last_step": "last step only"}
_BY = [*SETTING, "mode", "readout", "variant", "variant_parameters", "backend", "kernel", "dt_ms"]


def table7(results: Results) -> Table:
    """A table for each mode, with a row for each model and a column for each resolution; in a cell the frameworks'
    numbers and the paper's. data as `summary7` has it.
    """
    data = summary7(results)
    dts = sorted(set(data["dt_ms"]) | set(map(float, RESOLUTIONS_MS)))
    rows: list[tuple[Cell, ...]] = []
    group = [*SETTING, "mode", "readout", "variant", "variant_parameters"]
    for key, part in data.groupby(group, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(group, key, strict=True))
        source, protocol = about["data_source"], about["protocol"]
        start = (*(str(about[name]) for name in NAMED), MODES[about["mode"]], READOUTS[about["readout"]])
        backends = list(dict.fromkeys(part["backend"]))
        paper = part.drop_duplicates("dt_ms").set_index("dt_ms")["paper"]
        beside = ["paper"] * bool(paper.notna().any())
        cells = []
        for dt in dts:
            own = part[part["dt_ms"] == dt]
            lines: list[Line] = [_numbers(own[own["backend"] == backend]) for backend in backends]
            lines += [papers_cell(paper.get(dt, math.nan), source, protocol)] * len(beside)
            cells.append(Stack(tuple(lines)))
        names = Stack((*map(framework_name, backends), *beside))
        rows.append((*start, about["variant"] + told_apart(data, about), names, *cells))
    columns = (
        *named_columns("mode", "readout"),
        Column("model", "variant"),
        Column("from"),
        *(Column(f"{dt:g} ms", "number") for dt in dts),
    )
    return Table(
        "table7",
        TITLE,
        columns,
        tuple(rows),
        data,
        (*_notes(data), *invalid_note(results, "generalization")),
        apart=True,
    )


def _numbers(rows: pd.DataFrame) -> tuple[Number, ...]:
    """One of each kernel."""
    return tuple(Number(one["mean"], low=one["lower"], high=one["upper"]) for _, one in rows.iterrows())


def summary7(results: Results) -> pd.DataFrame:
    """Mean, ci95, lower, upper and n of each model, framework, resolution, mode and readout, and the paper's number,
    all fractions.
    """
    rows = on_axes(measured(results, "generalization", "test_accuracy"), "dt_ms", "mode", "readout")
    table = means(with_baselines(rows), _BY)
    table["dt_ms"] = table["dt_ms"].astype(float)
    paper = [TABLE_7.get((v, dt), math.nan) for v, dt in zip(table["variant"], table["dt_ms"], strict=True)]
    table["paper"] = pd.Series(paper, index=table.index, dtype=float).where(table["dataset"].isin(WHERE["Table 7"]))
    return table.sort_values([*ORDERED, "mode", "readout", "variant", "backend"], key=_order)


def _order(values: pd.Series) -> pd.Series:
    """As `order`, with Table 7's models in its order, and the readout as trained first."""
    rank = {name: f"{i:03}" for i, name in enumerate(dict.fromkeys([*TABLE_7_MODELS, *MODES, *READOUTS]))}
    return values.map(rank).fillna(order(values))


def _notes(table: pd.DataFrame) -> list[str]:
    """What a reader must know about Table 7."""
    n = table["n"]
    seeds = "" if n.empty else f" n = {n.min()}" + (f" to {n.max()}" if n.max() != n.min() else "") + " seeds."
    said = [f"Test accuracy in %: mean over seeds [95 % t-interval, of the logit]; no interval for n = 1.{seeds}"]
    said.append(
        "The paper does not say whether its tests at other resolutions keep the number of steps or the time that they "
        "span; its numbers stand beside both."
    )
    if not all(comparable(s, p) for s, p in zip(table["data_source"], table["protocol"], strict=True)):
        said.append(
            "In brackets: the paper's numbers where they do not compare, on stand-in data or after a smoke run."
        )
    labelled = sorted({s for s in table["data_source"] if s != "standin" and not papers_data(s)})
    if labelled:
        said.append(f"Not the original data: {', '.join(labelled)}.")
    kernels = table[table["kernel"] != "none"].groupby([*SETTING, "kernel"], dropna=False)["backend"].nunique()
    if bool((kernels > 1).any()):
        said.append("Where both frameworks ran the same kernel (engine fused), their agreement is by construction.")
    return said
