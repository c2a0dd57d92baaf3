"""Means over seeds and their intervals; what a difference shows is in suite.report.inference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd


def mean_ci(values: pd.Series) -> tuple[float, float]:
    """Mean and half-width of its 95 % t-interval; NaN for what the number of values does not allow."""
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    n = len(values)
    if n == 0:
        return math.nan, math.nan
    mean = float(values.mean())
    if n == 1:
        return mean, math.nan
    return mean, float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n)


def interval(values: pd.Series, *, share: bool) -> tuple[float, float]:
    """The 95 % t-interval of the mean; NaN for fewer than two values, and where all are the same.

    share: the values are fractions. Then it is that of the mean's logit, by the delta method, so that it ends before 0
    and 1; where the spread is small it is the usual one.
    """
    mean, half = mean_ci(values)
    if not half > 1e-9 * abs(mean):  # NaN too
        return math.nan, math.nan
    if not share or not 0 < mean < 1:
        return mean - half, mean + half
    logit, wide = math.log(mean / (1 - mean)), half / (mean * (1 - mean))
    low, high = (0.5 * (1 + math.tanh((logit + sign * wide) / 2)) for sign in (-1, 1))
    return low, high


def means(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean, ci95 (half-width of the t-interval), lower and upper (`interval`; of fractions within 0 and 1) and n of the
    values for each combination of the columns `by`.
    """
    out: list[dict[str, Any]] = []
    for key, part in rows.groupby(list(by), sort=False, dropna=False):
        mean, ci = mean_ci(part["value"])
        share = "unit" in part and bool(part["unit"].str.startswith("fraction").fillna(False).all())
        low, high = interval(part["value"], share=share)
        numbers = {"mean": mean, "ci95": ci, "lower": low, "upper": high, "n": len(part)}
        out.append({**dict(zip(by, key, strict=True)), **numbers})
    return pd.DataFrame(out, columns=[*by, "mean", "ci95", "lower", "upper", "n"])
