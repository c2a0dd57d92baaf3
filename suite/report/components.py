"""Three components, and what each may matter to: the comparisons behind the report's first table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from suite.paper import RESOLUTIONS_MS
from suite.report.claims import Claim, Comparison
from suite.report.values import Values, mean, minus, total, value

WITH_AND_WITHOUT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "leakage": ("baseline", "without_leakage"),
        "reset": ("baseline", "without_reset"),
        "recurrence": ("with_recurrence", "baseline"),
    }
)
"""The variant that has a component, and the one that differs from it in that alone."""

_TRAINED_MS = 3


def _at(variant: str, ms: int) -> Values:
    return value(variant, "test_accuracy", "generalization", mode="fixed_steps", readout="trained", dt_ms=ms)


def elsewhere(variant: str) -> Values:
    """The mean accuracy at Table 7's resolutions other than the training's, as many steps as in training."""
    return mean(*(_at(variant, ms) for ms in RESOLUTIONS_MS if ms != _TRAINED_MS))


def generalization(variant: str) -> Values:
    """Minus the fall of Table 7: the accuracy elsewhere less that at the training's resolution."""
    return minus(elsewhere(variant), _at(variant, _TRAINED_MS))


def robustness(variant: str) -> Values:
    """Median flips of the gradient attack."""
    return value(variant, "flips_median", "robustness", attack="gradient")


def operations(variant: str) -> Values:
    """Effective accumulations and multiply-accumulations a sample."""
    return total(*(value(variant, name, "spike_rate") for name in ("effective_acs", "effective_macs")))


MEASURES: Mapping[str, Callable[[str], Values]] = MappingProxyType(
    {
        "accuracy": value,
        "generalization": generalization,
        "robustness": robustness,
        "operations": operations,
    }
)
"""Of a variant, by role. Of operations less is better, of the others more."""

PAIR = ("spikingjelly", "snntorch")


def frameworks_question(variant: str) -> Claim:
    """Whether one framework's accuracy is the higher, of the same variant and seeds."""
    one, other = (value(variant, backend=backend) for backend in PAIR)
    test = Comparison(f"{variant}: {PAIR[1]} < {PAIR[0]}", other, one)
    return Claim(f"frameworks-{variant}", "", f"{variant} is more accurate on {PAIR[0]}", None, (test,))


COMPONENTS = tuple(WITH_AND_WITHOUT)
ROLES = tuple(MEASURES)

QUESTIONS: Mapping[tuple[str, str], Claim] = MappingProxyType(
    {
        (component, role): Claim(
            f"effect-{component}-{role}",
            "",
            f"{component} raises {role}",
            None,
            (Comparison(f"{role}: {without} < {has}", measure(without), measure(has)),),
        )
        for component, (has, without) in WITH_AND_WITHOUT.items()
        for role, measure in MEASURES.items()
    }
)
"""By component and role, in the form of claims: with it more than without it."""
