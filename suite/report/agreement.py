"""Do the two frameworks agree? Their accuracies from the same seeds, compared pair by pair."""

from __future__ import annotations

import math

import pandas as pd

from suite.report.summary import COUNTED, SETTING, accuracy_rows, mean_ci, order

COLUMNS = [*SETTING, "variant", "n", "difference", "ci95", "largest", "same_kernel"]


def agreement(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each setting and variant that both frameworks ran: SpikingJelly's test accuracy minus snnTorch's.

    difference, ci95: mean over the n seeds that both ended ok or dead, and half-width of its 95 % t-interval. largest:
    the largest absolute difference of a seed. same_kernel: both ran one kernel, so that agreement is by construction.
    """
    rows = accuracy_rows(frame)
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    lines = []
    group = [*SETTING, "variant", "variant_parameters"]
    for key, part in rows.groupby(group, dropna=False, sort=False):
        by_seed = {name: of.groupby("seed")["value"].last() for name, of in part.groupby("backend")}
        if not {"spikingjelly", "snntorch"} <= set(by_seed):
            continue
        pairs = (by_seed["spikingjelly"] - by_seed["snntorch"]).dropna()
        mean, ci = mean_ci(pairs)
        kernels = part.groupby("backend")["kernel"].agg(set)
        lines.append(
            {
                **dict(zip(group, key, strict=True)),
                "n": len(pairs),
                "difference": mean,
                "ci95": ci,
                "largest": float(pairs.abs().max()) if len(pairs) else math.nan,
                "same_kernel": bool(kernels["spikingjelly"] & kernels["snntorch"]),
            }
        )
    table = pd.DataFrame(lines, columns=COLUMNS)
    return table.sort_values(["protocol", "dataset", "data_source", "engine", "variant"], key=order, ignore_index=True)
