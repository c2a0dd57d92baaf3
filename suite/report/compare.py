"""What changed between two sets of results, beyond noise: of every cell, and of every claim's comparisons.

The same seeds are compared (suite.report.inference), and p adjusted over all that is compared (Holm).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from suite.errors import ResultsError
from suite.report.groups import Group, groups
from suite.report.inference import ALPHA, FEWEST, MARGIN, Evidence, binomial, compare, holm
from suite.report.measured import COUNTED, framework_name
from suite.report.values import ACCURACY
from suite.report.verdicts import EVERY, correct_samples, judged, size
from suite.results import Results
from suite.results.read import ARTIFACT

PLACE = ["dataset", "data_source", "protocol", "engine", "backend"]
"""Rows of both are compared where these are the same."""

_ALIKE = ["benchmark_version", "data_hash", "protocol_hash", "kernel", "variant_parameters"]

VERDICTS = ("changed", "undecided", "practically equal", "identical")

_CELL = [*PLACE, "variant", "experiment", "metric", "condition"]
_NAMED = ["benchmark_version", "data_hash", "protocol_hash", "kernel", "suite_version", "torch_version", "device"]
"""What may differ between the two and is then said."""


@dataclass(frozen=True)
class Change:
    """A cell or a claim's comparison, after minus before. verdict: "changed", "practically equal", "identical" or
    "undecided"; p is adjusted. before, after: of a claim, its verdicts, else "".
    """

    what: str
    place: dict[str, str]
    evidence: Evidence
    verdict: str
    p: float
    unit: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        e, where = self.evidence, ", ".join([*list(self.place.values())[:-1], framework_name(self.place["backend"])])
        said = f"{self.what} ({where}): {self.verdict}, {size(e, self.unit)} (n = {e.n}"
        said += ")" if math.isnan(self.p) else f", p = {self.p:.2g})"
        return said + (f"; verdict {self.before} -> {self.after}" if self.before != self.after else "")


@dataclass(frozen=True)
class Changes:
    """All that was compared; lost: what ended well before and did not after; notes: what only one of them has, and in
    what else they differ.
    """

    cells: tuple[Change, ...]
    claims: tuple[Change, ...]
    lost: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def changed(self) -> list[Change]:
        """What changed beyond noise."""
        return [one for one in (*self.cells, *self.claims) if one.verdict == "changed"]

    def text(self) -> str:
        """For people: what changed, how much did not, and what is to be known."""
        said = [f"{one}" for one in self.changed] + [f"lost: {one}" for one in self.lost]
        for name, of in (("cells", self.cells), ("claims' comparisons", self.claims)):
            counts = Counter(one.verdict for one in of)
            order = [f"{counts[word]} {word}" for word in VERDICTS if counts[word]]
            said.append(f"{len(of)} {name}: {', '.join(order) or 'none'}")
        turned = [one for one in self.claims if one.before != one.after and one.verdict != "changed"]
        said += [f"not beyond noise: {one}" for one in turned]
        few = [one for one in self.cells if one.verdict == "undecided" and one.evidence.n < FEWEST]
        if few:
            said.append(f"{len(few)} cells have fewer than {FEWEST} common seeds, which decide nothing")
        return "\n".join([*said, *self.notes])

    def as_dict(self) -> dict[str, Any]:
        """For JSON; numbers that are none are null."""

        def plain(one: Change) -> dict[str, Any]:
            e = one.evidence
            numbers = {"mean": e.mean, "low": e.low, "high": e.high, "p": one.p}
            known = {name: None if math.isnan(value) else value for name, value in numbers.items()}
            about = {"what": one.what, **one.place, "verdict": one.verdict, "n": e.n, **known, "method": e.method}
            return {**about, "unit": one.unit, **({"before": one.before, "after": one.after} if one.before else {})}

        parts = {"cells": [plain(one) for one in self.cells], "claims": [plain(one) for one in self.claims]}
        return {"changed": bool(self.changed or self.lost), **parts, "lost": self.lost, "notes": self.notes}


def changes(before: Results, after: Results) -> Changes:
    """Compare two results, as `measured.checked` made them. Raises ResultsError if they have nothing in common."""
    cells = list(_cells(before, after))
    claims = list(_claims(before, after))
    if not cells:
        raise ResultsError(
            f"the two results have no cell in common (a cell: {', '.join(_CELL)}, and the seed); compare results of "
            "the same datasets, protocols, engines, frameworks and variants"
        )
    every = [*cells, *claims]
    ps = holm([one.evidence.p for one in every] + [one.evidence.p_equal for one in every])
    done = [_judged(one, ps[i], ps[len(every) + i]) for i, one in enumerate(every)]
    notes = (*_only_one(before, after), *_differ(before, after))
    return Changes(tuple(done[: len(cells)]), tuple(done[len(cells) :]), tuple(_lost(before, after)), notes)


def _judged(one: Change, p: float, p_equal: float) -> Change:
    e = one.evidence
    if e.identical:
        verdict = "identical"
    elif p_equal <= ALPHA:
        verdict = "practically equal"
    else:
        verdict = "changed" if p <= ALPHA else "undecided"
    return replace(one, verdict=verdict, p=p_equal if verdict == "practically equal" else p)


def _rows(results: Results) -> pd.DataFrame:
    """The rows that count and can be better or worse, the last of each seed; of each place and variant those that are
    alike, as the last one is, in what must not be mixed.
    """
    rows = results.rows
    rows = rows[rows["status"].isin(COUNTED) & (rows["metric"] != ARTIFACT)]
    rows = rows[rows["higher_is_better"].notna() | rows["metric"].str.endswith("accuracy")]
    rows = rows.sort_values("finished_at", kind="stable").assign(condition=rows["condition"].fillna(""))
    rows = rows.drop_duplicates([*_CELL, *_ALIKE, "seed"], keep="last")
    of = [rows[name].astype(str) for name in (*PLACE, "variant")]
    alike = rows[_ALIKE].astype(str).agg("|".join, axis=1) if len(rows) else pd.Series(dtype=str)
    return rows[alike == alike.groupby(of).transform("last")]


def _cells(before: Results, after: Results) -> Iterator[Change]:
    right = correct_samples(before), correct_samples(after)
    both = [_rows(results).groupby(_CELL, sort=False) for results in (before, after)]
    for key, old in both[0]:
        if key not in both[1].groups:
            continue
        new, old = (part[part["value"].notna()].set_index("seed") for part in (both[1].get_group(key), old))
        about = dict(zip(_CELL, map(str, key), strict=True))
        unit = ACCURACY if about["metric"].endswith("accuracy") else ""
        options: dict[str, Any] = {}
        if unit:
            n = pd.concat([old["n"], new["n"]]).dropna().min()
            runs = pd.concat([old["run_id"], new["run_id"]], axis=1, join="inner")
            samples = _samples(runs, right) if about["experiment"] == "accuracy" else None
            rough = binomial([float(one["value"].mean()) for one in (old, new)], int(n) if pd.notna(n) else None)
            options = {"margin": MARGIN, "of_samples": rough, "samples": samples}
        found = compare(new["value"], old["value"], **options)
        if found.n:
            at = f" ({about['condition']})" if about["condition"] else ""
            what = f"{about['variant']}, {about['metric']} of {about['experiment']}{at}"
            place = {name: about[name] for name in PLACE}
            yield Change(what, place, found, "", math.nan, "share of seeds" if found.learnt else unit)


def _samples(runs: pd.DataFrame, right: tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]) -> np.ndarray | None:
    """As `compare` takes them, where every run of both kept them."""
    pairs = [(right[0].get(old), right[1].get(new)) for old, new in runs.to_numpy()]
    known = [(old, new) for old, new in pairs if old is not None and new is not None]
    if not known or len(known) < len(pairs) or len({len(one) for pair in known for one in pair}) != 1:
        return None
    return np.stack([new.astype(int) - old.astype(int) for old, new in known])


def _claims(before: Results, after: Results) -> Iterator[Change]:
    """Of every comparison of a claim: the difference between its two sides, after minus before."""
    old, new = _by_place(before), _by_place(after)
    verdicts = [_verdicts(results) for results in (before, after)]
    for claim in EVERY:
        for place in old:
            on = claim.datasets is not None and dict(zip(PLACE, place, strict=True))["dataset"] in claim.datasets
            if claim.across or not on or place not in new:
                continue
            told = [found.get((claim.id, *place), "not tested") for found in verdicts]
            for test in claim.tests:
                sides = [test.high(group.rows) - test.low(group.rows) for group in (old[place], new[place])]
                if any(side.isna().any() or side.empty for side in sides):
                    continue
                found = compare(sides[1], sides[0], margin=MARGIN if test.unit == ACCURACY else None)
                if found.n:
                    unit = "share of seeds" if found.learnt else test.unit
                    where = dict(zip(PLACE, place, strict=True))
                    yield Change(f"{claim.id}: {test.says}", where, found, "", math.nan, unit, *told)


def _by_place(results: Results) -> dict[tuple[str, ...], Group]:
    """Of each place its group whose rows are the newest."""
    found: dict[tuple[str, ...], Group] = {}
    for group in sorted(groups(results), key=lambda group: str(group.rows["finished_at"].max())):
        found[tuple(str(group.which[name]) for name in PLACE)] = group
    return found


def _verdicts(results: Results) -> dict[tuple[str, ...], str]:
    told = [one for one in judged(results) if one.setting is not None and not one.claim.across]
    return {(one.claim.id, *(str((one.setting or {})[name]) for name in PLACE)): one.verdict for one in told}


def _ends(results: Results) -> dict[tuple[str, ...], str]:
    """How each cell's runs ended, by place, variant, experiment and seed."""
    rows = results.rows[results.rows["status"] != "skipped"].sort_values("finished_at", kind="stable")
    names = [*PLACE, "variant", "experiment", "seed"]
    return dict(zip(map(tuple, rows[names].astype(str).to_numpy()), rows["status"], strict=True))


