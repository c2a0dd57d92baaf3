"""What seeds can show: against scipy and statsmodels, by hand, and in simulated reports."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from suite.report.inference import ALPHA, MARGIN, RANKS, Evidence, binomial, compare, holm, pairs_needed, share_interval

LOW = pd.Series([0.70, 0.72, 0.69, 0.75, 0.71, 0.73])
HIGH = LOW + pd.Series([0.02, 0.035, 0.01, 0.025, 0.03, 0.005])


def test_a_paired_t_test_is_scipys() -> None:
    found = compare(HIGH, LOW)
    theirs = stats.ttest_rel(HIGH, LOW)
    interval = theirs.confidence_interval(0.95)
    assert found.method == "paired t"
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    difference = HIGH - LOW
    assert found.effect == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert math.isnan(found.p_equal)


def test_practically_equal_is_statsmodels_tost() -> None:
    high = LOW + pd.Series([0.002, -0.003, 0.001, 0.0, -0.001, 0.002])
    found = compare(high, LOW, margin=MARGIN)
    assert found.p_equal == pytest.approx(ttost_paired(high, LOW, -MARGIN, MARGIN)[0])
    assert found.p > ALPHA > found.p_equal


def test_only_common_seeds_count_and_fewer_than_five_decide_nothing() -> None:
    found = compare(HIGH.iloc[:5], LOW.iloc[1:])
    assert found.n == 4
    assert math.isnan(found.p)
    assert found.mean == pytest.approx((HIGH - LOW).iloc[1:5].mean())
    assert found.low < found.mean < found.high  # said all the same
    assert compare(HIGH.iloc[:0], LOW).n == 0


def test_equal_differences_are_no_evidence() -> None:
    for n in (2, 5, 20):
        low = pd.Series(np.linspace(0.5, 0.6, n))
        for difference in (0.01, 0.0):
            found = compare(low + difference, low, margin=MARGIN)
            assert found.method == "none"
            assert math.isnan(found.p)
            assert math.isnan(found.p_equal)


def test_differences_that_are_not_normal_are_ranked() -> None:
    low = pd.Series(np.zeros(12))
    high = pd.Series([0.001, 0.002, 0.001, 0.003, 0.002, 0.001, 0.002, 0.001, 0.9, 0.002, 0.001, 0.003])
    found = compare(high, low)
    assert found.method == "Wilcoxon, BCa"
    assert found.p >= stats.wilcoxon(high).pvalue


def test_seeds_that_learn_or_do_not_are_counted() -> None:
    """Nine of ten against two of ten: no t-interval, which would end beyond 100 %."""
    high = pd.Series([0.99] * 9 + [0.5])
    low = pd.Series([0.51] * 8 + [0.98] * 2)
    found = compare(high, low, margin=MARGIN)
    assert found.learnt == (9, 2)
    assert found.p < stats.fisher_exact([[9, 1], [2, 8]]).pvalue
    assert found.effect == pytest.approx(0.7)
    assert -1 <= found.low < 0.7 < found.high <= 1
    assert pairs_needed(found) is not None
    always = compare(pd.Series([0.99, 0.98, 0.995, 0.99, 0.985]), pd.Series([0.5, 0.51, 0.5, 0.49, 0.5]), margin=MARGIN)
    assert always.learnt is None  # neither side is split: a difference like any other
    assert always.p < 1e-6
    odd = compare(pd.Series([0.99, 0.98, 0.995, 0.99, 0.985]), pd.Series([0.5, 0.5, 0.5, 0.58, 0.5]), margin=MARGIN)
    assert odd.learnt == (5, 0)  # one that does not look normal
    assert odd.p == pytest.approx(2 * 0.25**5)  # both sides as they are, if seeds learn half of the time
    assert odd.mean == odd.effect == 1
    assert odd.means == (pytest.approx(0.988), pytest.approx(0.516))
    assert share_interval(9, 10) == pytest.approx(stats.binomtest(9, 10).proportion_ci(method="exact"))


def test_the_error_of_the_test_set_is_added_to_the_seeds() -> None:
    """Every seed gives the same difference but for a little: only another test set would tell."""
    rng = np.random.default_rng(0)
    samples = np.where(rng.random(100) < 0.1, 1, np.where(rng.random(100) < 0.05, -1, 0))[None].repeat(6, 0)
    samples[np.arange(6), np.arange(6)] = 1
    high = pd.Series(0.5 + samples.mean(1))
    low = pd.Series([0.5] * 6)
    alone = compare(high, low)
    both = compare(high, low, samples=samples)
    assert both.high - both.low > 3 * (alone.high - alone.low)
    item = samples.mean(0).std(ddof=1) / 10
    assert both.high - both.mean == pytest.approx(1.98 * item, rel=0.1)
    rough = compare(
        high, low, of_samples=binomial([high.mean(), 0.5], 100)
    )  # without knowing which samples: as if they were other ones
    assert rough.high - rough.low > both.high - both.low


def test_the_binomial_error_by_hand() -> None:
    """sqrt((0.5 * 0.5 + 0.9 * 0.1) / 100) of two; of ten that are all 0.5 that of four: sqrt(4 * 0.25 / 100)."""
    assert binomial([0.5, 0.9], 100) == pytest.approx(math.sqrt(0.34) / 10)
    assert binomial([0.5] * 10, 100) == pytest.approx(0.1)
    assert binomial([0.5], 100) == pytest.approx(0.05)
    assert binomial([0.5], None) == binomial([], 100) == binomial([math.nan], 100) == 0


def test_holm_by_hand() -> None:
    assert holm([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)
    assert holm([]) == []
    assert math.isnan(holm([math.nan])[0])


def simulated(rng: np.random.Generator, seeds: int, samples: int, effect: float, of_samples: float = 0.8) -> Evidence:
    """Two variants on one test set: seeds and samples differ, and samples differ in which variant they suit."""
    ability, suits = rng.normal(1, 1, samples), rng.normal(0, of_samples, samples)
    right = []
    for sign in (1, -1):
        of_seed = rng.normal(0, 0.15, (seeds, 1))
        right.append(
            (rng.random((seeds, samples)) < expit(ability + of_seed + sign * (suits + effect) / 2)).astype(int)
        )
    high, low = (pd.Series(one.mean(1)) for one in right)
    return compare(high, low, margin=MARGIN, samples=right[0] - right[1])


@pytest.mark.parametrize("seeds", [5, 10])
def test_without_an_effect_one_in_twenty_is_called_different(seeds: int) -> None:
    rng = np.random.default_rng(0)
    ps = np.array([simulated(rng, seeds, 200, 0.0).p for _ in range(800)])
    assert stats.binomtest(int((ps <= ALPHA).sum()), len(ps)).proportion_ci(0.99).low <= ALPHA
    assert (ps <= ALPHA).mean() > 0.01  # nor does it never say so


def test_a_report_of_many_claims_without_effect_is_wrong_in_at_most_one_of_twenty() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(40):
        found = [simulated(rng, 5, 100, 0.0) for _ in range(12)]
        wrong += min(holm([one.p for one in found] + [one.p_equal for one in found])[:12]) <= ALPHA
    assert stats.binomtest(wrong, 40).proportion_ci(0.99).low <= ALPHA


def test_the_power_is_what_is_claimed() -> None:
    """With as many seeds as `needed` says for a known effect, four of five studies find it."""
    rng = np.random.default_rng(2)
    d = 1.2
    needed = pairs_needed(compare(pd.Series(d + rng.normal(0, 1, 4000)), pd.Series(np.zeros(4000))))
    assert needed is not None
    found = []
    for _ in range(400):
        pairs = pd.Series(d + rng.normal(0, 1, needed))
        found.append(compare(pairs, pd.Series(np.zeros(needed))).p <= ALPHA)
    assert 0.73 < np.mean(found) < 0.9


def test_how_many_seeds_would_decide() -> None:
    rng = np.random.default_rng(3)
    zeros = pd.Series(np.zeros(8))
    equal = pairs_needed(compare(pd.Series(rng.normal(0, 0.02, 8)), zeros, margin=MARGIN))
    assert equal is not None
    assert equal > 8
    hopeless = compare(pd.Series(rng.permutation([1e-9, -1e-9, 1.0, -1.0, 0.3, -0.3])), pd.Series(np.zeros(6)))
    assert pairs_needed(hopeless) is None
    assert pairs_needed(compare(zeros + 0.1, zeros)) is None  # all the same


def test_what_would_decide_is_statsmodels_power() -> None:
    """Of the paired t-test at d_z = 0.8; a smaller level asks for more."""
    found = Evidence(5, 0.8, 0, 0, 0, 0, 0.8, "paired t", of_seeds=1.0)
    for alpha in (0.05, 0.001):
        theirs = TTestPower().solve_power(0.8, alpha=alpha, power=0.8)
        assert pairs_needed(found, alpha) == math.ceil(theirs)


def test_more_seeds_do_not_make_up_for_few_test_samples() -> None:
    """The samples' standard error is 1: to tell 2.8 from 0 at a power of 0.8 it alone is just enough."""
    few = Evidence(5, 2.0, 0, 0, 0, 0, 2.0, "paired t", of_seeds=1.0, of_samples=1.0)
    assert pairs_needed(few) is None
    assert pairs_needed(replace(few, mean=3.5)) is not None
    assert pairs_needed(replace(few, of_samples=0.0)) == 5


