"""Surrogate gradients: one definition that every engine and both frameworks use.

Forward, a surrogate is the Heaviside step H(u - u_th) with H(0) = 1 (eq. 3). Backward, it is one of the functions
below of x = u - u_th.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, fields
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from neurons.names import unknown_name
from neurons.threads import at_most

_SQRT_2PI = math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Surrogate(ABC):
    """A surrogate gradient; its fields are its parameters. Call it on u - u_th.

    Raises TypeError for a parameter that is no number (kernels do not train one), ValueError for one that is not
    positive and finite.
    """

    name: ClassVar[str]
    code: ClassVar[int]
    """By which the kernels know it."""

    def __post_init__(self) -> None:
        for field, value in zip(fields(self), self.parameters, strict=True):
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"surrogate {self.name!r}: {field.name} is a positive number, not {value!r}")
            object.__setattr__(self, field.name, float(value))
            # a height of 0 leaves out the side lobes; nothing else may be 0
            if not (math.isfinite(value) and (value > 0 or (value == 0 and field.name == "height"))):
                raise ValueError(f"surrogate {self.name!r}: {field.name} must be positive and finite, not {value!r}")

    @property
    def parameters(self) -> tuple[float, ...]:
        """In the order in which the kernels take them."""
        return astuple(self)

    @abstractmethod
    def derivative(self, x: Tensor) -> Tensor:
        """The surrogate's do/du at x = u - u_th."""

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes 1 where x = u - u_th >= 0, else 0, in x's dtype; differentiable through the surrogate."""
        spike: Tensor = _Spike.apply(x, self)
        return spike

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{p:g}' for p in self.parameters)})"


@dataclass(frozen=True)
class Rectangle(Surrogate):
    """1 / (2a) where |u - u_th| < a, else 0: the paper's "surrogate gradient width" a (Table 5), as a half-width."""

    name = "rectangle"
    code = 0
    a: float = 0.25

    def derivative(self, x: Tensor) -> Tensor:
        return (x.abs() < self.a).to(x.dtype) / (2 * self.a)


@dataclass(frozen=True)
class MultiGaussian(Surrogate):
    """A Gaussian of width `lens` with two wide negative side lobes (Yin et al. 2021; DH-SNN's default)."""

    name = "multi_gaussian"
    code = 1
    lens: float = 0.5
    gamma: float = 0.5
    height: float = 0.15
    scale: float = 6.0

    def derivative(self, x: Tensor) -> Tensor:
        wide = self.scale * self.lens
        middle = _gaussian(x, 0.0, self.lens)
        sides = _gaussian(x, self.lens, wide) + _gaussian(x, -self.lens, wide)
        return self.gamma * ((1 + self.height) * middle - self.height * sides)


def _gaussian(x: Tensor, mean: float, sigma: float) -> Tensor:
    return torch.exp(-((x - mean) ** 2) / (2 * sigma**2)) / (_SQRT_2PI * sigma)


@dataclass(frozen=True)
class Arctan(Surrogate):
    """(alpha / 2) / (1 + (pi alpha x / 2)^2): snnTorch's default (`surrogate.atan`), SpikingJelly's `ATan`."""

    name = "arctan"
    code = 2
    alpha: float = 2.0

    def derivative(self, x: Tensor) -> Tensor:
        return (self.alpha / 2) / (1 + (math.pi / 2 * self.alpha * x) ** 2)


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """The derivative of sigmoid(alpha x): SpikingJelly's default."""

    name = "sigmoid"
    code = 3
    alpha: float = 4.0

    def derivative(self, x: Tensor) -> Tensor:
        with at_most(1):  # which rounds otherwise at the end of a thread's share
            s = torch.sigmoid(self.alpha * x)
        return self.alpha * s * (1 - s)


class _Spike(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, surrogate: Surrogate) -> Tensor:  # noqa: ARG004
        return (x >= 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate], output: Tensor) -> None:  # noqa: ARG004
        x, ctx.surrogate = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(x), None


rectangle, multi_gaussian, arctan, sigmoid = Rectangle, MultiGaussian, Arctan, Sigmoid
"""As one writes them: `rectangle(0.5)`."""

SURROGATES: Mapping[str, Surrogate] = MappingProxyType(
    {surrogate.name: surrogate for surrogate in (Rectangle(), MultiGaussian(), Arctan(), Sigmoid())}
)
"""Each surrogate with its default parameters."""


SpikeFunction = Surrogate | Callable[[Tensor], Tensor]
"""A surrogate, or a framework's or a user's own function of u - u_th, which only the step engine knows."""


def get_surrogate(surrogate: str | SpikeFunction) -> SpikeFunction:
    """The named surrogate with default parameters, or `surrogate` itself.

    Raises ValueError for an unknown name, TypeError for what cannot be called on u - u_th.
    """
    if isinstance(surrogate, str):
        if surrogate not in SURROGATES:
            raise unknown_name("surrogate", surrogate, SURROGATES)
        return SURROGATES[surrogate]
    if isinstance(surrogate, type) or not callable(surrogate):
        raise TypeError(
            f"a surrogate is a name ({', '.join(SURROGATES)}), a Surrogate such as arctan(alpha=2), or a function of "
            f"u - u_th that gives the spikes, as the frameworks have them, not {surrogate!r}"
        )
    return surrogate
