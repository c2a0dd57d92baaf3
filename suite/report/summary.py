"""What the rows say, as numbers: mean, interval and counts of a variant, never across data, protocols or kernels."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from suite.paper import TABLE_6, TABLE_7

SETTING = ["dataset", "data_source", "data_hash", "protocol", "protocol_hash", "engine"]
"""Rows may be compared with one another if these are the same."""

KEY = [*SETTING, "variant", "variant_parameters", "backend", "kernel"]
"""Seeds of one mean share all of these."""

COUNTED = ("ok", "dead")
"""Statuses whose accuracy enters the mean (a silent network has one too); the others are counted beside it."""

FRAMEWORKS = {"spikingjelly": "SpikingJelly", "snntorch": "snnTorch", "torch": "PyTorch"}

STATUSES = ("ok", "dead", "diverged", "failed", "skipped")

CLASSES = {
    "xor": 2,
    "xor_50": 2,
    "xor_100": 2,
    "shd": 20,
    "ssc": 35,
    "n_mnist": 10,
    "dvs128_gesture": 11,
    "mnist": 10,
    "cifar10": 10,
    "fashion_mnist": 10,
    "fsdd": 10,
}


def chance(dataset: str) -> float:
    """Accuracy of guessing among equally likely classes; NaN for a dataset that is not the suite's own."""
    return 1 / CLASSES[dataset] if dataset in CLASSES else math.nan


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


def accuracy_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The test_accuracy rows of the accuracy experiment that count.

    Of several rows for one seed the last finished counts. A skip is dropped once its cell has been run.
    """
    rows = frame[_is_accuracy(frame)]
    rows = rows.sort_values("finished_at", kind="stable").drop_duplicates([*KEY, "seed"], keep="last")
    cell = ["dataset", "protocol", "variant", "backend", "seed"]
    cells = pd.MultiIndex.from_frame(rows[cell])
    skipped = rows["status"].to_numpy() == "skipped"
    return rows[~(skipped & cells.isin(cells[~skipped]))]


def _is_accuracy(frame: pd.DataFrame) -> pd.Series:
    return (frame["experiment"] == "accuracy") & (frame["metric"] == "test_accuracy")


def superseded(frame: pd.DataFrame) -> int:
    """How many test_accuracy rows `accuracy_rows` leaves out."""
    return int(_is_accuracy(frame).sum()) - len(accuracy_rows(frame))


def order(values: pd.Series) -> pd.Series:
    """Key for `DataFrame.sort_values`: the paper's order, then numbers by size and names by alphabet, smoke last."""
    known = [
        *(name for pair in TABLE_6 for name in pair),
        *(model for model, _ in TABLE_7),
        *FRAMEWORKS,
        "suite",
        "paper",
    ]
    rank = {**{name: f"{i:03}" for i, name in enumerate(dict.fromkeys(known))}, "smoke": "~~"}
    return values.astype(str).map(lambda value: rank.get(value, "~" + (value.zfill(9) if value.isdigit() else value)))


def comparable(data_source: str, protocol: str) -> bool:
    """Whether a difference from the paper's number means anything: not on stand-ins, nor after a smoke run."""
    return data_source not in ("standin", "missing") and protocol != "smoke"


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for every variant x backend in every setting (`KEY`), accuracies as fractions.

    mean, ci95: over the n seeds that ended ok or dead; ci95 is the half-width of the t-interval, NaN for one seed.
    ok, dead, diverged, failed, skipped: seeds by status. binomial_se: the standard error of one run's accuracy that
    comes from the size of the test set (n_test samples) alone. paper, difference: Table 6's number, and mean - paper
    where the two compare. kernel_shared: whether both frameworks' numbers come from the same kernel.
    """
    lines = []
    for key, rows in accuracy_rows(frame).groupby(KEY, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(KEY, key, strict=True))
        values = rows.loc[rows["status"].isin(COUNTED), "value"].dropna()
        mean, ci = mean_ci(values)
        n_test = rows["n"].dropna().min()
        paper = TABLE_6.get((about["variant"], about["dataset"]), math.nan)
        counts = {status: int((rows["status"] == status).sum()) for status in STATUSES}
        has_test = pd.notna(n_test) and n_test > 0
        lines.append(
            {
                **about,
                "mean": mean,
                "ci95": ci,
                "n": len(values),
                **counts,
                "n_test": n_test if has_test else pd.NA,
                "binomial_se": math.sqrt(mean * (1 - mean) / n_test) if has_test else math.nan,
                "chance": chance(about["dataset"]),
                "paper": paper,
                "difference": mean - paper if comparable(about["data_source"], about["protocol"]) else math.nan,
            }
        )
    numbers = ["mean", "ci95", "n", *STATUSES, "n_test", "binomial_se", "chance", "paper", "difference"]
    table = pd.DataFrame(lines, columns=[*KEY, *numbers])
    table["n_test"] = table["n_test"].astype("Int64")
    table["kernel_shared"] = _kernel_shared(table)
    by = ["protocol", "dataset", "data_source", "engine", "variant", "backend"]
    return table.sort_values(by, key=order, ignore_index=True)


def _kernel_shared(table: pd.DataFrame) -> pd.Series:
    """For each line, whether its kernel computed the neurons of more than one framework in its setting."""
    users = table.groupby([*SETTING, "kernel"], dropna=False)["backend"].transform("nunique")
    return (users > 1) & (table["kernel"] != "none")
