"""Do the two frameworks agree? Their accuracies from the same seeds, compared pair by pair."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd

from suite.report.measured import COUNTED, NAMED, ORDERED, SETTING, accuracy_rows, framework_name, invalid_note, order
from suite.report.statistics import mean_ci
from suite.report.table import Cell, Column, Number, Table, named_columns, percent
from suite.results import Results

PAIR = ("spikingjelly", "snntorch")
TITLE = (
    "Test accuracy from the same seed, SpikingJelly's minus snnTorch's, in percentage points: mean ± 95 % t-interval "
    "over the seeds that both have, and the largest of one seed."
)
_NOTE = "Where both ran the same kernel, agreement is by construction and no evidence."


def agreement(results: Results) -> Table:
    """A row for each setting and variant that both frameworks ran. The data are those of `differences`."""
    data = differences(results)
    rows: list[tuple[Cell, ...]] = []
    points = partial(percent, digits=2)
    for _, line in data.iterrows():
        none = () if line["n"] else ("no common seed",)
        rows.append(
            (
                *(str(line[name]) for name in (*NAMED, "variant")),
                str(line["n"]),
                Number(line["difference"], line["ci95"], flags=none, form=points),
                Number(line["largest"], form=points) if line["n"] else "–",
                "same: no evidence" if line["same_kernel"] else "each its own",
            )
        )
    columns = (
        *named_columns(),
        Column("variant", "variant"),
        Column("seeds", "number"),
        Column(" − ".join(map(framework_name, PAIR)), "number"),
        Column("largest", "number"),
        Column("kernel"),
    )
    notes = (_NOTE, *invalid_note(results, "accuracy"))
    return Table("agreement", TITLE, columns, tuple(rows), data, notes, apart=True)


def differences(results: Results) -> pd.DataFrame:
    """One row for each setting and variant that both frameworks ran: SpikingJelly's test accuracy minus snnTorch's.

    difference, ci95: mean over the n seeds that both ended ok or dead, and half-width of its 95 % t-interval. largest:
    the largest absolute difference of a seed. same_kernel: both ran one kernel, so that agreement is by construction.
    """
    rows = accuracy_rows(results)
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    lines = []
    group = [*SETTING, "variant", "variant_parameters"]
    for key, part in rows.groupby(group, dropna=False, sort=False):
        by_seed = {name: of.groupby("seed")["value"].last() for name, of in part.groupby("backend")}
        if not set(PAIR) <= set(by_seed):
            continue
        pairs = (by_seed[PAIR[0]] - by_seed[PAIR[1]]).dropna()
        mean, ci = mean_ci(pairs)
        kernels = part.groupby("backend")["kernel"].agg(set)
        lines.append(
            {
                **dict(zip(group, key, strict=True)),
                "n": len(pairs),
                "difference": mean,
                "ci95": ci,
                "largest": float(pairs.abs().max()) if len(pairs) else math.nan,
                "same_kernel": bool(kernels[PAIR[0]] & kernels[PAIR[1]]),
            }
        )
    table = pd.DataFrame(lines, columns=[*SETTING, "variant", "n", "difference", "ci95", "largest", "same_kernel"])
    return table.sort_values([*ORDERED, "variant"], key=order, ignore_index=True)
