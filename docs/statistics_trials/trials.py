"""What docs/statistics.md says of intervals and tests, simulated: `python trials.py` prints its tables.

Two variants on one test set. Seeds scatter (in logits), test samples differ in difficulty (standard deviation 1.0) and
in which of the two variants they suit (0.8). In the mean over seeds and samples the variants are the same.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from suite.report.inference import MARGIN, binomial, compare

STUDIES = 1000
RESAMPLES = 1000


def study(rng: np.random.Generator, seeds: int, samples: int, scatter: float) -> tuple[np.ndarray, np.ndarray]:
    """Which samples each seed has right, [seeds, samples], of both variants."""
    ability, suits = rng.normal(1, 1, samples), rng.normal(0, 0.8, samples)
    p = [expit(ability + rng.normal(0, scatter, (seeds, 1)) + sign * suits / 2) for sign in (1, -1)]
    return tuple((rng.random((seeds, samples)) < one).astype(int) for one in p)  # type: ignore[return-value]


def hierarchical(rng: np.random.Generator, difference: np.ndarray) -> tuple[float, float]:
    """The percentile interval of means over seeds and samples, both drawn again with replacement."""
    n, m = difference.shape
    of_seeds, of_samples = (rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) for size in (n, m))
    means = ((of_seeds @ difference) * of_samples).sum(1) / (n * m)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def seeds_alone(difference: np.ndarray, method: str) -> tuple[float, float]:
    """Student's t or BCa over the seeds' means."""
    means = difference.mean(1)
    if method == "t":
        low, high = stats.t.interval(0.95, len(means) - 1, means.mean(), stats.sem(means))
    else:
        found = stats.bootstrap((means,), np.mean, method="BCa", n_resamples=RESAMPLES).confidence_interval
        low, high = found.low, found.high
    return float(low), float(high)


def ours(a: np.ndarray, b: np.ndarray, *, by_sample: bool) -> tuple[float, float]:
    """As the verdicts have it, with the samples, or with their number alone."""
    rough = binomial([float(a.mean()), float(b.mean())], a.shape[1])
    options = {"samples": a - b} if by_sample else {"of_samples": rough}
    found = compare(pd.Series(a.mean(1)), pd.Series(b.mean(1)), margin=MARGIN, **options)  # type: ignore[arg-type]
    return found.low, found.high


def coverage() -> pd.DataFrame:
    """How often a 95 % interval has the true difference, 0, and its mean width in points."""
    rng = np.random.default_rng(0)
    lines = []
    for seeds, samples, scatter in ((5, 100, 0.1), (5, 1000, 0.1), (5, 1000, 0.5), (10, 1000, 0.5)):
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(STUDIES):
            a, b = study(rng, seeds, samples, scatter)
            for name, interval in (
                ("hierarchical percentile bootstrap", hierarchical(rng, a - b)),
                ("BCa over seeds", seeds_alone(a - b, "BCa")),
                ("paired t over seeds", seeds_alone(a - b, "t")),
                ("seeds x samples (ours)", ours(a, b, by_sample=True)),
                ("seeds + binomial error (ours, without the samples)", ours(a, b, by_sample=False)),
            ):
                found.setdefault(name, []).append(interval)
        for name, intervals in found.items():
            low, high = np.array(intervals).T
            kept = ~np.isnan(low)
            within = ((low <= 0) & (high >= 0))[kept].mean()
            about = {"seeds": seeds, "samples": samples, "scatter": scatter, "interval": name}
            lines.append(
                {**about, "coverage": f"{100 * within:.1f} %", "width": f"{100 * (high - low)[kept].mean():.1f}"}
            )
    return pd.DataFrame(lines)


def sizes() -> pd.DataFrame:
    """How often an effect is found to be larger than another, p <= 0.05: both are 0, and the other has no scatter."""
    rng = np.random.default_rng(0)
    lines = []
    for seeds in (5, 10):
        difference = rng.normal(size=(20_000, seeds))
        of_mean = difference * np.sign(difference.mean(1, keepdims=True))
        for name, values in (("mean of the seeds' sizes", np.abs(difference)), ("size of the mean (ours)", of_mean)):
            wrong = (stats.ttest_1samp(values, 0, axis=1).pvalue <= 0.05).mean()
            lines.append({"size of an effect": name, "seeds": seeds, "wrong": f"{100 * wrong:.1f} %"})
    return pd.DataFrame(lines)


def markdown(table: pd.DataFrame) -> str:
    rows = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(markdown(coverage()), markdown(sizes()), sep="\n\n")
