"""Whole simulated reports: how often a verdict is wrong where nothing matters, and found where something does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from report_rows import ready, row
from scipy import stats

from suite.report.answer import effects
from suite.report.inference import ALPHA, Evidence, pairs_needed
from suite.report.verdicts import Judged, judge

VARIANTS = ("baseline", "without_leakage", "complete_leakage", "without_reset", "with_recurrence")
DATASETS = ("xor", "shd", "n_mnist", "mnist")
OF_CHANCE = ("table6-complete-leak",)
"""About one variant alone: true or not, whatever the components do."""


def report(
    rng: np.random.Generator,
    seeds: int,
    effect: Mapping[tuple[str, str], float],
    scatter: tuple[float, ...] = (0.01,),
) -> tuple[Judged, ...]:
    """Accuracies around 80 %: seeds differ, with all variants alike, and so does each run, by one of `scatter`;
    `effect` on some of them.
    """
    rows = []
    for dataset in DATASETS:
        of_seed = rng.normal(0, 0.01, seeds)
        for variant in VARIANTS:
            values = 0.8 + of_seed + rng.normal(0, rng.choice(scatter), seeds)
            values += effect.get((dataset, variant), 0.0)
            about = {"dataset": dataset, "variant": variant, "data_source": "original", "n": None}
            rows += [row(value=float(value), seed=seed, **about) for seed, value in enumerate(values)]
            if dataset == "n_mnist":
                flips = {**about, "experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}}
                rows += [row(value=float(100 + rng.normal(0, 5)), seed=seed, **flips) for seed in range(seeds)]
    results = ready(rows)
    found = judge(results)
    assert len(effects(results)) == 3 * len(DATASETS) + 3
    return found


def decided(found: tuple[Judged, ...]) -> list[str]:
    return [
        f"{one.claim.id} {one.verdict}"
        for one in found
        if one.claim.id not in OF_CHANCE
        and any(test.verdict in ("supported", "contradicted") for test in one.tests)
        and not any(test.equal for test in one.claim.tests)
    ]


def on_shd(found: tuple[Judged, ...], claim: str = "table6-no-leak") -> list[str]:
    return [one.verdict for one in found if one.claim.id == claim and (one.setting or {}).get("dataset") == "shd"]


def test_without_an_effect_at_most_one_report_in_twenty_is_wrong() -> None:
    rng = np.random.default_rng(0)
    reports = [decided(report(rng, 5, {}, (0.001, 0.01, 0.03))) for _ in range(30)]
    wrong = sum(map(bool, reports))
    assert stats.binomtest(wrong, len(reports)).proportion_ci(0.95).low <= ALPHA, [said for said in reports if said]


def test_an_effect_is_found_with_the_power_that_is_claimed() -> None:
    """d_z = 2: differences of 0.02 * sqrt(2) whose standard deviation is 0.01 * sqrt(2)."""
    size = 0.02 * 2**0.5
    rng = np.random.default_rng(1)
    first = report(rng, 5, {})
    n_tests = len({(t.says, *map(str, (one.setting or {}).values())) for one in first for t in one.tests})
    expected = Evidence(5, size, 0, 0, 0, 0, 2.0, "paired t", of_seeds=0.01 * 2**0.5)
    needed = pairs_needed(expected, ALPHA / (2 * n_tests))
    assert needed is not None
    assert 8 <= needed <= 14
    find = partial(report, rng, needed, {("shd", "without_leakage"): -size})
    verdicts = [verdict for _ in range(25) for verdict in on_shd(find())]
    power = stats.binomtest(verdicts.count("supported"), len(verdicts)).proportion_ci(0.95)
    assert power.low <= 0.9
    assert power.high >= 0.8
    assert verdicts.count("supported") >= 17
    assert "contradicted" not in verdicts
