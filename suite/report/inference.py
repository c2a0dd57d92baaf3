"""What seeds can show: a difference, its direction, that it is practically none, or how many seeds would decide.

Seeds are paired: one seed gives two variants, or two frameworks, the same data in the same order. Test samples are
shared by all seeds, so that another test set would move all of them together; that error is added to the seeds'.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

ROUNDING = 1e-12
"""Relative to their size, up to which two values are the same."""

FEWEST = 5
"""Pairs of seeds below which nothing is decided."""

ALPHA = 0.05
POWER = 0.8
MOST = 10_000
"""Seeds beyond which nobody goes."""

MANY = 30
"""Seeds beyond which approximations hold for counts."""

MARGIN = 0.01
"""Accuracies that differ by less are practically equal."""

RANKS = "Wilcoxon, BCa"

GAP = 0.2
"""Outcomes have two modes if so wide a gap, at least half of their range, parts them. Seeds are then counted if it
parts those of one side, or if the differences do not look normal."""


@dataclass(frozen=True)
class Evidence:
    """Of n pairs: the mean of high minus low, its 95 % interval, p of no difference (two-sided), p of a difference of
    at least the margin (TOST; NaN where there is none), the effect size (Cohen's d_z), the method, and the number of
    pairs that would decide with a power of 0.8 (None: not to be had).

    means: of high and of low, over the pairs. learnt: of bimodal outcomes, how many seeds of high and of low are above
    the gap; mean, interval and effect are then those of the difference of these shares. of_seeds, of_samples: standard
    deviation of the difference over seeds, and the test samples' standard error of its mean, which more seeds do not
    lessen.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    p_equal: float
    effect: float
    method: str
    needed: int | None = None
    means: tuple[float, float] = (math.nan, math.nan)
    learnt: tuple[int, int] | None = None
    of_seeds: float = math.nan
    of_samples: float = 0.0
    margin: float | None = None

    @property
    def identical(self) -> bool:
        """Whether high and low are the same in every pair."""
        return self.n > 0 and self.mean == 0 and self.method == "none"


def compare(
    high: pd.Series,
    low: pd.Series,
    *,
    margin: float | None = None,
    samples: np.ndarray | None = None,
    of_samples: float = 0.0,
) -> Evidence:
    """high and low by seed (index), of which the seeds that both have count.

    margin: within which a difference is practically none. samples [seeds, test samples]: how much more often high is
    right than low (-1, 0, 1), of the common seeds; where they are not known, of_samples is the standard error that
    comes from the test samples (`binomial`).
    """
    pairs = pd.concat([high, low], axis=1, join="inner", keys=["high", "low"]).dropna()
    difference = (pairs["high"] - pairs["low"]).to_numpy(float, copy=True)
    difference[np.abs(difference) <= ROUNDING * pairs.abs().max(axis=1).to_numpy(float)] = 0.0
    n = len(difference)
    mean = float(difference.mean()) if n else math.nan
    cut = _cut(pairs["high"], pairs["low"]) if margin is not None else None
    flat = n < 2 or bool(np.ptp(difference) <= 1e-9 * np.abs(difference).max())
    exact = n > 1 and bool(np.ptp(pairs.to_numpy(float), axis=0).max() <= 1e-9)  # every seed always, or never, learns
    if cut is not None and (exact or (not flat and (_splits(cut, pairs) or not _looks_normal(difference)))):
        found = _counts(pairs, cut)
    elif flat:  # differences that are all the same, but for rounding, have no spread to judge by
        found = Evidence(n, mean, math.nan, math.nan, math.nan, math.nan, math.nan, "none")
    else:
        of_seeds = float(difference.std(ddof=1))
        if samples is not None:
            of_samples = _of_samples(samples)
        error, freedom = _error(n, of_seeds, of_samples, MOST if samples is None else samples.shape[1])
        interval, p, method = _test(difference, error, freedom)
        p_equal = _equal(mean, error, freedom, margin)
        found = Evidence(n, mean, *interval, p, p_equal, mean / of_seeds, method)
        found = replace(found, of_seeds=of_seeds, of_samples=of_samples, margin=margin)
    if n < FEWEST:
        found = replace(found, p=math.nan, p_equal=math.nan)
    return replace(found, means=(float(pairs["high"].mean()), float(pairs["low"].mean())))


def binomial(shares: Sequence[float], n_samples: int | None) -> float:
    """Standard error of a difference made of several shares of n test samples, as if each were of samples of its own.

    Of more than four, which are then in means, four count: such as of a difference of differences.
    """
    known = [share for share in shares if 0 <= share <= 1]
    if not known or n_samples is None:
        return 0.0
    return math.sqrt(min(len(known), 4) * float(np.mean([share * (1 - share) for share in known])) / n_samples)


def _of_samples(samples: np.ndarray) -> float:
    """Standard error of the mean difference that comes from the test samples, which all seeds share: from its variance
    beyond that of seeds within a sample (two-way random effects, Clark 1973).
    """
    n, more = samples.shape
    if more < 2:
        return 0.0
    by_sample = samples.mean(0)
    rest = samples - samples.mean(1, keepdims=True) - by_sample + samples.mean()
    noise = float((rest**2).sum()) / ((n - 1) * (more - 1))
    return math.sqrt(max(0.0, float(by_sample.var(ddof=1)) - noise / n) / more)


def _error(n: int, of_seeds: float, of_samples: float, n_samples: int) -> tuple[float, float]:
    """Standard error of the mean difference of n pairs, and its degrees of freedom (Satterthwaite's)."""
    seeds, samples = of_seeds**2 / n, of_samples**2
    total = seeds + samples
    return math.sqrt(total), total**2 / (seeds**2 / (n - 1) + samples**2 / max(n_samples - 1, 1))


def _test(difference: np.ndarray, error: float, freedom: float) -> tuple[tuple[float, float], float, str]:
    """Interval, p and method: Student's t, or Wilcoxon and a bootstrap where the differences do not look normal."""
    from scipy import stats

    mean = float(difference.mean())
    half = float(stats.t.ppf(1 - ALPHA / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    if _looks_normal(difference):
        return (mean - half, mean + half), p, "paired t"
    bootstrap = stats.bootstrap((difference,), np.mean, method="BCa", rng=np.random.default_rng(0))
    low, high = bootstrap.confidence_interval
    with warnings.catch_warnings():  # zeros and ties: the normal approximation
        warnings.simplefilter("ignore")
        ranks = float(stats.wilcoxon(difference).pvalue)
    # the samples' error is in the t-interval alone
    return (min(float(low), mean - half), max(float(high), mean + half)), max(p, ranks), RANKS


def _equal(mean: float, error: float, freedom: float, margin: float | None) -> float:
    """Two one-sided tests (TOST)."""
    from scipy import stats

    if margin is None:
        return math.nan
    return float(max(stats.t.sf((mean + margin) / error, freedom), stats.t.cdf((mean - margin) / error, freedom)))


def pairs_needed(found: Evidence, alpha: float = ALPHA) -> int | None:
    """Pairs with which the difference found, or its being practically none, would show at `alpha` with a power of 0.8;
    None if no number would, up to `MOST`. The test samples stay as many as they are.
    """
    if found.learnt is not None:
        return _counts_needed(found, alpha)
    if math.isnan(found.of_seeds):  # all the same: no spread to reckon with
        return None
    least = 1 - math.floor(math.log2(alpha)) if found.method == RANKS else 0  # as ranks of n pairs give p >= 2 / 2**n
    enough = [_first(lambda n: n >= least and _power(found, n, alpha) >= POWER)]
    if found.margin is not None and abs(found.mean) < found.margin:
        enough.append(_first(lambda n: _power_equal(found, n, alpha) >= POWER))
    return min((n for n in enough if n is not None), default=None)


def _first(holds: Callable[[int], bool]) -> int | None:
    """The least number of pairs for which something holds that more of them do not undo."""
    numbers = range(FEWEST, MOST + 1)
    at = bisect_left(numbers, True, key=holds)
    return numbers[at] if at < len(numbers) else None


def _power(found: Evidence, n: int, alpha: float) -> float:
    """Of the paired t-test with n pairs."""
    from scipy import stats

    error, freedom = _error(n, found.of_seeds, found.of_samples, MOST)
    away = abs(found.mean) / error
    critical = float(stats.t.isf(alpha / 2, freedom))
    if away > critical + 10:  # where the noncentral t cannot be computed
        return 1.0
    return float(stats.nct.sf(critical, freedom, away))


def _power_equal(found: Evidence, n: int, alpha: float) -> float:
    """Of the two one-sided tests with n pairs, by the normal approximation."""
    from scipy import stats

    assert found.margin is not None
    error, freedom = _error(n, found.of_seeds, found.of_samples, MOST)
    critical = stats.t.isf(alpha, freedom)
    low, high = ((found.margin + sign * found.mean) / error - critical for sign in (1, -1))
    return float(max(0.0, stats.norm.cdf(low) + stats.norm.cdf(high) - 1))


def _looks_normal(difference: np.ndarray) -> bool:
    """To Shapiro and Wilk's test, with too few to tell as well."""
    from scipy import stats

    return len(difference) < FEWEST or float(stats.shapiro(difference).pvalue) >= ALPHA


def learning(values: pd.Series) -> int | None:
    """Of accuracies by seed that have two modes, how many are in the upper one; None if they have one, or if there are
    fewer than five: any two that are far apart would be two modes.
    """
    cut = _cut(values) if len(values) >= FEWEST else None
    return None if cut is None else int((values > cut).sum())


def _cut(*sides: pd.Series) -> float | None:
    """The middle of the widest gap between outcomes if it is as wide as two modes are apart, else None."""
    values = np.sort(np.concatenate(sides))
    gaps = np.diff(values)
    if len(gaps) == 0 or gaps.max() < max(GAP, 0.5 * (values[-1] - values[0])):
        return None
    at = int(gaps.argmax())
    return float(values[at] + values[at + 1]) / 2


def _splits(cut: float, pairs: pd.DataFrame) -> bool:
    """Whether seeds of one side are on both sides of the cut."""
    return any(0 < int((pairs[side] > cut).sum()) < len(pairs) for side in ("high", "low"))


def _counts(pairs: pd.DataFrame, cut: float) -> Evidence:
    """How many seeds learn, where each does or does not: Boschloo's exact test, uniformly more powerful than Fisher's;
    the interval is Newcombe's.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    n = len(pairs)
    a, b = (int((pairs[side] > cut).sum()) for side in ("high", "low"))
    low, high = confint_proportions_2indep(a, n, b, n, method="newcomb", compare="diff")
    share = (a - b) / n
    return Evidence(
        n, share, float(low), float(high), _counts_p(a, b, n), math.nan, share, "counts, Boschloo", learnt=(a, b)
    )


def _counts_needed(found: Evidence, alpha: float) -> int | None:
    """Seeds a side: as many as the arcsine approximation asks for, corrected for continuity (Fleiss 1981), and no fewer
    than make the expected counts significant.
    """
    from scipy import stats
    from statsmodels.stats.proportion import proportion_effectsize

    assert found.learnt is not None
    high, low = (count / found.n for count in found.learnt)
    if high == low:
        return None
    z = stats.norm.isf(alpha / 2) + stats.norm.ppf(POWER)
    rough = 2 * (z / proportion_effectsize(high, low)) ** 2
    n = max(FEWEST, math.ceil(rough / 4 * (1 + math.sqrt(1 + 4 / (rough * abs(high - low)))) ** 2))
    while n <= MANY and _counts_p(round(high * n), round(low * n), n) > alpha:
        n += 1
    return n if n <= MOST else None


def _counts_p(a: int, b: int, n: int) -> float:
    """Of a and b of n seeds a side."""
    from scipy import stats

    return float(stats.boschloo_exact([[a, b], [n - a, n - b]]).pvalue) if a != b else 1.0


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
