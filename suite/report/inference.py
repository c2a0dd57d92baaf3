"""What seeds can show: a difference, its direction, that it is practically none, or how many seeds would decide.

Seeds are paired: one seed gives two variants, or two frameworks, the same data in the same order. Test samples are
shared by all seeds, so that another test set would move all of them together; that error is added to the seeds'.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST = 5
"""Pairs of seeds below which nothing is decided."""

ALPHA = 0.05
POWER = 0.8
MOST = 10_000
"""Seeds beyond which nobody goes."""

MARGIN = 0.01
"""Accuracies that differ by less are practically equal."""

GAP = 0.2
"""Outcomes are bimodal if so wide a gap, at least half of their range, parts the seeds of one side."""


@dataclass(frozen=True)
class Evidence:
    """Of n pairs: the mean of high minus low, its 95 % interval, p of no difference (two-sided), p of a difference of
    at least the margin (TOST; NaN where there is none), the effect size (d_z; for counts a difference of shares), the
    method, and the number of pairs that would decide with a power of 0.8 (None: not to be had).

    learnt: of bimodal outcomes, how many seeds of high and of low are above the gap.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    p_equal: float
    effect: float
    method: str
    needed: int | None
    learnt: tuple[int, int] | None = None


def compare(
    high: pd.Series,
    low: pd.Series,
    *,
    margin: float | None = None,
    samples: np.ndarray | None = None,
    n_samples: int | None = None,
) -> Evidence:
    """high and low by seed (index), of which the seeds that both have count.

    margin: within which a difference is practically none. samples [seeds, test samples]: how much more often high is
    right than low (-1, 0, 1), in the order of the common seeds; without, n_samples says how many test samples the
    shares are of (None: they are no shares, or the test set is no sample).
    """
    pairs = pd.concat([high, low], axis=1, join="inner", keys=["high", "low"]).dropna()
    difference = (pairs["high"] - pairs["low"]).to_numpy(float)
    n = len(difference)
    mean = float(difference.mean()) if n else math.nan
    cut = _cut(pairs["high"], pairs["low"]) if margin is not None else None
    if cut is not None:
        return _counts(pairs, mean, cut)
    nothing = Evidence(n, mean, math.nan, math.nan, math.nan, math.nan, math.nan, "none", None)
    if n < 2 or np.ptp(difference) <= 1e-9 * np.abs(difference).max():
        return nothing  # values that are all the same, but for rounding, have no spread to judge by
    error, freedom = _error(pairs, samples, n_samples)
    interval, p, method = _test(difference, error, freedom)
    d = mean / (error * math.sqrt(n))
    p_equal = _equal(mean, error, freedom, margin)
    if n < FEWEST:
        p = p_equal = math.nan
    return Evidence(n, mean, *interval, p, p_equal, d, method, _needed(d, mean, margin))


def _error(pairs: pd.DataFrame, samples: np.ndarray | None, n_samples: int | None) -> tuple[float, float]:
    """Standard error of the mean difference and its degrees of freedom (Satterthwaite's): seeds and, crossed with them,
    test samples, both drawn at random (Clark 1973).
    """
    difference = (pairs["high"] - pairs["low"]).to_numpy(float)
    n = len(difference)
    of_seeds, of_samples, more = float(difference.var(ddof=1)) / n, 0.0, 1
    if samples is not None and samples.shape[1] > 1:
        more = samples.shape[1]
        by_sample = samples.mean(0)
        rest = samples - samples.mean(1, keepdims=True) - by_sample + samples.mean()
        noise = float((rest**2).sum()) / ((n - 1) * (more - 1))
        of_samples = max(0.0, float(by_sample.var(ddof=1)) - noise / n) / more
    elif n_samples is not None and n_samples > 1:  # as if the two were right on samples of their own
        more = n_samples
        shares = pairs.mean()
        of_samples = float((shares * (1 - shares)).clip(lower=0).sum()) / more
    total = of_seeds + of_samples
    freedom = total**2 / (of_seeds**2 / (n - 1) + of_samples**2 / max(more - 1, 1))
    return math.sqrt(total), freedom


