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

    "same": wherever it is decided on both, each by its own stepping, the verdicts agree; "differ": somewhere they do
    not; "undecided": both measured it so, and it is nowhere decided on both; "same kernel": both were measured, but not
    by their own stepping, so that agreement is by construction; "one framework": there is no setting that both
    measured.
    """
    by: dict[tuple[str, ...], dict[str, Effect]] = {}
    for one in cell:
        where = tuple(str(value) for name, value in one.setting.items() if name not in ("backend", "kernel"))
        by.setdefault((one.component, one.role, *where), {})[one.setting["backend"]] = one
    both = [found for found in by.values() if len(found) > 1]
    own = [found for found in both if all(_steps(one) for one in found.values())]
    verdicts = [{one.verdict for one in found.values()} for found in own]
    decided = [found for found in verdicts if "undecided" not in found]
    if decided:
        return "differ" if any(len(found) > 1 for found in decided) else "same"
    return "undecided" if own else "same kernel" if both else "one framework"


def _steps(one: Effect) -> bool:
    """Whether a framework's own stepping computed it, and no kernel that both share."""
    return str(one.setting["kernel"]) == f"{one.setting['backend']}-step"
