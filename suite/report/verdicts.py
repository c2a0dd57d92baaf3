"""Do the rows support the paper's claims?

A test's mean difference over the seeds has a 95 % t-interval: supported if the interval lies on the claimed side,
contradicted if on the other, else undecided, and always undecided with fewer than two seeds or with differences that
are all the same. A claim is contradicted if one of its tests is, supported if all are. Nothing is corrected for the
number of claims: of twenty that are empty, one comes out decided by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from suite.report.claims import CLAIMS, Comparison
from suite.report.measured import (
    NAMED,
    SETTING,
    comparable,
    framework_name,
    invalid_note,
    is_accuracy,
    is_smoke,
    measured,
    papers_data,
    with_baselines,
)
from suite.report.statistics import mean_ci, sign_of_mean
from suite.report.table import NOTHING, Column, Number, Table, written
from suite.results import Results

TITLE = (
    "Each claim as comparisons of two numbers of every seed, with a 95 % t-interval over the seeds: supported if all "
    "intervals lie on the claimed side of zero, contradicted if one lies on the other, else undecided; undecided too "
    "with one seed, or where all seeds differ by the same. There is no correction for the number of claims."
)

WHICH = [*SETTING, "kernel", "backend"]


def claims(results: Results) -> Table:
    """The verdicts on the paper's claims: those that have rows, then the others. The data are those of `verdicts`."""
    data = verdicts(results)
    lines = data.fillna(NOTHING).sort_values("numbers", key=lambda numbers: numbers == "", kind="stable")
    rows = tuple(
        (
            f"{line['says']} ({line['where']})",
            f"{_where(line)} ({line['kernel']})" if line["numbers"] else NOTHING,
            framework_name(line["backend"]),
            line["verdict"],
            line["numbers"] or NOTHING,
            line["note"],
        )
        for _, line in lines.iterrows()
    )
    columns = (
        *(Column("claim", "long"), Column("data", "long"), Column("framework"), Column("verdict")),
        *(Column("difference (high − low)", "long"), Column("note", "long")),
    )
    notes = tuple(invalid_note(results, *results.rows["experiment"].unique()))
    return Table("claims", TITLE, columns, rows, data, notes)


def _where(line: pd.Series) -> str:
    return ", ".join(f"benchmark {line[name]}" if name == "benchmark_version" else line[name] for name in NAMED)


def verdicts(results: Results) -> pd.DataFrame:
    """One line for each claim in every setting, kernel and framework with rows for it; one "undecided" line without.

    Columns: claim, where, says, the setting, verdict (supported, contradicted, undecided), numbers (each test's mean
    difference, high minus low, with its interval and seeds) and note. Data sources are never mixed, and the note says
    what forbids to read a verdict as one on the paper: stand-in data, a smoke run, a subset. A claim across datasets
    has one line for each protocol, engine and framework, from original and generated data alone.
    """
    lines = []
    groups = list(_groups(results))
    alone = [(which, rows, caution(which)) for which, rows in groups]
    for claim in CLAIMS:
        about = {"claim": claim.id, "where": claim.where, "says": claim.says}
        found = []
        for which, rows, note in _across(groups, claim.datasets) if claim.across else alone:
            if claim.across or which["dataset"] in claim.datasets:
                judged = [judge(test, rows) for test in claim.tests]
                if any(one.n for one in judged):
                    found.append({**about, **which, **conclude(judged), "note": note})
        lines += found or [{**about, "verdict": "undecided", "numbers": "", "note": "no rows yet"}]
    columns = ["claim", "where", "says", *WHICH, "verdict", "numbers", "note"]
    return pd.DataFrame(lines, columns=columns, dtype=object).astype("string")


@dataclass(frozen=True)
class Result:
    """One test: verdict, mean difference (high - low), half-width of its 95 % interval, seeds."""

    says: str
    verdict: str
    mean: float
    ci95: float
    n: int