def _lost(before: Results, after: Results) -> list[str]:
    old, new = _ends(before), _ends(after)
    bad = {key: new[key] for key, status in old.items() if status in COUNTED and new.get(key, "ok") not in COUNTED}
    said = [f"{_cell_name(key)}, seed {key[-1]}: {old[key]} before, {status} after" for key, status in bad.items()]
    values = [_rows(results).set_index([*_CELL, "seed"])["value"] for results in (before, after)]
    both = pd.concat(values, axis=1, join="inner", keys=["before", "after"])
    gone = both[both["before"].notna() & both["after"].isna()]
    for key in gone.index:
        about = dict(zip([*_CELL, "seed"], map(str, key), strict=True))
        what = f"{about['metric']} {about['condition']}".strip()
        place = ", ".join(about[name] for name in PLACE)
        said.append(f"{what} of {about['variant']} ({place}), seed {about['seed']}: a value before, none after")
    return said


def _only_one(before: Results, after: Results) -> list[str]:
    old, new = _ends(before), _ends(after)
    said = []
    for word, mine, other in (("before", old, new), ("after", new, old)):
        alone: dict[tuple[str, ...], list[str]] = {}
        for key in mine:
            if key not in other:
                alone.setdefault(key[:-1], []).append(key[-1])
        said += [f"only {word}: {_cell_name(key)}, seeds {', '.join(seeds)}" for key, seeds in alone.items()]
    return said


def _cell_name(key: tuple[str, ...]) -> str:
    dataset, source, protocol, engine, backend, variant, experiment, *_ = key
    return f"{experiment} of {variant} ({dataset}, {source}, {protocol}, {engine}, {framework_name(backend)})"


def _differ(before: Results, after: Results) -> list[str]:
    """In what the rows of both differ besides their values."""
    said = []
    for name in _NAMED:
        old, new = (sorted(set(results.rows[name].dropna().astype(str))) for results in (before, after))
        if old != new:
            said.append(f"{name}: {', '.join(old) or 'none'} before, {', '.join(new) or 'none'} after")
    return said
