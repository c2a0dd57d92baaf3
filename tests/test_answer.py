"""What each component does: with it minus without it, by kind of data and framework."""

from __future__ import annotations

import pytest
from report_rows import ready, row

from suite.report.answer import COMPONENTS, ROLES, effects, one_framework

SEEDS = (0.70, 0.72, 0.69, 0.75, 0.71)
MORE = (0.05, 0.06, 0.055, 0.045, 0.052)


def cells(by, variant="baseline", **about):
    about = {"data_source": "original", "dataset": "mnist", "n": None, "variant": variant, **about}
    return [row(value=value + more, seed=i, **about) for i, (value, more) in enumerate(zip(SEEDS, by, strict=True))]


def only(found, component, role="accuracy"):
    (one,) = [one for one in found if (one.component, one.role) == (component, role)]
    return one


def test_effects_are_with_minus_without():
    rows = [*cells([0.0] * 5), *cells([-m for m in MORE], "without_leakage"), *cells(MORE, "with_recurrence")]
    rows += cells([m + 0.02 for m in MORE], "without_reset")
    found = effects(ready(rows))
    assert {one.component for one in found} == set(COMPONENTS)
    for component, mean, verdict, good in (
        ("leakage", 0.0524, "raises", True),
        ("reset", -0.0724, "lowers", False),
        ("recurrence", 0.0524, "raises", True),
    ):
        one = only(found, component)
        assert one.evidence.mean == pytest.approx(mean)
        assert (one.verdict, one.good, one.kind, one.unit) == (verdict, good, "spatial", "accuracy")
        assert one.p <= 0.05
        assert one.evidence.means[0] - one.evidence.means[1] == pytest.approx(mean)


def test_of_operations_less_is_better():
    rows = []
    for variant, scale in (("baseline", 1e5), ("without_reset", 3e5)):
        about = {"experiment": "spike_rate", "unit": "operations per sample"}
        rows += [{**r, "value": r["value"] * scale} for r in cells(MORE, variant, metric="effective_acs", **about)]
        rows += [{**r, "value": 100.0} for r in cells(MORE, variant, metric="effective_macs", **about)]
    one = only(effects(ready(rows)), "reset", "operations")
    assert (one.verdict, one.good, one.unit) == ("lowers", True, "")
    assert one.evidence.means[0] == pytest.approx(1e5 * (sum(SEEDS) + sum(MORE)) / 5 + 100)


def test_generalization_is_minus_the_fall_of_table_7():
    """Baseline 0.8 elsewhere and 0.9 at 3 ms; with recurrence 0.6 and 0.9: it lowers by 0.2."""
    rows = []
    for variant, elsewhere in (("baseline", 0.10), ("with_recurrence", -0.10)):
        for ms in (1, 2, 3, 5, 10):
            at = {"dt_ms": ms, "n_steps": 15, "mode": "fixed_steps", "readout": "trained"}
            by = [elsewhere + m / 10 for m in MORE] if ms != 3 else [0.2] * 5
            by = [-m / 7 * (variant == "baseline") + one for m, one in zip(reversed(MORE), by, strict=True)]
            rows += cells(by, variant, experiment="generalization", at=at, dataset="n_mnist")
    one = only(effects(ready(rows)), "recurrence", "generalization")
    assert one.evidence.mean == pytest.approx(-0.2)
    assert set(ROLES) >= {one.role}


def test_smoke_and_stand_in_rows_have_no_effects():
    for change in ({"protocol": "smoke"}, {"data_source": "standin"}):
        assert effects(ready([*cells([0.0] * 5, **change), *cells(MORE, "with_recurrence", **change)])) == []
    assert effects(ready([])) == []


def test_whether_frameworks_say_the_same():
    def found(by_snntorch, kernels=("spikingjelly-step", "snntorch-step")):
        rows = []
        for backend, kernel, by in zip(("spikingjelly", "snntorch"), kernels, (MORE, by_snntorch), strict=True):
            about = {"backend": backend, "kernel": kernel, "engine": "step"}
            rows += [*cells([0.0] * 5, **about), *cells(by, "with_recurrence", **about)]
        return effects(ready(rows))

    assert one_framework(found(MORE[::-1])) == "same"
    assert one_framework(found([-m for m in MORE])) == "differ"
    assert one_framework(found(MORE, ("numba-cpu", "numba-cpu"))) == "same kernel"
    assert one_framework(found(MORE)[:1]) == "one framework"
    assert one_framework([]) == "one framework"