def _test(difference: np.ndarray, error: float, freedom: float) -> tuple[tuple[float, float], float, str]:
    """Interval, p and method: Student's t, or Wilcoxon and a bootstrap where the differences do not look normal."""
    from scipy import stats

    mean = float(difference.mean())
    half = float(stats.t.ppf(1 - ALPHA / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    if len(difference) < FEWEST or stats.shapiro(difference).pvalue >= ALPHA:
        return (mean - half, mean + half), p, "paired t"
    bootstrap = stats.bootstrap((difference,), np.mean, method="BCa", rng=np.random.default_rng(0))
    low, high = bootstrap.confidence_interval
    with warnings.catch_warnings():  # zeros and ties: the normal approximation
        warnings.simplefilter("ignore")
        ranks = float(stats.wilcoxon(difference).pvalue)
    # the samples' error is in the t-interval alone
    return (min(float(low), mean - half), max(float(high), mean + half)), max(p, ranks), "Wilcoxon, BCa"


def _equal(mean: float, error: float, freedom: float, margin: float | None) -> float:
    """Two one-sided tests (TOST)."""
    from scipy import stats

    if margin is None:
        return math.nan
    return float(max(stats.t.sf((mean + margin) / error, freedom), stats.t.cdf((mean - margin) / error, freedom)))


def _needed(d: float, mean: float, margin: float | None) -> int | None:
    """Pairs with which the difference found, or its being practically none, would show with a power of 0.8."""
    from scipy import stats
    from statsmodels.stats.power import TTestPower

    def shows(n: int) -> bool:
        return float(TTestPower().power(abs(d), n, ALPHA)) >= POWER

    enough = FEWEST
    while enough <= MOST and not shows(enough):  # upwards, as the power of very many pairs cannot be computed
        enough = math.ceil(1.02 * enough)
    found = [enough]
    if margin is not None and abs(mean) < margin:
        spread = abs(mean / d) if d else math.inf
        z = stats.norm.ppf(1 - ALPHA) + stats.norm.ppf((1 + POWER) / 2)
        found.append(max(FEWEST, math.ceil(min((z * spread / (margin - abs(mean))) ** 2, MOST + 1))))
    return min(found) if min(found) <= MOST else None


def _cut(high: pd.Series, low: pd.Series) -> float | None:
    """The middle of the widest gap between outcomes if it parts the seeds of one side, else None."""
    values = np.sort(np.concatenate([high, low]))
    gaps = np.diff(values)
    if len(gaps) == 0 or gaps.max() < max(GAP, 0.5 * (values[-1] - values[0])):
        return None
    at = int(gaps.argmax())
    cut = float(values[at] + values[at + 1]) / 2
    return cut if any(0 < int((side > cut).sum()) < len(side) for side in (high, low)) else None


def _counts(pairs: pd.DataFrame, mean: float, cut: float) -> Evidence:
    """How many seeds learn (Fisher's exact test; the interval is Newcombe's), where each seed learns or does not."""
    from scipy import stats
    from statsmodels.stats.proportion import confint_proportions_2indep

    n = len(pairs)
    a, b = (int((pairs[side] > cut).sum()) for side in ("high", "low"))
    p = float(stats.fisher_exact([[a, n - a], [b, n - b]]).pvalue) if n >= FEWEST else math.nan
    low, high = confint_proportions_2indep(a, n, b, n, method="newcomb", compare="diff")
    needed = next((m for m in range(FEWEST, 201) if _fisher_power(a / n, b / n, m) >= POWER), None) if a != b else None
    effect = (a - b) / n
    return Evidence(n, mean, float(low), float(high), p, math.nan, effect, "counts, Fisher", needed, (a, b))


def _fisher_power(p: float, q: float, n: int) -> float:
    """Of Fisher's test with n seeds a side, approximately: at the expected counts."""
    from scipy import stats

    a, b = round(p * n), round(q * n)
    return 1.0 if float(stats.fisher_exact([[a, n - a], [b, n - b]]).pvalue) <= ALPHA / 4 else 0.0


def share_interval(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper and Pearson's, from beta distributions)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=ALPHA, method="beta")
    return float(low), float(high)


def holm(ps: Sequence[float]) -> list[float]:
    """p adjusted for their number (Holm); NaN stay NaN and do not count."""
    from statsmodels.stats.multitest import multipletests

    adjusted = np.full(len(ps), math.nan)
    given = ~np.isnan(np.asarray(ps, float))
    if given.any():
        adjusted[given] = multipletests(np.asarray(ps, float)[given], method="holm")[1]
    return [float(p) for p in adjusted]
