"""What each component does to accuracy, generalization and robustness, and what it costs, on each kind of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from suite.report.components import COMPONENTS, QUESTIONS, ROLES
from suite.report.inference import Evidence
from suite.report.verdicts import judge
from suite.results import Results

__all__ = ["COMPONENTS", "ROLES", "Effect", "effects", "one_framework"]

_WORDS = {"supported": "raises", "contradicted": "lowers"}


@dataclass(frozen=True)
class Effect:
    """Of having a component, with minus without, in one setting (columns of SETTING, kernel and backend).

    kind: of the data: "temporal", "spatio-temporal" or "spatial". evidence.means are those with and without it.
    verdict: "raises", "lowers", "practically equal" or "undecided"; p is adjusted as that of the claims, in one family
    with them. good: whether the direction found is the better one (of operations, lower is); None: neither. unit:
    "accuracy" (a fraction), "share of seeds" (evidence.learnt: seeds learn or do not) or "".
    """

    component: str
    role: str
    kind: str
    setting: dict[str, Any]
    evidence: Evidence
    verdict: str
    good: bool | None
    p: float
    unit: str
    missing: str


def effects(results: Results) -> list[Effect]:
    """Everything measured on real or generated data and with no smoke protocol; [] if nothing is."""
    asked = {id(claim): of for of, claim in QUESTIONS.items()}
    kinds = results.rows.dropna(subset=["kind"]).drop_duplicates("dataset").set_index("dataset")["kind"]
    found = []
    for one in judge(results):
        if id(one.claim) not in asked or one.setting is None:
            continue
        component, role = asked[id(one.claim)]
        (test,) = one.tests
        verdict = _WORDS.get(test.verdict, test.verdict)
        good = (verdict == "raises") != (role == "operations") if verdict in _WORDS.values() else None
        kind = str(kinds.get(one.setting["dataset"], ""))
        about = (component, role, kind, one.setting, test.evidence, verdict, good, test.p, test.unit, one.missing)
        found.append(Effect(*about))
    return found


def one_framework(cell: Sequence[Effect]) -> str:
    """Of effects of one component and role: whether the frameworks say the same, dataset by dataset.

    "same": wherever both measured it, on kernels of their own, the verdicts agree; "differ": somewhere they do not;
    "same kernel": both were measured, but by one kernel, so that agreement is by construction; "one framework": there
    is no setting that both measured.
    """
    by: dict[tuple[str, ...], dict[str, Effect]] = {}
    for one in cell:
        where = tuple(str(value) for name, value in one.setting.items() if name not in ("backend", "kernel"))
        by.setdefault((one.component, one.role, *where), {})[one.setting["backend"]] = one
    both = [found for found in by.values() if len(found) > 1]
    if any(len({one.verdict for one in found.values()}) > 1 for found in both):
        return "differ"
    own = [found for found in both if len({one.setting["kernel"] for one in found.values()}) > 1]
    return "same" if own else "same kernel" if both else "one framework"
