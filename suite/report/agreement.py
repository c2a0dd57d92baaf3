"""Do the two frameworks agree? Their accuracies from the same seeds, compared pair by pair, and the same weights on the
other's stepping.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pandas as pd

from suite.report.components import PAIR
from suite.report.measured import (
    COUNTED,
    NAMED,
    ORDERED,
    SETTING,
    accuracy_rows,
    framework_name,
    invalid_note,
    measured,
    order,
)
from suite.report.table import NOTHING, Cell, Column, Number, Table, named_columns, percent
from suite.report.verdicts import judge
from suite.results import Results

TITLE = (
    "Test accuracy from the same seed, SpikingJelly's minus snnTorch's, in percentage points: mean over the seeds that "
    "both have [95 % interval], and the largest of one seed."
)
_NOTES = (
    "Verdict, from at least five seeds: practically equal if they differ by less than a point (two one-sided tests), "
    "differ if one is higher; p adjusted with all comparisons of the report. Where both ran the same kernel, agreement "
    "is by construction and no evidence.",
    "Cross-check: trained weights on each framework's own stepping and own neuron. Changed: the largest share of "
    "predictions that change. Unexplained: neurons whose first spike that differs is no near tie.",
)
_VERDICTS = {"supported": "differ", "contradicted": "differ"}


def agreement(results: Results) -> Table:
    """A row for each setting and variant that both frameworks ran. The data are those of `differences`."""
    data = differences(results)
    rows: list[tuple[Cell, ...]] = []
    points = partial(percent, digits=2)
    for _, line in data.iterrows():
        none = () if line["n"] else ("no common seed",)
        difference = Number(line["difference"], flags=none, form=points, low=line["low"], high=line["high"])
        rows.append(
            (
                *(str(line[name]) for name in (*NAMED, "variant")),
                str(line["n"]),
                difference,
                Number(line["largest"], form=points) if line["n"] else NOTHING,
                line["verdict"],
                Number(line["changed"], form=points) if line["checked"] else NOTHING,
                f"{line['unexplained']:.0f}" if line["checked"] else NOTHING,
                "same: no evidence" if line["same_kernel"] else "each its own",
            )
        )
    columns = (
        *named_columns(),
        Column("variant", "variant"),
        Column("seeds", "number"),
        Column(" − ".join(map(framework_name, PAIR)), "number"),
        Column("largest", "number"),
        Column("verdict"),
        Column("changed (%)", "number"),
        Column("unexplained", "number"),
        Column("kernel"),
    )
    notes = (*_NOTES, *invalid_note(results, "accuracy"))
    return Table("agreement", TITLE, columns, tuple(rows), data, notes, apart=True)


def differences(results: Results) -> pd.DataFrame:
    """One row for each setting and variant that both frameworks ran: SpikingJelly's test accuracy minus snnTorch's.

    difference, low, high: mean over the n seeds that both ended ok or dead, and its 95 % interval. largest: the largest
    absolute difference of a seed. verdict: "practically equal", "differ", "undecided" or "by construction". changed,
    unexplained: of the runs' cross-checks, the largest share of predictions that change, and the neurons whose first
    difference is no near tie, over checked runs. same_kernel: both ran one kernel.
    """
    rows = accuracy_rows(results)
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    judged = {(one.claim.id, *_where(one.setting)): one.tests[0] for one in judge(results) if one.setting is not None}
    lines = []
    group = [*SETTING, "variant", "variant_parameters"]
    checks = {tuple(map(str, key)): part for key, part in cross_checks(results).groupby(group)}
    for key, part in rows.groupby(group, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(group, key, strict=True))
        by_seed = {name: of.groupby("seed")["value"].last() for name, of in part.groupby("backend")}
        if not set(PAIR) <= set(by_seed):
            continue
        pairs = (by_seed[PAIR[0]] - by_seed[PAIR[1]]).dropna()
        kernels = part.groupby("backend")["kernel"].agg(set)
        tested = judged.get((f"frameworks-{about['variant']}", *_where(about)))
        same_kernel = bool(kernels[PAIR[0]] & kernels[PAIR[1]])
        verdict = "undecided" if tested is None else _VERDICTS.get(tested.verdict, tested.verdict)
        with_interval = tested is not None and tested.evidence.learnt is None
        check = checks.get(tuple(map(str, key)), pd.DataFrame())
        lines.append(
            {
                **about,
                "n": len(pairs),
                "difference": float(pairs.mean()) if len(pairs) else math.nan,
                "low": tested.evidence.low if tested and with_interval else math.nan,
                "high": tested.evidence.high if tested and with_interval else math.nan,
                "largest": float(pairs.abs().max()) if len(pairs) else math.nan,
                "verdict": "by construction" if same_kernel else verdict,
                "changed": float(check["changed_predictions"].max()) if len(check) else math.nan,
                "unexplained": float(check["unexplained"].sum()) if len(check) else math.nan,
                "checked": len(check),
                "same_kernel": same_kernel,
            }
        )
    numbers = ["n", "difference", "low", "high", "largest", "verdict", "changed", "unexplained", "checked"]
    table = pd.DataFrame(lines, columns=[*SETTING, "variant", *numbers, "same_kernel"])
    return table.sort_values([*ORDERED, "variant"], key=order, ignore_index=True)


def _where(setting: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(setting[name]) for name in SETTING)


def cross_checks(results: Results) -> pd.DataFrame:
    """Of every run that was cross-checked, and each other implementation (`neuron`): changed_predictions, a share, and
    unexplained, neurons; beside them the run's setting, variant, backend and seed.
    """
    by = [*SETTING, "variant", "variant_parameters", "backend", "kernel", "seed", "neuron"]
    names = ["changed_predictions", "unexplained"]
    rows = measured(results, "cross_check", *names)
    if rows.empty:
        return pd.DataFrame(columns=[*by, *names])
    table = rows.pivot_table(index=by, columns="metric", values="value").reset_index()
    return table.reindex(columns=[*by, *names])


def cross_check_notes(results: Results) -> list[str]:
    """What the cross-checks found, in a sentence; and where frameworks differ beyond near ties."""
    checks = cross_checks(results)
    if checks.empty:
        return []
    runs = len(checks.drop_duplicates([*SETTING, "variant", "variant_parameters", "backend", "kernel", "seed"]))
    said = [
        f"Cross-check of {runs} runs: with the trained weights on the other implementations at most "
        f"{percent(checks['changed_predictions'].max(), 2)} % of a run's predictions change."
    ]
    beyond = checks[checks["unexplained"] > 0]
    cells = (beyond["dataset"] + " " + beyond["variant"] + " (" + beyond["neuron"] + ")").drop_duplicates()
    if len(cells):
        said.append(f"The frameworks differ beyond near ties in: {', '.join(cells)}.")
    return said
