"""Table 6: test accuracy of the variants on both frameworks, beside the paper's numbers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from suite.paper import TABLE_6
from suite.report.agreement import cross_check_notes
from suite.report.inference import learning, share_interval
from suite.report.measured import (
    COUNTED,
    FRAMEWORKS,
    KEY,
    NAMED,
    ORDERED,
    SETTING,
    accuracy_rows,
    chance,
    comparable,
    framework_name,
    invalid_note,
    is_accuracy,
    is_smoke,
    order,
)
from suite.report.settings import short_hash
from suite.report.statistics import interval
from suite.report.table import NOTHING, Cell, Column, Number, Table, named_columns, percent
from suite.results import STATUSES, Results

SAME = "†"
TITLE = "Test accuracy of the variants on both frameworks, beside Table 6 of Yin et al. (2024)."
_UNITS = (
    "Test accuracy in %: mean over n seeds [its 95 % t-interval, of the logit]; no interval for n = 1. Where seeds "
    "learn or do not (two modes, 20 points apart or more): how many learn [95 % interval of that share, Clopper and "
    "Pearson's]."
)
_BESIDE = [status for status in STATUSES if status != "ok"]
INVALID = "invalid"


def table6(results: Results) -> Table:
    """A row for each variant in each setting, a column for each framework, the paper's last.

    `SAME` marks an engine whose kernel computed both frameworks' numbers. The data are those of `summary`; smoke runs
    have no row beside others, as their accuracies mean nothing.
    """
    data = whole = summary(results)
    smoke = data["protocol"].map(is_smoke).astype(bool)
    if not smoke.all():
        data = data[~smoke]
    shown = [name for name in FRAMEWORKS if (data["backend"] == name).any()]
    shown += sorted(set(data["backend"]) - set(FRAMEWORKS))
    rows: list[tuple[Cell, ...]] = []
    group = [*SETTING, "variant", "variant_parameters"]
    for key, part in data.groupby(group, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(group, key, strict=True))
        rows.append(
            (
                about["dataset"],
                about["data_source"] + _tag(data, about, "data_hash", NAMED[:-1]),
                about["protocol"],
                str(about["benchmark_version"]),
                about["engine"] + f" {SAME}" * bool(part["kernel_shared"].any()),
                " / ".join(dict.fromkeys(part["kernel"])),
                about["variant"] + told_apart(data, about),
                *(tuple(_cell(line) for _, line in part[part["backend"] == name].iterrows()) for name in shown),
                papers_cell(part["paper"].iloc[0], about["data_source"], about["protocol"]),
            )
        )
    columns = (
        *named_columns(),
        Column("kernel", "detail"),
        Column("variant", "variant"),
        *(Column(framework_name(name), "number") for name in shown),
        Column("paper", "number"),
    )
    left_out = int(is_accuracy(results.rows).sum()) - len(accuracy_rows(results))
    notes = (*_notes(data), *cross_check_notes(results), *invalid_note(results, "accuracy"))
    notes += tuple(_absent(results))
    if left_out:
        notes += (f"{left_out} older rows of cells that were run again are left out.",)
    if len(data) < len(whole):
        notes += (_ran(whole[smoke]),)
    return Table("table6", TITLE, columns, tuple(rows), whole, notes)


def _absent(results: Results) -> list[str]:
    """Which seeds some means of a setting lack and others have; of no smoke run."""
    rows = accuracy_rows(results)
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna() & ~rows["protocol"].map(is_smoke).astype(bool)]
    said = []
    for key, part in rows.groupby(SETTING, dropna=False, sort=False):
        every = set(part["seed"])
        for (variant, backend), own in part.groupby(["variant", "backend"], sort=False):
            if absent := ", ".join(map(str, sorted(every - set(own["seed"])))):
                about = dict(zip(SETTING, key, strict=True))
                where = f"{about['dataset']}, {about['protocol']}, {about['engine']}"
                said.append(f"{variant} on {framework_name(backend)} ({where}) without {absent}")
    return [f"Seeds that others of the same setting have: {'; '.join(said)}."] if said else []


def _ran(smoke: pd.DataFrame) -> str:
    """Which smoke runs have no row, and whether they ended well."""
    said = []
    for (dataset, source), part in smoke.groupby(["dataset", "data_source"], sort=False):
        wrong = [f"{int(part[status].sum())} {status}" for status in _BESIDE if part[status].sum()]
        said.append(f"{dataset} ({', '.join([str(source), *wrong])})")
    return f"Smoke runs, which only show that everything runs, have no row: {', '.join(said)}."


def _cell(line: pd.Series) -> Number:
    """A mean, then the seeds that have none or did not end well."""
    flags = tuple(f"{line[status]} {status}" for status in (*_BESIDE, INVALID) if line[status])
    learnt = None if pd.isna(line["learnt"]) else int(line["learnt"])
    return Number(line["mean"], n=line["n"], flags=flags, low=line["low"], high=line["high"], learnt=learnt)


def papers_cell(number: float, data_source: str, protocol: str) -> str:
    """The paper's number; in brackets where it does not compare."""
    if math.isnan(number):
        return NOTHING
    return percent(number) if comparable(data_source, protocol) else f"({percent(number)})"


