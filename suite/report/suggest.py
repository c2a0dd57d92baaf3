"""Section 5: which variant to use for what, from measured rows, with what it costs elsewhere and how sure that is."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from neurons.names import unknown_name
from suite.paper import WHERE
from suite.report.claims import Comparison
from suite.report.components import MEASURES as EFFECTS_OF
from suite.report.components import elsewhere
from suite.report.groups import Group, groups
from suite.report.inference import ALPHA, FEWEST, MARGIN, Evidence, holm
from suite.report.measured import chance, comparable, framework_name
from suite.report.statistics import interval
from suite.report.values import ACCURACY
from suite.report.verdicts import correct_samples, evidence, size
from suite.results import Results

PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "accuracy",
        "memory": "accuracy",
        "robustness": "robustness",
        "efficiency": "operations",
        "generalization": "generalization",
    }
)
"""By purpose, the role of a component (suite.report.components) that it is measured by. Memory is accuracy on delayed
XOR."""

MEMORY = WHERE["Table 6, delayed XOR"]

MEASURES = {**EFFECTS_OF, "generalization": elsewhere}
"""As of the components; of generalization the accuracy elsewhere, as who has little accuracy has little to lose."""

MEASURED_BY: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "accuracy": ("accuracy", ()),
        "generalization": ("generalization", WHERE["Table 7"]),
        "robustness": ("robustness", WHERE["Figure 9"]),
        "operations": ("spike_rate", WHERE["Figure 4"]),
    }
)
"""By role, the experiment that measures it, and on which datasets by default (none: on all)."""

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "% right",
        "generalization": "% right at other resolutions",
        "robustness": "flips to mislead",
        "operations": "operations a sample",
    }
)

_PLACE = ("dataset", "data_source", "protocol", "engine", "kernel", "backend")

NEAR_CHANCE = 0.05
"""Variants whose mean accuracy is within so much of guessing are not suggested for anything."""


@dataclass(frozen=True)
class Against:
    """The variant suggested, minus another: its evidence, adjusted p, and whether it is better, worse, practically
    equal or undecided.
    """

    other: str
    role: str
    evidence: Evidence
    p: float
    verdict: str
    unit: str


@dataclass(frozen=True)
class Suggestion:
    """For one dataset and framework: the best variant by its mean over n seeds [low, high].

    against: every other variant, by the same measure. costs: beside the baseline, by the other measures. sure: whether
    it is better than every other variant, for short. caution: why to doubt the rows; missing: what was not measured;
    run_ids: of the rows behind it.
    """

    purpose: str
    place: dict[str, str]
    variant: str
    mean: float
    low: float
    high: float
    n: int
    unit: str
    against: tuple[Against, ...]
    costs: tuple[Against, ...]
    sure: str
    caution: str
    missing: tuple[str, ...]
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """Suggestions, and what is missing for others."""

    purpose: str
    suggestions: tuple[Suggestion, ...]
    missing: tuple[str, ...]


def suggest(results: Results, purpose: str, datasets: Iterable[str] = ()) -> Advice:
    """For every dataset (default: all; for memory, delayed XOR) and framework; from smoke runs and stand-in data only
    where a dataset has no others, and then with a caution.

    Raises ValueError for an unknown purpose.
    """
    if purpose not in PURPOSES:
        raise unknown_name("purpose", purpose, PURPOSES)
    asked = tuple(datasets) or (MEMORY if purpose == "memory" else ())
    every = [group for group in groups(results) if not asked or group.which["dataset"] in asked]
    real = {group.which["dataset"] for group in every if _is_real(group)}
    correct = correct_samples(results)
    found, missing = [], []
    for group in every:
        name = str(group.which["dataset"])
        if _is_real(group) or name not in real:
            one = _of_group(group, purpose, correct)
            if isinstance(one, Suggestion):
                found.append(one)
            elif one and (name in asked or _is_usual(PURPOSES[purpose], name)):
                missing.append(one)
    there = {group.which["dataset"] for group in every}
    missing += [f"no rows of {name}: {_command(PURPOSES[purpose], name)}" for name in asked if name not in there]
    if not every and not asked:
        missing.append(f"no rows: {_command(PURPOSES[purpose], '')}")
    return Advice(purpose, tuple(found), tuple(dict.fromkeys(missing)))


def _is_real(group: Group) -> bool:
    return comparable(group.which["data_source"], group.which["protocol"])


def _is_usual(role: str, dataset: str) -> bool:
    usual = MEASURED_BY[role][1]
    return not usual or dataset in usual


def _command(role: str, dataset: str) -> str:
    on = f" --dataset {shlex.quote(dataset)}" if dataset else ""
    return f"lif-roles run {MEASURED_BY[role][0]} --protocol suite --seeds 0-4{on}"


def _of_group(group: Group, purpose: str, correct: Mapping[str, np.ndarray]) -> Suggestion | str:
    """The suggestion, or what is missing for one; "" for rows that are of something else."""
    rows = group.rows[group.rows["backend"] != "torch"]
    role, dataset = PURPOSES[purpose], str(group.which["dataset"])
    if rows.empty:
        return ""
    able = _able(rows)
    values = {name: MEASURES[role](name)(rows) for name in able}
    beyond = [name for name, one in values.items() if one.isna().any()]
    values = {name: one for name, one in values.items() if len(one) and name not in beyond}
    where, experiment = f"{dataset} ({framework_name(group.which['backend'])})", MEASURED_BY[role][0]
    guessing = [name for name in _measured(rows) if name not in able]
    if len(values) < 2 and not (values and guessing):
        what = f"{experiment} measured {next(iter(values)) if values else 'nothing'}" + " alone" * bool(values)
        lost = f", and seeds of {', '.join(beyond)} have no value" * bool(beyond)
        return f"{where}: {what + lost if able else 'no variant is better than guessing'}: {_command(role, dataset)}"
    if role == "operations" and not any(len(MEASURES["accuracy"](name)(rows)) for name in values):
        return f"{where}: what is silent costs least, and accuracy was not measured: {_command('accuracy', dataset)}"
    common = set.intersection(*(set(one.index) for one in values.values()))
    if common:  # a mean over other seeds would be of other data
        values = {name: one[one.index.isin(common)] for name, one in values.items()}
    sign = -1 if role == "operations" else 1
    candidates = _accurate(rows, list(values)) if role == "operations" else list(values)
    best = max(candidates, key=lambda name: sign * float(values[name].mean()))
    others = [name for name in values if name != best]
    roles = [other for other in MEASURES if other != role] if best != "baseline" and "baseline" in able else []
    compared = [_compared(rows, best, other, role, correct) for other in others]
    costs = [_compared(rows, best, "baseline", other, correct) for other in roles]
    judged = _judged([*compared, *costs])
    against, beside = judged[: len(compared)], [one for one in judged[len(compared) :] if one.evidence.n]
    unmeasured = [one.role for one in judged[len(compared) :] if not one.evidence.n and _is_usual(one.role, dataset)]
    missing = [f"{name} beside the baseline: {_command(name, dataset)}" for name in unmeasured]
    missing += [f"{name} is left out: seeds without a value, such as beyond an attack's cap" for name in beyond]
    own = values[best]
    unit = MEASURES[role](best).unit
    low, high = interval(own, share=unit == ACCURACY)
    parts = MEASURES[role](best).parts
    runs = tuple(dict.fromkeys(run for part in parts for run in part.rows(rows)["run_id"]))
    return Suggestion(
        purpose,
        {name: str(group.which[name]) for name in _PLACE},
        best,
        float(own.mean()),
        low,
        high,
        len(own),
        unit,
        tuple(against),
        tuple(beside),
        _sure(against, guessing),
        "; ".join(filter(None, (group.caution, group.lacks))),
        tuple(missing),
        runs,
    )


def _measured(rows: pd.DataFrame) -> list[str]:
    """The variants whose accuracy was measured."""
    return [name for name in rows["variant"].drop_duplicates() if len(MEASURES["accuracy"](name)(rows))]


def _able(rows: pd.DataFrame) -> list[str]:
    """The variants that do better than guessing, as far as that was measured."""
    names = list(rows["variant"].drop_duplicates())
    guess = chance(rows)
    accuracy = {name: MEASURES["accuracy"](name)(rows) for name in names}
    return [name for name in names if not float(accuracy[name].mean()) <= guess + NEAR_CHANCE]


def _accurate(rows: pd.DataFrame, names: list[str]) -> list[str]:
    """Those whose mean accuracy is no more than `MARGIN` below the best: what is silent costs least."""
    accuracy = {name: float(MEASURES["accuracy"](name)(rows).mean()) for name in names}
    best = max((value for value in accuracy.values() if not math.isnan(value)), default=math.nan)
    near = [name for name, value in accuracy.items() if value >= best - MARGIN - 1e-9]
    return near or names


def _compared(rows: pd.DataFrame, best: str, other: str, role: str, correct: Mapping[str, np.ndarray]) -> Against:
    test = Comparison(role, MEASURES[role](other), MEASURES[role](best))
    found = evidence(test, rows, correct)
    return Against(other, role, found, math.nan, "", "share of seeds" if found.learnt else test.unit)


def _judged(compared: list[Against]) -> list[Against]:
    """With p adjusted for all comparisons of the suggestion."""
    ps = holm([one.evidence.p for one in compared] + [one.evidence.p_equal for one in compared])
    done = []
    for i, one in enumerate(compared):
        p, p_equal = ps[i], ps[len(compared) + i]
        if p_equal <= ALPHA:
            verdict = "practically equal"
        elif p <= ALPHA:
            verdict = "better" if (one.evidence.effect > 0) != (one.role == "operations") else "worse"
        else:
            verdict = "undecided"
        shown = p_equal if verdict == "practically equal" else p
        done.append(Against(one.other, one.role, one.evidence, shown, verdict, one.unit))
    return done


def _sure(against: list[Against], guessing: list[str]) -> str:
    open_ = [one.other for one in against if one.verdict == "undecided"]
    equal = [one.other for one in against if one.verdict == "practically equal"]
    worse = [one.other for one in against if one.verdict == "worse"]
    said = [f"not told from {', '.join(open_)}"] * bool(open_) + [f"as good: {', '.join(equal)}"] * bool(equal)
    said += [f"{', '.join(worse)}: better by this, but less accurate"] * bool(worse)
    said += [f"better than guessing, as {', '.join(guessing)} {'is' if len(guessing) == 1 else 'are'} not"] * (
        bool(guessing) and not against
    )
    few = min((one.evidence.n for one in against), default=FEWEST)
    if few < FEWEST:
        said.insert(0, f"not sure, from {few} common seed{'s' * (few != 1)}: at least {FEWEST} are needed")
    return "; ".join(said) or "better than every other variant measured"


def text(advice: Advice) -> str:
    """For people."""
    said = []
    for one in advice.suggestions:
        place = dict(one.place)
        framework = framework_name(place.pop("backend"))
        said.append(f"For {one.purpose} on {place.pop('dataset')} ({', '.join(place.values())}, {framework}):")
        if one.caution:
            said.append(f"  Caution: {one.caution}")
        said.append(f"  {one.variant}: {_amount(one)} (n = {one.n}); {one.sure}")
        said += [f"    than {_told(other)}" for other in one.against]
        said += [f"  {cost.role}, beside the {_told(cost)}" for cost in one.costs]
        said += [f"  not measured: {missing}" for missing in one.missing]
        said.append(f"  rows: {', '.join(one.run_ids)}")
    if not advice.suggestions:
        said.append(f"Nothing can be suggested for {advice.purpose}.")
    return "\n".join([*said, *(f"Missing: {one}" for one in advice.missing)])


def _amount(one: Suggestion) -> str:
    scale, form = (100, ".1f") if one.unit == ACCURACY else (1, ".3g")
    between = "" if math.isnan(one.low) else f" [{scale * one.low:{form}}, {scale * one.high:{form}}]"
    return f"{scale * one.mean:{form}}{between} {UNITS[PURPOSES[one.purpose]]}"


def _told(one: Against) -> str:
    p = "" if math.isnan(one.p) else f", p = {one.p:.2g}"
    return f"{one.other}: {one.verdict}, {size(one.evidence, one.unit)} (n = {one.evidence.n}{p})"


def as_dict(advice: Advice) -> dict[str, Any]:
    """For JSON; numbers that are none are null."""

    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    def against(one: Against) -> dict[str, Any]:
        e = one.evidence
        told = {"than": one.other, "by": one.role, "verdict": one.verdict, "n": e.n, "unit": one.unit}
        return {**told, **{name: number(v) for name, v in (("mean", e.mean), ("low", e.low), ("high", e.high))}}

    return {
        "for": advice.purpose,
        "suggestions": [
            {
                **one.place,
                "variant": one.variant,
                "unit": one.unit,
                "n": one.n,
                **{name: number(v) for name, v in (("mean", one.mean), ("low", one.low), ("high", one.high))},
                "sure": one.sure,
                "caution": one.caution,
                "against": [against(other) for other in one.against],
                "costs": [against(other) for other in one.costs],
                "missing": one.missing,
                "run_ids": one.run_ids,
            }
            for one in advice.suggestions
        ],
        "missing": advice.missing,
    }
