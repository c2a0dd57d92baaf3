"""What to type: to make the rows of a report again, and to measure what it lacks."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import pandas as pd

from suite.paper import DATASETS, TABLE_6, TABLE_6_VARIANTS
from suite.report.claims import Claim
from suite.report.measured import accuracy_rows, order
from suite.results import Results

PROTOCOL, SEEDS = "suite", "0-4"
"""How what is lacking is measured: as verdicts need it."""


_NOT_DEFINED = {(variant, dataset) for variant in TABLE_6_VARIANTS for dataset in DATASETS} - set(TABLE_6)
"""What the paper leaves out, and no network is defined for."""


def run(experiment: str, dataset: str, variants: Iterable[str]) -> str:
    """The command for five seeds of variants."""
    options = {"dataset": dataset, "variant": ",".join(variants), "protocol": PROTOCOL, "seeds": SEEDS}
    return f"lif-roles run {experiment} " + _options(options)


def testing(claim: Claim) -> list[str]:
    """What measures all that a claim compares: a command for each experiment."""
    parts = [part for test in claim.tests for part in test.parts]
    found = []
    for experiment in dict.fromkeys(part.experiment for part in parts):
        variants = dict.fromkeys(part.variant for part in parts if part.experiment == experiment)
        datasets = (name for name in claim.datasets or () if not any((one, name) in _NOT_DEFINED for one in variants))
        found.append(run(experiment, ",".join(datasets), variants))
    return found


def again(results: Results) -> list[str]:
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
                said.append(f"pytest benchmarks{marker} " + _options(options))
    return said


def _options(options: dict[str, str]) -> str:
    return " ".join(f"--{option} {shlex.quote(value)}" for option, value in options.items())


def _asked(rows: pd.DataFrame) -> tuple[str, str, str]:
    """The variants, backends and seeds of rows, each as an option's value."""
    variant, backend = (
        ",".join(rows[column].drop_duplicates().sort_values(key=order)) for column in ("variant", "backend")
    )
    return variant, backend, ",".join(str(seed) for seed in sorted(rows["seed"].unique()))
