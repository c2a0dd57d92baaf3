"""The report as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from suite import __version__
from suite.drawing import Drawing, label
from suite.report import commands, first
from suite.report.answer import Effect, effects
from suite.report.claims import Claim
from suite.report.gaps import gaps
from suite.report.generic import generic
from suite.report.inference import FEWEST, Evidence
from suite.report.measured import framework_name, order
from suite.report.pictures import picture
from suite.report.table import NOTHING, Column, Stack, Table, written
from suite.report.table7 import READOUTS
from suite.report.verdicts import Judged, judged, size
from suite.results import STATUSES, Results

MADE_WITH = ["suite_version", "torch_version", "backend", "framework_version", "device", "git_commit"]
_PLACED = ("", "overview", "accuracy", "generalization", "tradeoff")
"""Figures that stand beside their tables."""

_TROUBLES = ["dataset", "data_source", "protocol", "variant", "backend", "status", "reason"]

LARGEST = 2_900_000
"""Characters of the page; pictures that would make it larger are files beside it."""

WIDTH = 120
"""Of a plot of an interval, in its own units."""


def render(
    results: Results,
    tables: Mapping[str, Table],
    figures: Mapping[str, Sequence[Drawing]],
    others: Sequence[str] = (),
) -> str:
    """The page: the report's tables by name, the figures by experiment (`figures.draw`), and the values of the
    experiments that have neither (`others`).
    """
    rows = results.rows
    runs = rows.drop_duplicates(["run_id", "experiment"])
    table7 = tables["table7"]  # with the readout as trained; its files have both
    trained = tuple(row for row in table7.rows if READOUTS["trained"] in row[: table7.n_section])
    found = effects(results)
    verdicts = judged(results)
    script = _text("page.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(
        written=written,
        label=label,
        framework_name=framework_name,
        amount=first.amount,
        anchor=first.anchor,
        size=size,
        plot=plot,
        gaps=lambda *experiments: gaps(results, *experiments),
        is_stack=lambda cell: isinstance(cell, Stack),
    )
    page = partial(
        environment.from_string(_text("page.html")).render,
        {
            **tables,
            "table6": tables["table6"].details_last(),
            "table7": replace(table7, rows=trained),
            "tradeoff": _with_more_than_accuracy(tables["tradeoff"]),
        },
        version=__version__,
        style=_text("page.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        n_runs=len(runs),
        n_rows=len(rows),
        newest=str(rows["finished_at"].max()) if len(rows) else NOTHING,
        statuses={status: int((runs["status"] == status).sum()) for status in STATUSES},
        problems=results.problems,
        answer=first.grid(found),
        headings=first.HEADINGS,
        glyphs=first.GLYPHS,
        frameworks=first.frameworks(found, results),
        others_data=first.others_data(found),
        untested=first.untested(found),
        evidence=_evidence(found),
        claims_tested=_tested(verdicts),
        claims_untested=[(one, commands.testing(one.claim)) for one in verdicts if one.setting is None],
        claims_title=tables["claims"].title,
        others={name: generic(results, name) for name in others},
        experiments=[name for name in figures if name not in _PLACED],
        troubles=_counted(runs[runs["status"] != "ok"], _TROUBLES),
        data=_counted(runs, ["dataset", "data_source", "data_hash", "protocol", "benchmark_version"]),
        made_with=_counted(runs, MADE_WITH),
        commands=commands.again(results),
    )
    without = page(figures=_shown(figures, 0))
    return page(figures=_shown(figures, LARGEST - len(without.encode())))


def _with_more_than_accuracy(tradeoff: Table) -> Table:
    """The trade-off of the settings that have one: those with accuracies alone are in Table 6."""
    n = tradeoff.n_section
    kept = {row[:n] for row in tradeoff.rows if any(row[n + 2 :])}
    return replace(tradeoff, rows=tuple(row for row in tradeoff.rows if row[:n] in kept))


def _text(name: str) -> str:
    return resources.files("suite.report").joinpath(name).read_text("utf-8")


@dataclass(frozen=True)
class Figure:
    """A drawing as the page has it: `source` is its picture, or the file beside the page that has it."""

    drawing: Drawing
    source: str
    inches: float


def _shown(figures: Mapping[str, Sequence[Drawing]], room: int) -> dict[str, dict[str, list[Figure]]]:
    """Of each experiment the figures of each kind. Within `room` characters they are embedded: those that are not
    folded before the others.
    """
    kinds: dict[str, dict[str, list[Drawing]]] = {experiment: {} for experiment in figures}
    for experiment, drawings in figures.items():
        for one in drawings:
            kinds[experiment].setdefault(one.kind or one.title, []).append(one)
    every = [own for of in kinds.values() for own in of.values()]
    sources = {}
    for one in [own[0] for own in every] + [one for own in every for one in own[1:]]:
        embedded = picture(one) if room else ""
        fits = 0 < len(embedded) <= room
        sources[one.name] = embedded if fits else f"{one.name}.png"
        room -= len(embedded) * fits
    return {
        experiment: {
            kind: [Figure(one, sources[one.name], float(one.figure.get_figwidth())) for one in own]
            for kind, own in of.items()
        }
        for experiment, of in kinds.items()
    }


@dataclass(frozen=True)
class Plot:
    """An interval drawn small: where its ends, its mean and zero are (`WIDTH` wide), and what it shows in words."""

    low: float
    mean: float
    high: float
    says: str
    zero: float = WIDTH / 2


def plot(e: Evidence, limit: float) -> Plot | None:
    """Evidence on an axis from -limit to limit, at which it is cut; None where there is nothing to draw."""
    if not e.n or math.isnan(e.mean) or not limit:
        return None

    def x(value: float) -> float:
        return round(WIDTH / 2 * (1 + 0.96 * max(-1.0, min(1.0, value / limit))), 1)

    says = f"mean {e.mean:.3g}"
    if math.isnan(e.low):
        return Plot(x(e.mean), x(e.mean), x(e.mean), f"{says}, no interval")
    return Plot(x(e.low), x(e.mean), x(e.high), f"{says}, 95 % interval from {e.low:.3g} to {e.high:.3g}")


def _limit(found: Iterable[Evidence]) -> float:
    """How far plots that stand below one another reach: as the intervals of enough seeds do, or else as means do."""
    every = [e for e in found if e.n and not math.isnan(e.mean)]
    sure = [abs(end) for e in every if e.n >= FEWEST for end in (e.low, e.high) if not math.isnan(end)]
    return max(sure + [1.5 * abs(e.mean) for e in every], default=0.0)


def _evidence(found: Sequence[Effect]) -> list[dict[str, Any]]:
    """The effects of each component and role, with how far their plots reach and which are the first of a dataset."""
    named: set[str] = set()
    sections: list[dict[str, Any]] = []
    for component, role in dict.fromkeys((one.component, one.role) for one in found):
        own = [one for one in found if (one.component, one.role) == (component, role)]
        own.sort(key=lambda one: first.KINDS.index(one.kind) if one.kind in first.KINDS else len(first.KINDS))
        limits = _limits((one.unit, one.evidence) for one in own)
        lines = []
        for one in own:
            name = first.anchor(one)
            lines.append({"effect": one, "limit": limits[one.unit], "anchor": "" if name in named else name})
            named.add(name)
        sections.append({"component": component, "role": role, "lines": lines})
    return sections


def _limits(found: Iterable[tuple[str, Evidence]]) -> dict[str, float]:
    """By unit."""
    pairs = list(found)
    return {unit: _limit(e for its, e in pairs if its == unit) for unit in dict.fromkeys(unit for unit, _ in pairs)}


def _tested(verdicts: Sequence[Judged]) -> list[dict[str, Any]]:
    """The claims that have rows: what they came out as, counted, and each with how far its plots reach."""
    by: dict[str, list[Judged]] = {}
    claims: dict[str, Claim] = {}
    for one in verdicts:
        if one.setting is not None:
            by.setdefault(one.claim.id, []).append(one)
            claims[one.claim.id] = one.claim
    return [
        {
            "claim": claims[name],
            "judged": own,
            "limits": _limits((test.unit, test.evidence) for one in own for test in one.tests),
        }
        for name, own in by.items()
    ]


def _counted(runs: pd.DataFrame, columns: list[str]) -> Table:
    """Each combination of values, with the number of its runs."""
    filled = runs[columns].astype("string").fillna(NOTHING)
    counts = filled.value_counts(sort=False).reset_index(name="runs").sort_values(columns, key=order)
    kinds = {"runs": "number", "benchmark_version": "number"}
    shown = tuple(Column(name.replace("_", " "), "number" if name in kinds else "text") for name in (*columns, "runs"))
    return Table("runs", "", shown, tuple(tuple(map(str, row)) for row in counts.to_numpy()), counts)