def told_apart(data: pd.DataFrame, about: dict[str, Any]) -> str:
    """A short tag for a variant that has several definitions in one setting, else nothing."""
    return _tag(data, about, "variant_parameters", [*SETTING, "variant"])


def _tag(data: pd.DataFrame, about: dict[str, Any], column: str, within: list[str]) -> str:
    """A short tag for `column` if what should have one value of it has several, else nothing."""
    same = (data[within] == pd.Series(about)[within]).all(axis=1)
    if data.loc[same, column].nunique(dropna=False) < 2:
        return ""
    return " #" + short_hash(about[column])


def _notes(data: pd.DataFrame) -> list[str]:
    """What a reader must know, one sentence or two each."""
    said = [_UNITS]
    kernels = sorted(set(data.loc[data["kernel_shared"], "kernel"]))
    if kernels:
        said.append(
            f"{SAME} Both frameworks ran the same kernel ({', '.join(kernels)}): their agreement is by construction "
            "and no evidence. Engine step runs each framework's own computation."
        )
    if bool((data["data_source"] == "standin").any()):
        said.append(
            "standin: data made by this suite in the original's format; does not compare with the paper's (bracketed)."
        )
    if any(map(is_smoke, data["protocol"])):
        said.append(
            "smoke: a second of training, to show that everything runs; its accuracies mean nothing and do not compare."
        )
    if bool(data[["diverged", "failed", "skipped"]].to_numpy().any()):
        said.append("Seeds that diverged, failed or were skipped are counted beside the mean and are not in it.")
    return said


def summary(results: Results) -> pd.DataFrame:
    """One row for every variant x backend in every setting (`KEY`), accuracies as fractions.

    mean, low, high: over the n seeds that ended ok or dead, and its 95 % interval, NaN for one seed. learnt: where
    seeds learn or do not (suite.report.inference), how many do; low and high are then those of their share.
    ok, dead, diverged, failed, skipped: seeds by status; invalid: those whose accuracy is no fraction from 0 to 1.
    binomial_se: the standard error of one run's accuracy that comes from the size of the test set (n_test samples)
    alone. paper, difference: Table 6's number, and mean - paper where the two compare. kernel_shared: whether both
    frameworks' numbers come from the same kernel.
    """
    lines = []
    for key, rows in accuracy_rows(results).groupby(KEY, dropna=False, sort=False):
        about: dict[str, Any] = dict(zip(KEY, key, strict=True))
        values = rows.loc[rows["status"].isin(COUNTED), "value"].dropna()
        learnt = learning(values)
        low, high = interval(values, share=True) if learnt is None else share_interval(learnt, len(values))
        mean = float(values.mean())
        n_test = rows["n"].dropna().min()
        paper = TABLE_6.get((about["variant"], about["dataset"]), math.nan)
        has_test = pd.notna(n_test) and n_test > 0
        lines.append(
            {
                **about,
                "mean": mean,
                "low": low,
                "high": high,
                "learnt": pd.NA if learnt is None else learnt,
                "n": len(values),
                **{status: int((rows["status"] == status).sum()) for status in STATUSES},
                INVALID: int(rows[INVALID].sum()),
                "n_test": n_test if has_test else pd.NA,
                "binomial_se": math.sqrt(mean * (1 - mean) / n_test) if has_test else math.nan,
                "chance": chance(rows),
                "paper": paper,
                "difference": mean - paper if comparable(about["data_source"], about["protocol"]) else math.nan,
            }
        )
    numbers = ["mean", "low", "high", "learnt", "n", *STATUSES, INVALID, "n_test", "binomial_se", "chance", "paper"]
    table = pd.DataFrame(lines, columns=[*KEY, *numbers, "difference"]).astype({"n_test": "Int64", "learnt": "Int64"})
    users = table.groupby([*SETTING, "kernel"], dropna=False)["backend"].transform("nunique")
    table["kernel_shared"] = (users > 1) & (table["kernel"] != "none")
    return table.sort_values([*ORDERED, "variant", "backend"], key=order, ignore_index=True)