def test_ranks_of_few_pairs_decide_nothing() -> None:
    """Of n pairs the least p of Wilcoxon's test is 2 / 2**n: 6 for 0.05, 11 for 0.001."""
    found = Evidence(5, 5.0, 0, 0, 0, 0, 5.0, RANKS, of_seeds=1.0)
    assert (pairs_needed(found), pairs_needed(found, 0.001)) == (6, 11)


def test_counts_that_would_decide_do() -> None:
    """Four of five against none: with as many seeds as it says, four of five studies find it."""
    low = pd.Series([0.5, 0.5, 0.51, 0.5, 0.5])
    found = compare(pd.Series([0.99, 0.99, 0.5, 0.98, 0.99]), low, margin=MARGIN)
    assert found.learnt == (4, 0)
    for alpha in (0.05, 0.001):
        needed = pairs_needed(found, alpha)
        assert needed is not None
        high = stats.binom(needed, 0.8).pmf(np.arange(needed + 1))
        ps = [stats.boschloo_exact([[a, 0], [needed - a, needed]]).pvalue if a else 1.0 for a in range(needed + 1)]
        assert high[np.array(ps) <= alpha].sum() > 0.75
    same = compare(pd.Series([0.99, 0.5, 0.5, 0.5, 0.5]), pd.Series([0.5, 0.99, 0.5, 0.5, 0.5]), margin=MARGIN)
    assert (same.learnt, pairs_needed(same)) == ((1, 1), None)


def test_outcomes_that_are_exactly_the_same_in_all_seeds_are_counted_where_they_are_two_modes_apart() -> None:
    found = compare(pd.Series([1.0] * 5), pd.Series([0.5] * 5), margin=0.01)
    assert (found.learnt, found.p) == ((5, 0), pytest.approx(2 / 4**5))
    near = compare(pd.Series([0.65] * 5), pd.Series([0.5] * 5), margin=0.01)
    assert math.isnan(near.p)
    shifted = compare(pd.Series([0.9, 0.91, 0.92, 0.93, 0.94]), pd.Series([0.3, 0.31, 0.32, 0.33, 0.34]), margin=0.01)
    assert math.isnan(shifted.p)  # the same difference in all seeds
