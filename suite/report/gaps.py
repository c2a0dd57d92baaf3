"""What is uneven or missing among the rows of an experiment, to be said where its numbers are."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from suite.report.measured import COUNTED, NAMED, SETTING, framework_name
from suite.results import Results
from suite.results.read import ARTIFACT

MADE_BY = ("suite_version", "torch_version", "framework_version")
_MOST = 8
"""Of one kind, how many are named."""


def gaps(results: Results, *experiments: str) -> list[str]:
    """Sentences; none if all is there."""
    rows = results.rows[results.rows["experiment"].isin(experiments)]
    numbers = rows[rows["metric"] != ARTIFACT]
    counted = numbers[numbers["status"].isin(COUNTED)]
    said = [*_apart(rows), *_made_by(counted), *_seeds(counted), *_one_backend(counted), *_no_value(counted)]
    unread = [text for text in results.problems if any(f"/{name}-" in text for name in experiments)]
    more = [f"{len(unread) - _MOST} more files cannot be read."] if len(unread) > _MOST else []
    return [*said, *unread[:_MOST], *more]


def _apart(rows: pd.DataFrame) -> Iterator[str]:
    versions = sorted(rows["benchmark_version"].dropna().unique())
    if len(versions) > 1:
        listed = " and ".join(map(str, versions))
        yield f"Mixed versions: rows of benchmark versions {listed} stand apart, as their numbers do not compare."
    sources = rows.groupby("dataset")["data_source"].unique()
    both = [name for name, found in sources.items() if "standin" in found and len({*found} - {"standin", "missing"})]
    if both:
        yield (
            f"Stand-in and real data: {_listed(both)} {'has' if len(both) == 1 else 'have'} rows of both; they stand "
            "apart, and only those of real data bear on a claim."
        )


def _made_by(rows: pd.DataFrame) -> Iterator[str]:
    by = [*SETTING, "variant", "variant_parameters", "backend", "kernel"]
    for column in MADE_BY:
        several = rows.groupby(by, dropna=False)[column].nunique()
        cells = several[several > 1].index.to_frame(index=False)
        if len(cells):
            found = ", ".join(sorted(rows[column].dropna().astype(str).unique()))
            where = (f"{one.dataset} {one.variant}" for one in cells.itertuples())
            yield (
                f"Mixed versions: seeds of several {column.replace('_', ' ')}s ({found}) share a mean in "
                f"{_listed(dict.fromkeys(where))}."
            )


def _seeds(rows: pd.DataFrame) -> Iterator[str]:
    lacking = []
    for _, setting in rows.groupby(SETTING, dropna=False, sort=False):
        every = set(setting["seed"])
        found: dict[tuple[str, str], list[str]] = {}
        for (variant, backend), own in setting.groupby(["variant", "backend"], sort=False):
            absent = sorted(every - set(own["seed"]))
            if absent:
                seeds = f"seed{'s' * (len(absent) > 1)} {', '.join(map(str, absent))}"
                found.setdefault((seeds, framework_name(backend)), []).append(str(variant))
        parts = [f"{seeds} of {', '.join(variants)} on {backend}" for (seeds, backend), variants in found.items()]
        lacking += [f"{_where(setting)}: {' and '.join(parts)}"] * bool(parts)
    if lacking:
        yield f"Missing seeds, which others of the same setting have: {_listed(lacking, '; ')}."


def _one_backend(rows: pd.DataFrame) -> Iterator[str]:
    spiking = rows[rows["backend"] != "torch"]
    alone = []
    for _, setting in spiking.groupby(SETTING, dropna=False, sort=False):
        frameworks = setting.groupby("variant", sort=False)["backend"].unique()
        only = frameworks[frameworks.map(len) == 1].map(lambda names: framework_name(names[0]))
        if setting["backend"].nunique() > 1 and len(only):
            parts = [f"{', '.join(own.index)} on {name}" for name, own in only.groupby(only, sort=False)]
            alone.append(f"{_where(setting)}: {' and '.join(parts)}")
    if alone:
        yield f"On one framework only: {_listed(alone, '; ')}."


def _no_value(rows: pd.DataFrame) -> Iterator[str]:
    has = rows["value"].notna().groupby([rows[name] for name in (*SETTING, "variant", "metric")], dropna=False)
    expected = rows["metric"].str.endswith("accuracy") | has.transform("any")  # an LSTM has no spikes to count
    empty = rows[rows["value"].isna() & expected & ~rows["invalid"] & (rows["metric"] != "flips_median")]
    if len(empty):
        where = (f"{r.metric} of {r.dataset} {r.variant} ({r.backend}, seed {r.seed})" for r in empty.itertuples())
        yield f"No number (NaN), and in no mean: {_listed(dict.fromkeys(where))}."


def _where(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return ", ".join(f"benchmark {first[name]}" if name == "benchmark_version" else str(first[name]) for name in NAMED)


def _listed(texts: object, mark: str = ", ") -> str:
    named = list(texts)  # type: ignore[call-overload]
    more = f" and {len(named) - _MOST} more" if len(named) > _MOST else ""
    return mark.join(named[:_MOST]) + more
