"""Surrogate gradients: one definition that every engine and both frameworks use.

Forward, a surrogate is the Heaviside step H(u - u_th) with H(0) = 1 (eq. 3). Backward, it is one of the functions
below of x = u - u_th.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from neurons.names import unknown_name

_SQRT_2PI = math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Surrogate:
    """A surrogate gradient: `kind` and its parameters (see the functions that make them). Call it on u - u_th."""

    kind: str
    parameters: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.kind not in PARAMETERS:
            raise unknown_name("surrogate", self.kind, PARAMETERS)
        names = PARAMETERS[self.kind]
        given = self.parameters
        # a height of 0 leaves out the side lobes; nothing else may be 0
        if len(given) != len(names) or not all(
            math.isfinite(p) and (p > 0 or (p == 0 and name == "height")) for name, p in zip(names, given, strict=True)
        ):
            raise ValueError(f"surrogate {self.kind!r} takes positive, finite {', '.join(names)}, not {given}")

    def __call__(self, x: Tensor) -> Tensor:
        """Spikes 1 where x = u - u_th >= 0, else 0, in x's dtype; differentiable through the surrogate."""
        spike: Tensor = _Spike.apply(x, self)
        return spike

    def derivative(self, x: Tensor) -> Tensor:
        """The surrogate's do/du at x = u - u_th."""
        if self.kind == "rectangle":
            (a,) = self.parameters
            return (x.abs() < a).to(x.dtype) / (2 * a)
        if self.kind == "arctan":
            (alpha,) = self.parameters
            return (alpha / 2) / (1 + (math.pi / 2 * alpha * x) ** 2)
        if self.kind == "sigmoid":
            (alpha,) = self.parameters
            s = torch.sigmoid(alpha * x)
            return alpha * s * (1 - s)
        lens, gamma, height, scale = self.parameters
        middle = _gaussian(x, 0.0, lens)
        sides = _gaussian(x, lens, scale * lens) + _gaussian(x, -lens, scale * lens)
        return gamma * ((1 + height) * middle - height * sides)

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{p:g}' for p in self.parameters)})"


def _gaussian(x: Tensor, mean: float, sigma: float) -> Tensor:
    return torch.exp(-((x - mean) ** 2) / (2 * sigma**2)) / (_SQRT_2PI * sigma)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(x), None


PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rectangle": ("a",),
        "multi_gaussian": ("lens", "gamma", "height", "scale"),
        "arctan": ("alpha",),
        "sigmoid": ("alpha",),
    }
)
"""The parameters of each kind."""

SURROGATE_KINDS: tuple[str, ...] = tuple(PARAMETERS)
"""In the order by which the kernels number them."""


def rectangle(a: float = 0.25) -> Surrogate:
    """1 / (2a) where |u - u_th| < a, else 0: the paper's "surrogate gradient width" a (Table 5), as a half-width."""
    return Surrogate("rectangle", (a,))


def multi_gaussian(lens: float = 0.5, gamma: float = 0.5, height: float = 0.15, scale: float = 6.0) -> Surrogate:
    """A Gaussian of width `lens` with two wide negative side lobes (Yin et al. 2021; DH-SNN's default)."""
    return Surrogate("multi_gaussian", (lens, gamma, height, scale))


def arctan(alpha: float = 2.0) -> Surrogate:
    """(alpha / 2) / (1 + (pi alpha x / 2)^2): snnTorch's default (`surrogate.atan`), SpikingJelly's `ATan`."""
    return Surrogate("arctan", (alpha,))


def sigmoid(alpha: float = 4.0) -> Surrogate:
    """The derivative of sigmoid(alpha x): SpikingJelly's default."""
    return Surrogate("sigmoid", (alpha,))


SURROGATES: Mapping[str, Surrogate] = MappingProxyType(
    {s.kind: s for s in (rectangle(), multi_gaussian(), arctan(), sigmoid())}
)
"""Each surrogate with its default parameters."""


def get_surrogate(surrogate: str | Surrogate) -> Surrogate:
    """The named surrogate with default parameters, or `surrogate` itself. Raises ValueError for an unknown name."""
    if isinstance(surrogate, Surrogate):
        return surrogate
    if surrogate not in SURROGATES:
        raise unknown_name("surrogate", surrogate, SURROGATES)
    return SURROGATES[surrogate]
