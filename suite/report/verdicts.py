"""Do the rows support the claims?

Every comparison is of the same seeds (suite.report.inference). All of one report, those of the claims and those behind
the effects of the components, are judged together: their p are adjusted by Holm's method, so that at most one report
in twenty has a wrong verdict. A claim is supported if all its comparisons are on the claimed side, contradicted if one
is on the other, practically equal if all are, else undecided.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from suite.report.claims import CLAIMS, Claim, Comparison
from suite.report.claims_of_others import OTHERS
from suite.report.components import QUESTIONS, frameworks_question
from suite.report.groups import WHICH, Group, across, both_frameworks, groups, missing
from suite.report.inference import ALPHA, MARGIN, Evidence, binomial, compare, holm, pairs_needed
from suite.report.measured import NAMED, SETTING, artifact_lines, comparable, framework_name, invalid_note
from suite.report.table import NOTHING, Column, Table
from suite.report.values import ACCURACY, Measured
from suite.results import Results
from suite.results.bits import unpacked

TITLE = (
    "Each claim as comparisons of two numbers of every seed, the mean difference with its 95 % interval. With at least "
    "five seeds, and p adjusted for all comparisons of the report (Holm): supported if all are on the claimed side, "
    "contradicted if one is on the other, practically equal if all accuracies differ by less than a point; else "
    "undecided."
)


EVERY = (*CLAIMS, *OTHERS)


@dataclass(frozen=True)
class Tested:
    """One comparison of a claim in one setting and framework. evidence.p and p_equal are as computed, evidence.needed
    for this report's number of comparisons; p is adjusted: where the two are practically equal, that of a difference
    beyond the margin, else that of no difference. unit: what mean and interval are in: "accuracy" (a fraction), "share
    of seeds" (where seeds learn or do not), or "".
    """

    says: str
    evidence: Evidence
    verdict: str
    p: float
    unit: str


@dataclass(frozen=True)
class Judged:
    """One claim in one setting and framework: columns of SETTING, kernel and backend; None: no rows.

    caution: why it does not bear on the claim; missing: what is not there or could not be used; else "".
    """

    claim: Claim
    setting: dict[str, Any] | None
    verdict: str
    tests: tuple[Tested, ...]
    caution: str
    missing: str


def judged(results: Results) -> list[Judged]:
    """The claims, in their order, each in every setting and framework that can test it; one "not tested" without."""
    every = judge(results)
    return [one for claim in EVERY for one in every if one.claim is claim]


@lru_cache(maxsize=2)
def judge(results: Results) -> tuple[Judged, ...]:
    """The claims, and the questions about components and frameworks (suite.report.components), in one family of tests.
    Kept for the next who asks, as it takes seconds.
    """
    found = list(_compared(results))
    raw = {_hypothesis(one, e): e for one in found for e in one.evidence if e.n}
    ps = holm([e.p for e in raw.values()] + [e.p_equal for e in raw.values()])
    adjusted = {key: (ps[i], ps[len(raw) + i]) for i, key in enumerate(raw)}
    alpha = ALPHA / max(1, sum(1 + (e.margin is not None) for e in raw.values()))
    done = []
    for one in found:
        tests = []
        for test, e in zip(one.claim.tests, one.evidence, strict=one.which is not None):
            p, p_equal = adjusted.get(_hypothesis(one, e), (math.nan, math.nan))
            verdict = _verdict(test, e, p, p_equal)
            unit = "share of seeds" if e.learnt else test.unit
            told = replace(e, needed=pairs_needed(e, alpha))
            tests.append(Tested(test.says, told, verdict, p_equal if p_equal <= ALPHA else p, unit))
        verdict = conclude([test.verdict for test in tests]) if tests else "not tested"
        done.append(Judged(one.claim, one.which, verdict, tuple(tests), one.caution, one.missing))
    return tuple(done)


@dataclass(frozen=True)
class _Compared:
    """A claim with the evidence of each of its tests, before the verdict."""

    claim: Claim
    which: dict[str, Any] | None
    evidence: tuple[Evidence, ...]
    caution: str
    missing: str


def _compared(results: Results) -> Iterator[_Compared]:
    every = groups(results)
    correct = correct_samples(results)
    for group in both_frameworks(every):
        for variant in dict.fromkeys(group.rows["variant"]):
            claim = frameworks_question(variant)
            found = tuple(evidence(test, group.rows, correct) for test in claim.tests)
            yield _Compared(claim, group.which, found, group.caution, _missing(claim, group, correct))
    for claim in (*EVERY, *QUESTIONS.values()):
        tested: list[tuple[Group, _Compared]] = []
        untested: list[tuple[Group, str]] = []
        for group in across(every, claim.datasets or ()) if claim.across else every:
            if claim.datasets is not None and not claim.across and group.which["dataset"] not in claim.datasets:
                continue
            if claim.datasets is None and not comparable(group.which["data_source"], group.which["protocol"]):
                continue
            if not claim.across and not group.has_any(claim):
                continue
            found = tuple(evidence(test, group.rows, correct) for test in claim.tests)
            lacking = _missing(claim, group, correct)
            if any(one.n for one in found):
                tested.append((group, _Compared(claim, group.which, found, group.caution_for(claim), lacking)))
            else:
                untested.append((group, lacking))
        for group, one in tested:  # what only the other framework lacks
            beside = [
                f"on {framework_name(other.which['backend'])}: {lacking}"
                for other, lacking in untested
                if lacking and all(str(other.which[name]) == str(group.which[name]) for name in SETTING)
            ]
            yield replace(one, missing="; ".join(filter(None, (one.missing, *beside))))
        if not tested:
            yield _Compared(claim, None, (), "", next((lacking for _, lacking in untested if lacking), "no rows yet"))


def evidence(test: Comparison, rows: pd.DataFrame, correct: Mapping[str, np.ndarray]) -> Evidence:
    """Compare seed by seed. correct: of a run, which test samples it has right.

    Where a row has no value, such as a median beyond an attack's cap, p is NaN: the seeds that are left would be the
    easier ones.
    """
    high, low = test.high(rows), test.low(rows)
    if test.unit != ACCURACY:
        found = compare(high, low)
    else:
        samples = _samples(test, rows, correct)
        found = compare(high, low, margin=MARGIN, samples=samples, of_samples=rough_error(test.parts, rows))
    if high.isna().any() or low.isna().any():
        found = replace(found, p=math.nan, p_equal=math.nan)
    return found


def rough_error(parts: Iterable[Measured], rows: pd.DataFrame) -> float:
    """The test samples' standard error of a difference made of these accuracies, from their number alone."""
    parts = list(parts)
    n = [n for part in parts if (n := part.n_samples(rows)) is not None]
    return binomial([float(part(rows).mean()) for part in parts], min(n, default=None))


