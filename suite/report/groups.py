"""What may be judged together: rows of one setting, kernel and framework; what they lack, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from suite.paper import DATASETS
from suite.report.claims import PAPER, Claim
from suite.report.components import PAIR
from suite.report.measured import (
    COUNTED,
    SETTING,
    comparable,
    is_accuracy,
    is_smoke,
    measured,
    papers_data,
    with_baselines,
)
from suite.results import Results

WHICH = [*SETTING, "kernel", "backend"]


@dataclass(frozen=True)
class Group:
    """Rows, and which they are (`WHICH`, as text where several are together). caution: why a verdict on them does not
    bear on the paper's claims; lacks: which datasets are not there; ended: how the runs ended that have no value, by
    experiment, variant and seed.
    """

    which: dict[str, Any]
    rows: pd.DataFrame
    caution: str
    lacks: str = ""
    ended: Mapping[tuple[str, str, int], str] = field(default_factory=dict)

    def caution_for(self, claim: Claim) -> str:
        """Why to doubt that a verdict bears on the claim."""
        beyond = claim.source == PAPER and not claim.across and self.which["dataset"] not in DATASETS
        return "; ".join(filter(None, ("a dataset that the paper does not have" if beyond else "", self.caution)))

    @cached_property
    def _has(self) -> set[tuple[str, str]]:
        return set(zip(self.rows["experiment"], self.rows["variant"], strict=True))

    def has_any(self, claim: Claim) -> bool:
        """Whether it has rows of what the claim compares."""
        tests = claim.tests
        return any(not test.parts or any((p.experiment, p.variant) in self._has for p in test.parts) for test in tests)


def groups(results: Results) -> list[Group]:
    """The rows of one setting, kernel and framework, with those of lstm, gru and rnn on the same data and protocol."""
    parts = [measured(results, name, empty=True) for name in results.rows["experiment"].drop_duplicates()]
    if not parts:
        return []
    rows = _slim(with_baselines(pd.concat(parts, ignore_index=True)))
    newest = int(rows["benchmark_version"].max()) if len(rows) else 0
    bad = results.rows[~results.rows["status"].isin(COUNTED)]
    found = []
    for key, part in rows.groupby(SETTING, dropna=False, sort=False):
        spiking = part[part["backend"] != "torch"].drop_duplicates(["backend", "kernel"])
        about: dict[str, Any] = dict(zip(SETTING, key, strict=True))
        said = caution(about, newest)
        for framework, kernel in zip(spiking["backend"], spiking["kernel"], strict=True):
            own = (part["backend"] == framework) & (part["kernel"] == kernel)
            which = {**about, "backend": framework, "kernel": kernel}
            group = _of_one_definition(which, part[own | (part["backend"] == "torch")], said)
            found.append(replace(group, ended=_ended(bad, which)))
        if spiking.empty:
            found.append(_of_one_definition({**about, "backend": "torch", "kernel": "none"}, part, said))
    return found


def _ended(bad: pd.DataFrame, which: dict[str, Any]) -> dict[tuple[str, str, int], str]:
    own = bad
    for name in WHICH:
        own = own[own[name].astype(str) == str(which[name])]
    return dict(zip(zip(own["experiment"], own["variant"], own["seed"], strict=True), own["status"], strict=True))


def _of_one_definition(which: dict[str, Any], rows: pd.DataFrame, said: str) -> Group:
    """Of a variant's name that has had several definitions, the rows of the one that was run last."""
    newest = rows.sort_values("finished_at", kind="stable").drop_duplicates("variant", keep="last")
    last = dict(zip(newest["variant"].astype(str), newest["variant_parameters"].astype(str), strict=True))
    of_last = (rows["variant_parameters"].astype(str) == rows["variant"].astype(str).map(last)).to_numpy()
    older = ", ".join(rows.loc[~of_last, "variant"].drop_duplicates())
    return Group(which, rows[of_last], said, f"rows of an older definition of {older} are left out" if older else "")


