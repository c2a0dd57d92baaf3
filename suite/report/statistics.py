"""Means over seeds, their intervals, and what a difference between seeds can show."""

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


def means(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean, ci95 (half-width of the t-interval) and n of the values for each combination of the columns `by`."""
    out: list[dict[str, Any]] = []
    for key, part in rows.groupby(list(by), sort=False, dropna=False):
        mean, ci = mean_ci(part["value"])
        out.append({**dict(zip(by, key, strict=True)), "mean": mean, "ci95": ci, "n": len(part)})
    return pd.DataFrame(out, columns=[*by, "mean", "ci95", "n"])


def sign_of_mean(values: pd.Series) -> int:
    """1 or -1 if the 95 % t-interval of the mean lies on that side of zero, else 0.

    Values that are all the same, but for rounding, have no spread to judge by: 0, as with fewer than two.
    """
    mean, ci = mean_ci(values)
    if len(values) < 2 or float(values.max() - values.min()) <= 1e-9 * float(values.abs().max()):
        return 0
    return int(mean - ci > 0) - int(mean + ci < 0)