def _samples(test: Comparison, rows: pd.DataFrame, correct: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """How much more often high is right than low, [seeds, test samples]; None unless it is known of all runs."""
    runs = _runs(test, rows)
    if runs.empty or not runs.isin(list(correct)).all(axis=None):
        return None
    pairs = runs.to_numpy()
    if len({len(correct[run]) for run in pairs.flat}) != 1:
        return None
    return np.stack([correct[high].astype(int) - correct[low].astype(int) for high, low in pairs])


def _runs(test: Comparison, rows: pd.DataFrame) -> pd.DataFrame:
    """The runs of both sides, by seed, if the accuracy experiment measured both as they are."""
    if not all(isinstance(side, Measured) and side.experiment == ACCURACY for side in (test.high, test.low)):
        return pd.DataFrame()
    sides = [side.runs(rows) for side in (test.high, test.low) if isinstance(side, Measured)]
    return pd.concat(sides, axis=1, join="inner", keys=[side.name for side in test.parts])


def _missing(claim: Claim, group: Group, correct: Mapping[str, np.ndarray]) -> str:
    """As `groups.missing`; and which runs did not keep their right samples where others did, so that the test set's
    error follows from its size alone.
    """
    said = [missing(claim, group)]
    for test in claim.tests:
        runs = _runs(test, group.rows)
        lost = [(seed, name) for name in runs for seed, run in runs[name].items() if run not in correct]
        if len(lost) < runs.size:
            said += [f"which samples seed {seed} of {name} has right" for seed, name in lost]
    return "; ".join(filter(None, dict.fromkeys(said)))


def correct_samples(results: Results) -> dict[str, np.ndarray]:
    """Of every run that kept it, which test samples it has right [samples]. What cannot be used is a problem."""
    found = {}
    for one in artifact_lines(results, "accuracy", "correct").to_dict("records"):
        try:
            found[one["run_id"]] = unpacked(one["correct"], int(one["n"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            results.problem(f"the right samples of {one['run_id']} cannot be used: {error}; run the cell with --rerun")
    return found


def _hypothesis(one: _Compared, e: Evidence) -> tuple[object, ...]:
    """The same for one comparison that several claims make in one setting, whichever way round, and for two frameworks
    whose numbers one kernel computed: it counts once.
    """
    where = (str(value) for name, value in (one.which or {}).items() if name != "backend")
    return (*where, *sorted(e.means), e.p, e.p_equal)


def _verdict(test: Comparison, e: Evidence, p: float, p_equal: float) -> str:
    if p_equal <= ALPHA:
        return "supported" if test.equal else "practically equal"
    if p <= ALPHA:
        return "supported" if e.effect > 0 and not test.equal else "contradicted"
    return "undecided"


def conclude(verdicts: list[str]) -> str:
    """The verdict of a claim from those of its tests."""
    if "contradicted" in verdicts:
        return "contradicted"
    return verdicts[0] if len(set(verdicts)) == 1 else "undecided"


def claims(results: Results) -> Table:
    """The verdicts on the claims: those that have rows, then the others. The data are those of `verdicts`."""
    data = verdicts(results)
    lines = data.fillna(NOTHING).sort_values("numbers", key=lambda numbers: numbers == "", kind="stable")
    rows = tuple(
        (
            f"{line['says']} ({line['source']}, {line['where']})",
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
    """`judged` as a table of text: claim, source, where, says, the setting, verdict, numbers (of each test) and note
    (caution and what is missing).
    """
    lines = [
        {
            **{"claim": one.claim.id, "source": one.claim.source, "where": one.claim.where, "says": one.claim.says},
            **(one.setting or {}),
            "verdict": one.verdict,
            "numbers": "; ".join(map(numbers, one.tests)),
            "note": "; ".join(filter(None, (one.caution, one.missing))),
        }
        for one in judged(results)
    ]
    columns = ["claim", "source", "where", "says", *WHICH, "verdict", "numbers", "note"]
    return pd.DataFrame(lines, columns=columns, dtype=object).astype("string")


def numbers(test: Tested) -> str:
    """A test's evidence in words: "baseline < without_reset: +2.1 points [0.4, 3.8] (n = 5, p = 0.03)"."""
    e = test.evidence
    if not e.n:
        return f"{test.says}: no rows"
    said = [f"n = {e.n}"]
    if not math.isnan(test.p):
        said.append(f"p = {test.p:.2g}")
    if test.verdict == "undecided" and e.needed is not None and e.needed > e.n:
        said.append(f"{e.needed} seeds would decide")
    return f"{test.says}: {size(e, test.unit)} ({', '.join(said)})"


def size(e: Evidence, unit: str) -> str:
    """The mean difference and its interval; of bimodal outcomes the counts."""
    if e.learnt is not None:
        return f"{e.learnt[0]} against {e.learnt[1]} of {e.n} seeds learn"
    scale, form, name = (100, "+.2f", " points") if unit == ACCURACY else (1, "+.3g", "")
    interval = "" if math.isnan(e.low) else f" [{scale * e.low:{form}}, {scale * e.high:{form}}]"
    return f"{scale * e.mean:{form}}{name}{interval}"
