"""Attributes that a framework's neuron has and that here follow from the variant: one truth, for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from neurons.surrogate import get_surrogate
from neurons.variant import Variant

VARIANTS = "it follows from the variant; make a neuron of another Variant"
CALLS = "every call starts from rest; use simulate(x, state=...), or leave make_neuron for the framework's own class"


class Settled:
    """Mixed into a module. What the variant settles can be read, but not set once the neuron is made: ValueError. A
    surrogate is checked when it is set: TypeError. All else may be set, and every engine honours it.
    """

    variant: Variant

    settled: ClassVar[Mapping[str, str]]
    """Why it cannot be set, by attribute."""

    surrogate_name: ClassVar[str]
    """The attribute that the surrogate is."""

    def __setattr__(self, name: str, value: Any) -> None:
        made = "variant" in self.__dict__
        if name in self.settled and made:
            raise ValueError(
                f"{name} of a {type(self).__name__} ({self.variant.name}) cannot be set to {value!r}: "
                f"{self.settled[name]}"
            )
        if isinstance(getattr(type(self), name, None), property):
            if name not in self.settled:  # else it is the framework's constructor, whose choice does not count
                object.__setattr__(self, name, value)  # nn.Module would make a parameter of the same name
            return
        if name == self.surrogate_name:
            value = get_surrogate(value)
        super().__setattr__(name, value)
