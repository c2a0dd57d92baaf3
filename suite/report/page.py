"""The report as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined

from suite import __version__
from suite.drawing import Drawing, label
from suite.report.generic import generic
from suite.report.measured import accuracy_rows, order
from suite.report.table import NOTHING, Column, Table, written
from suite.report.table7 import READOUTS
from suite.results import STATUSES, Results

MADE_WITH = ["suite_version", "torch_version", "backend", "framework_version", "device", "git_commit"]


def render(
    results: Results, tables: Mapping[str, Table], figures: Sequence[tuple[Drawing, Path]], others: Sequence[str] = ()
) -> str:
    """The page: the report's tables by name, each figure with the SVG that shows it, and the values of the experiments
    that have neither (`others`).
    """
    rows = results.rows
    runs = rows.drop_duplicates(["run_id", "experiment"])
    table7 = tables["table7"]  # with the readout as trained; its files have both
    trained = tuple(row for row in table7.rows if READOUTS["trained"] in row[: table7.n_section])
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(written=written, label=label)
    template = environment.from_string(resources.files("suite.report").joinpath("page.html").read_text("utf-8"))
    troubles = ["dataset", "data_source", "protocol", "variant", "backend", "status", "reason"]
    return template.render(
        {**tables, "table6": tables["table6"].details_last(), "table7": replace(table7, rows=trained)},
        version=__version__,
        n_runs=len(runs),
        n_rows=len(rows),
        newest=str(rows["finished_at"].max()) if len(rows) else NOTHING,
        statuses={status: int((runs["status"] == status).sum()) for status in STATUSES},
        problems=results.problems,
        others={name: generic(results, name) for name in others},
        figures=[
            {"drawing": drawing, "source": _embedded(svg), "inches": float(drawing.figure.get_figwidth())}
            for drawing, svg in figures
        ],
        troubles=_counted(runs[runs["status"] != "ok"], troubles),
        data=_counted(runs, ["dataset", "data_source", "data_hash", "protocol", "benchmark_version"]),
        made_with=_counted(runs, MADE_WITH),
        commands=commands(results),
    )


def _embedded(svg: Path) -> str:
    """A data URI: as an image, so that the identifiers inside one SVG do not meet those of another."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode("ascii")


def _counted(runs: pd.DataFrame, columns: list[str]) -> Table:
    """Each combination of values, with the number of its runs."""
    filled = runs[columns].astype("string").fillna(NOTHING)
    counts = filled.value_counts(sort=False).reset_index(name="runs").sort_values(columns, key=order)
    shown = tuple(Column(name.replace("_", " ")) for name in (*columns, "runs"))
    return Table("runs", "", shown, tuple(tuple(map(str, row)) for row in counts.to_numpy()), counts)


def commands(results: Results) -> list[str]:
    """What makes these rows again: for each experiment, protocol, engine and data source a command for the datasets
    that have the same variants, backends and seeds.
    """
    said = []
    others = results.rows[results.rows["experiment"] != "accuracy"]
    rows = pd.concat([accuracy_rows(results), others])
    names = ["accuracy", *sorted(set(rows["experiment"]) - {"accuracy"})]
    for name in names:
        own = rows[rows["experiment"] == name]
        for (protocol, engine, source), part in own.groupby(["protocol", "engine", "data_source"], sort=True):
            alike: dict[tuple[str, ...], list[str]] = {}
            for dataset in part["dataset"].drop_duplicates().sort_values(key=order):
                alike.setdefault(_asked(part[part["dataset"] == dataset]), []).append(dataset)
            for (variant, backend, seeds), datasets in alike.items():
                options = {
                    "dataset": ",".join(datasets),
                    "variant": variant,
                    "backend": backend,
                    "protocol": protocol,
                    "engine": engine if engine in ("step", "fused") else "auto",
                    "seeds": seeds,
                    "data-source": source if source in ("original", "standin") else "auto",
                }
                if engine == "none":  # PyTorch's own recurrent layers: no backend to choose
                    del options["backend"]
                marker = "" if name == "accuracy" else f" -m {shlex.quote(name)}"
                text = " ".join(f"--{option} {shlex.quote(value)}" for option, value in options.items())
                said.append(f"pytest benchmarks{marker} {text}")
    return said


def _asked(rows: pd.DataFrame) -> tuple[str, str, str]:
    """The variants, backends and seeds of rows, each as an option's value."""
    variant, backend = (
        ",".join(rows[column].drop_duplicates().sort_values(key=order)) for column in ("variant", "backend")
    )
    return variant, backend, ",".join(str(seed) for seed in sorted(rows["seed"].unique()))
