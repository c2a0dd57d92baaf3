"""The leak coefficient k as a module: a constant, or one trained value a neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from neurons.dtypes import state_dtype
from neurons.variant import Learnable


class Leak(nn.Module):
    """Call it, or its forward, for k: `leakage` itself if that is a number, else sigmoid(logit) [n].

    The parameter `logit` [n] exists only if the leak is learnable. Raises ValueError if it is and n is unknown.
    """

    def __init__(self, leakage: float | Learnable, n: int | None) -> None:
        super().__init__()
        self.leakage = leakage
        self.logit: nn.Parameter | None = None
        if isinstance(leakage, Learnable):
            if n is None:
                raise ValueError("a learnable leak has one parameter a neuron: give the number of neurons n")
            self.logit = nn.Parameter(torch.empty(n).uniform_(*leakage.init))

    def forward(self) -> float | Tensor:
        # A Python float keeps k = 0.3 exact in float64; a float32 buffer turned to double would be 0.300000012.
        if self.logit is None:
            return cast(float, self.leakage)
        return torch.sigmoid(self.logit.to(state_dtype(self.logit.dtype)))  # sigmoid(1) is 0.730 in bfloat16

    def extra_repr(self) -> str:
        return f"{self.leakage}"


class CarriedLeak(Leak):
    """The leak of a framework's own neuron that is trained, or has several values: k as that framework makes it.

    name: what the framework calls it. value: its parameter or buffer, which keeps its shape and stays what it is, so
    that training goes on as it would have. k: a function of the value that can be pickled.
    """

    def __init__(self, name: str, value: Tensor, k: Callable[[Tensor], Tensor]) -> None:
        super().__init__(float(k(value.detach()).mean()), None)
        self.name, self.k = name, k
        if isinstance(value, nn.Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def forward(self) -> Tensor:
        value: Tensor = getattr(self, self.name)
        return self.k(value.to(state_dtype(value.dtype)))

    def extra_repr(self) -> str:
        return f"{self.k.__name__} of {self.name} {list(getattr(self, self.name).shape)}"