def judge(test: Comparison, rows: pd.DataFrame) -> Result:
    """Compare seed by seed. Raises nothing: what is missing is undecided, with n = 0.

    So is what has a row without a value, such as a median beyond an attack's cap: the seeds that are left would be the
    easier ones.
    """
    high, low = test.high(rows), test.low(rows)
    difference = (high - low).dropna()
    sign = 0 if high.isna().any() or low.isna().any() else sign_of_mean(difference)
    verdict = {1: "supported", -1: "contradicted", 0: "undecided"}[sign]
    return Result(test.says, verdict, *mean_ci(difference), len(difference))


def conclude(results: list[Result]) -> dict[str, str]:
    """The verdict of a claim and its numbers as text."""
    found = [result.verdict for result in results]
    verdict = "undecided"
    if "contradicted" in found:
        verdict = "contradicted"
    elif all(one == "supported" for one in found):
        verdict = "supported"
    return {"verdict": verdict, "numbers": "; ".join(_numbers(result) for result in results)}


def _numbers(result: Result) -> str:
    if not result.n:
        return f"{result.says}: no rows"
    number = written(Number(result.mean, result.ci95, signed=True, form="{:.3g}".format))
    return f"{result.says}: {number} (n = {result.n})"


def caution(which: dict[str, Any]) -> str:
    """Why a verdict in this setting does not bear on the paper's claim; empty if it does."""
    said = []
    if which["data_source"] == "standin":
        said.append("stand-in data: not a verdict on the paper")
    elif not papers_data(which["data_source"]):
        said.append(f"data: {which['data_source']}, not the paper's")
    if is_smoke(which["protocol"]):
        said.append("smoke run: not a verdict on the paper")
    elif not comparable(which["data_source"], which["protocol"]) and not said:
        said.append("not comparable with the paper")
    return "; ".join(said)


def _groups(results: Results) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The rows of one setting, kernel and framework, with those of lstm, gru and rnn on the same data and protocol."""
    parts = [measured(results, name, empty=True) for name in results.rows["experiment"].drop_duplicates()]
    if not parts:
        return
    rows = with_baselines(pd.concat(parts, ignore_index=True))
    for key, part in rows.groupby(SETTING, dropna=False, sort=False):
        spiking = part[part["backend"] != "torch"].drop_duplicates(["backend", "kernel"])
        about: dict[str, Any] = dict(zip(SETTING, key, strict=True))
        for framework, kernel in zip(spiking["backend"], spiking["kernel"], strict=True):
            own = (part["backend"] == framework) & (part["kernel"] == kernel)
            yield {**about, "backend": framework, "kernel": kernel}, part[own | (part["backend"] == "torch")]
        if spiking.empty:
            yield {**about, "backend": "torch", "kernel": "none"}, part


def _across(
    groups: list[tuple[dict[str, Any], pd.DataFrame]], datasets: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, str]]:
    """The accuracies of several datasets in one protocol, engine and framework; of each dataset its newest setting's.

    Only original and generated data; the note says which datasets are not there.
    """
    by: dict[tuple[str, ...], dict[str, tuple[dict[str, Any], pd.DataFrame]]] = {}
    for which, rows in groups:
        accuracy = rows[is_accuracy(rows)]
        if which["dataset"] in datasets and papers_data(which["data_source"]) and len(accuracy):
            found = by.setdefault(
                tuple(str(which[name]) for name in ("benchmark_version", "protocol", "engine", "backend")), {}
            )
            before = found.get(which["dataset"])
            if before is None or before[1]["finished_at"].max() <= accuracy["finished_at"].max():
                found[which["dataset"]] = (which, accuracy)
    for found in by.values():
        there = [name for name in datasets if name in found]
        parts = [found[name] for name in there]
        about = {name: ", ".join(dict.fromkeys(str(which[name]) for which, _ in parts)) for name in WHICH}
        missing = [name for name in datasets if name not in found]
        said = [caution({**about, "data_source": "original"})]
        if missing:
            said.append(f"without {', '.join(missing)} (no rows from original data)")
        yield about, pd.concat([rows for _, rows in parts], ignore_index=True), "; ".join(filter(None, said))
