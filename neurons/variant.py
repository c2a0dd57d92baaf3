"""What is ablated: a variant of the LIF neuron is data, not a class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from types import MappingProxyType
from typing import Literal, get_args

from neurons.checks import check_flag
from neurons.names import unknown_name

Reset = Literal["zero", "subtract", "none"]
InputGain = Literal["1", "1-k"] | float
InitialState = Literal["zero", "uniform"]

_WORDS = {"reset": get_args(Reset), "input_gain": ("1", "1-k"), "initial_state": get_args(InitialState)}

NORMAL_LEAK = 0.3
"""The paper's typical leak coefficient (section 3.1)."""


@dataclass(frozen=True)
class Learnable:
    """One leak coefficient a neuron, k = sigmoid(w), trained; w starts uniform in `init`.

    The default U(0, 4), so k in [0.5, 0.98], is what the public code for SHD and SSC uses (DH-SNN).
    """

    init: tuple[float, float] = (0.0, 4.0)

    def __post_init__(self) -> None:
        try:
            low, high = (float(end) for end in self.init)
        except (TypeError, ValueError):
            low, high = math.nan, math.nan
        if not -math.inf < low <= high < math.inf:
            raise ValueError(f"Learnable(init={self.init!r}): init is (low, high), both finite and low <= high")
        object.__setattr__(self, "init", (low, high))


Leakage = float | Literal["learnable"] | Learnable


def check_leakage(leakage: Leakage, owner: str) -> Leakage:
    """Return `leakage` with "learnable" spelled out and numbers as float.

    Raises ValueError outside [0, 1], TypeError for anything that is no leakage.
    """
    if isinstance(leakage, str) and leakage == "learnable":
        return Learnable()
    if isinstance(leakage, Learnable):
        return leakage
    if isinstance(leakage, bool) or not isinstance(leakage, Real):
        raise TypeError(f"{owner}: leakage is a number in [0, 1], 'learnable' or Learnable(...), not {leakage!r}")
    if not 0.0 <= leakage <= 1.0:
        raise ValueError(
            f"{owner}: leak coefficient k = {leakage!r} is outside [0, 1]; 1 keeps the whole membrane potential from "
            "one step to the next, 0 forgets it"
        )
    return float(leakage)


@dataclass(frozen=True)
class Variant:
    """One row of the ablation: u[t] = k * reset(u[t-1]) + gain * (x[t] + V o[t-1]), o[t] = u[t] >= u_th (eq. 3-11).

    leakage: the coefficient k, or "learnable", or "normal" for whatever the dataset's baseline uses.
    reset: "zero" is the paper's u (1 - o); "subtract" is u - u_th o, taken before the leak, as SpikingJelly does;
        "none" keeps u.
    recurrent: adds V o[t-1], V being [n, n] without bias.
    input_gain: "1" as in the paper; "1-k" scales the drive as DH-SNN's code does; a positive number, the same whatever
        k is.
    initial_state: "zero", or "uniform" for a membrane potential drawn from U(0, 1) at the start of every sequence.
    """

    name: str
    leakage: Leakage | Literal["normal"] = "normal"
    reset: Reset = "zero"
    recurrent: bool = False
    input_gain: InputGain = "1"
    initial_state: InitialState = "zero"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"a variant needs a name, not {self.name!r}")
        if not (isinstance(self.leakage, str) and self.leakage == "normal"):
            object.__setattr__(self, "leakage", check_leakage(self.leakage, f"variant {self.name!r}"))
        gain = self.input_gain
        if isinstance(gain, Real) and not isinstance(gain, bool):
            if not 0 < gain < math.inf:
                raise ValueError(f"input_gain of variant {self.name!r}: a number is positive and finite, not {gain!r}")
            object.__setattr__(self, "input_gain", float(gain))
        for field, values in _WORDS.items():
            value = getattr(self, field)
            if value not in values and not (field == "input_gain" and isinstance(value, float)):
                raise unknown_name(f"{field} of variant {self.name!r}", value, values)
        object.__setattr__(self, "recurrent", check_flag(f"recurrent of variant {self.name!r}", self.recurrent))

    def resolve_leakage(self, normal: Leakage | None = None) -> float | Learnable:
        """This variant's leak where the baseline's is `normal` (None: 0.3)."""
        leakage = self.leakage
        if isinstance(leakage, str) and leakage == "normal":
            leakage = NORMAL_LEAK if normal is None else normal
        resolved = check_leakage(leakage, f"variant {self.name!r}")
        assert not isinstance(resolved, str)
        return resolved


def _named(*variants: Variant) -> Mapping[str, Variant]:
    return MappingProxyType({variant.name: variant for variant in variants})


VARIANTS: Mapping[str, Variant] = _named(
    Variant("baseline"),
    Variant("without_leakage", leakage=1.0),
    Variant("complete_leakage", leakage=0.0),
    Variant("without_reset", reset="none"),
    Variant("with_recurrence", recurrent=True),
    Variant("without_leakage+with_recurrence", leakage=1.0, recurrent=True),
    Variant("without_leakage+without_reset+with_recurrence", leakage=1.0, reset="none", recurrent=True),
)
"""The five variants of Table 6 and the two further combinations of Table 7."""


def of_model(variant: Variant, k: float, reset: Reset, input_gain: InputGain) -> Variant:
    """The variant where a neuron of somebody's model has its place, whose leak, reset and gain are these.

    What the variant has as the baseline has it is the model's own. A leak that the variant sets leaves the gain at the
    number that it was: with 1 - k, no leakage would be no input.
    """
    gain = variant.input_gain
    if gain == "1":
        gain = 1 - k if input_gain == "1-k" and variant.leakage != "normal" else input_gain
    return replace(variant, reset=reset if variant.reset == "zero" else variant.reset, input_gain=gain)


def get_variant(variant: str | Variant) -> Variant:
    """The named variant, or `variant` itself. Raises ValueError with the known names and the nearest one."""
    if isinstance(variant, Variant):
        return variant
    if variant not in VARIANTS:
        raise unknown_name("variant", variant, VARIANTS)
    return VARIANTS[variant]