def both_frameworks(every: list[Group]) -> list[Group]:
    """The accuracies of a setting on both frameworks, together; of each on the kernel that ran last."""
    by: dict[tuple[str, ...], dict[str, Group]] = {}
    for group in every:
        framework, rows = str(group.which["backend"]), group.rows[is_accuracy(group.rows)]
        if framework in PAIR and len(rows):
            found = by.setdefault(tuple(str(group.which[name]) for name in SETTING), {})
            if framework not in found or found[framework].rows["finished_at"].max() <= rows["finished_at"].max():
                found[framework] = replace(group, rows=rows[rows["backend"] == framework])
    return [_together(list(found.values())) for found in by.values() if len(found) == len(PAIR)]


def _together(parts: list[Group], lacks: str = "") -> Group:
    which = {name: ", ".join(dict.fromkeys(str(group.which[name]) for group in parts)) for name in WHICH}
    rows = pd.concat([group.rows for group in parts], ignore_index=True)
    said = [group.lacks for group in parts if group.lacks] + [lacks] * bool(lacks)
    return Group(which, rows, parts[0].caution, "; ".join(dict.fromkeys(said)))


def _slim(rows: pd.DataFrame) -> pd.DataFrame:
    """What comparisons look at, quick to choose from: they do so a few thousand times."""
    names = ["experiment", "metric", "variant", "variant_parameters", "kind"]
    axes = {name for at in rows["at"] for name in at}
    kept = [*WHICH, *names, "seed", "run_id", "value", "n", "at", "n_classes", "finished_at", *sorted(axes)]
    return rows[kept].astype(dict.fromkeys(names, "category"))


def caution(which: dict[str, Any], newest: int) -> str:
    """Why a verdict in this setting does not bear on the claim; empty if it does."""
    said = []
    if which["data_source"] == "standin":
        said.append("stand-in data: not a verdict on the paper")
    elif not papers_data(which["data_source"]):
        said.append(f"data: {which['data_source']}, not the paper's")
    if is_smoke(which["protocol"]):
        said.append("smoke run: not a verdict on the paper")
    elif not comparable(which["data_source"], which["protocol"]) and not said:
        said.append("not comparable with the paper")
    if int(which["benchmark_version"]) < newest:
        said.append(f"rows of benchmark version {which['benchmark_version']}; there are some of {newest}")
    return "; ".join(said)


def across(every: list[Group], datasets: tuple[str, ...]) -> Iterator[Group]:
    """The accuracies of several datasets in one protocol, engine and framework; of each dataset its newest setting's.

    Only original and generated data.
    """
    by: dict[tuple[str, ...], dict[str, Group]] = {}
    for group in every:
        rows = group.rows[is_accuracy(group.rows)]
        name = group.which["dataset"]
        if name in datasets and papers_data(group.which["data_source"]) and len(rows):
            same = tuple(str(group.which[column]) for column in ("benchmark_version", "protocol", "engine", "backend"))
            found = by.setdefault(same, {})
            if name not in found or found[name].rows["finished_at"].max() <= rows["finished_at"].max():
                found[name] = replace(group, rows=rows)
    for found in by.values():
        absent = ", ".join(name for name in datasets if name not in found)
        lacks = f"no rows of {absent} from original data" if absent else ""
        yield _together([found[name] for name in datasets if name in found], lacks)


def missing(claim: Claim, group: Group) -> str:
    """What the claim's comparisons would need and do not find among the rows, or find without a value."""
    said = [group.lacks] * bool(group.lacks)
    parts = dict.fromkeys(part for test in claim.tests for part in test.parts)
    for dataset, rows in group.rows.groupby("dataset", sort=False):
        on = f" on {dataset}" if claim.across else ""
        found = {part: part(rows) for part in parts}
        if not any(map(len, found.values())):
            continue
        seeds = set().union(*(values.index for values in found.values()))
        for part, values in found.items():
            name = part.name + on
            if not len(values):
                said.append(f"no rows of {name}")
                continue
            for absent in sorted(seeds - set(values.index)):
                how = group.ended.get((part.experiment, part.variant, absent))
                said.append(f"seed {absent} of {name}" + (f" ({how})" if how else ""))
            said += [f"no value in seed {seed} of {name}" for seed in values.index[values.isna()]]
    return "; ".join(dict.fromkeys(said))
