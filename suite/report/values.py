"""Numbers that a claim compares: from the rows of one setting and framework to one number a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from suite.report.measured import at_all, chance, sweep_k
from suite.results.record import Axis

ACCURACY = "accuracy"
"""The unit of shares of right answers, and of differences of them; all others are written as they are ("")."""


@dataclass(frozen=True)
class Measured:
    """A metric of a variant, in the rows as an experiment measured it; called, its mean for each seed (index).

    The mean is over the rows where `at` leaves several (directions, layers); without `at`, the rows on no axis count.
    """

    variant: str
    metric: str = "test_accuracy"
    experiment: str = "accuracy"
    at: tuple[tuple[str, Axis], ...] = ()

    @property
    def parts(self) -> tuple[Measured, ...]:
        """What it is made of: itself."""
        return (self,)

    @property
    def unit(self) -> str:
        """ACCURACY or ""."""
        return ACCURACY if self.metric == "test_accuracy" else ""

    @property
    def name(self) -> str:
        """For people: "baseline in robustness"."""
        on = f" on {dict(self.at)['backend']}" if "backend" in dict(self.at) else ""
        return self.variant + ("" if self.experiment == "accuracy" else f" in {self.experiment}") + on

    def rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Those that it is the mean of."""
        own = rows_at(rows, self.metric, self.experiment, dict(self.at), self.variant)
        return own if self.at else own[at_all(own)]

    def __call__(self, rows: pd.DataFrame) -> pd.Series:
        return self.rows(rows).groupby("seed")["value"].mean()

    def runs(self, rows: pd.DataFrame) -> pd.Series:
        """The run of each seed."""
        return self.rows(rows).groupby("seed")["run_id"].last()

    def n_samples(self, rows: pd.DataFrame) -> int | None:
        """How many test samples each value is a share of, at least; None if the rows do not say."""
        n = self.rows(rows)["n"].dropna().min()
        return int(n) if pd.notna(n) and n > 0 else None


@dataclass(frozen=True)
class Derived:
    """A number made of others (`parts`), by `find`; empty if they are not there."""

    find: Callable[[pd.DataFrame], pd.Series]
    parts: tuple[Measured, ...]
    unit: str

    def __call__(self, rows: pd.DataFrame) -> pd.Series:
        return self.find(rows)


Values = Measured | Derived


def rows_at(
    rows: pd.DataFrame, metric: str, experiment: str, at: Mapping[str, Axis], variant: str | None = None
) -> pd.DataFrame:
    """The rows of a metric (of a variant) where its axes have these values."""
    if not set(at) <= set(rows.columns):
        return rows.iloc[:0]
    chosen = (rows["experiment"] == experiment) & (rows["metric"] == metric)
    for name, wanted in {**at, **({} if variant is None else {"variant": variant})}.items():
        chosen &= rows[name] == wanted
    return rows[chosen.to_numpy(bool)]


def value(variant: str, metric: str = "test_accuracy", experiment: str = "accuracy", **at: Axis) -> Measured:
    """The metric of a variant."""
    return Measured(variant, metric, experiment, tuple(at.items()))


def _derived(find: Callable[[pd.DataFrame], pd.Series], *of: Values) -> Derived:
    parts = tuple(dict.fromkeys(part for one in of for part in one.parts))
    units = {one.unit for one in of}
    return Derived(find, parts, units.pop() if len(units) == 1 else "")


def minus(one: Values, other: Values) -> Derived:
    """A difference."""
    return _derived(lambda rows: one(rows) - other(rows), one, other)


def total(*of: Values) -> Derived:
    """A sum, for the seeds that have all of it."""

    def find(rows: pd.DataFrame) -> pd.Series:
        return pd.concat([one(rows) for one in of], axis=1, join="inner").sum(axis=1, skipna=False)

    return _derived(find, *of)


def mean(*of: Values) -> Derived:
    """A mean, for the seeds that have all of it."""
    whole = total(*of)
    return Derived(lambda rows: whole(rows) / len(of), whole.parts, whole.unit)


def fall(variant: str, dt_ms: int, mode: str) -> Derived:
    """How much accuracy a network loses from the 3 ms of its training to another resolution (Table 7)."""
    trained, other = (
        value(variant, "test_accuracy", "generalization", mode=mode, readout="trained", dt_ms=ms) for ms in (3, dt_ms)
    )
    return minus(trained, other)


def effect(one: Values, other: Values) -> Derived:
    """The size of a mean difference, whichever its sign: by seed, the difference in the direction of its mean.

    Not the mean of sizes, which is large where seeds scatter though nothing matters.
    """

    def find(rows: pd.DataFrame) -> pd.Series:
        difference = one(rows) - other(rows)
        return difference * (1 if difference.mean() >= 0 else -1)

    return _derived(find, one, other)


def shifted(one: Values, by: float) -> Derived:
    """A number plus a constant."""
    return _derived(lambda rows: one(rows) + by, one)


def zero(one: Values) -> Derived:
    """0 for the seeds that `one` has."""
    return _derived(lambda rows: one(rows) * 0, one)


def guess(one: Values, plus: float = 0.0) -> Derived:
    """The accuracy of guessing, for the seeds that `one` has, plus a constant."""
    return _derived(lambda rows: one(rows) * 0 + chance(rows) + plus, one)


def gain(variant: str) -> Derived:
    """How much more accurate than the baseline."""
    return minus(value(variant), value("baseline"))


def over(kind: str, one: Values) -> Derived:
    """The mean of a number over those datasets of a kind that have it, for the seeds that all of these have."""

    def find(rows: pd.DataFrame) -> pd.Series:
        parts = rows[rows["kind"] == kind].groupby("dataset", sort=False)
        found = [numbers for _, part in parts if len(numbers := one(part).dropna())]
        return pd.concat(found, axis=1, join="inner").mean(axis=1) if found else pd.Series(dtype=float)

    return _derived(find, one)


def slope(metric: str, experiment: str, **at: Axis) -> Derived:
    """The least-squares slope of a metric against k over a sweep of at least three k."""

    def find(rows: pd.DataFrame) -> pd.Series:
        own = rows_at(rows, metric, experiment, at)
        own = own.assign(k=own["variant_parameters"].map(sweep_k)).dropna(subset=["k"])
        sweeps = {seed: sweep for seed, sweep in own.groupby("seed") if sweep["k"].nunique() >= 3}
        whole = {seed: sweep for seed, sweep in sweeps.items() if sweep["value"].notna().all()}
        slopes = {seed: np.polyfit(sweep["k"], sweep["value"], 1)[0] for seed, sweep in whole.items()}
        return pd.Series(slopes, dtype=float).reindex(list(sweeps))

    return Derived(find, (), "")
