"""What a kernel computes, apart from the tensors, and what the two sides, `cpu` and `cuda`, both offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from neurons.surrogate import Surrogate
from neurons.variant import Reset

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
"""What an input current may be."""

RESETS: tuple[Reset, ...] = ("none", "zero", "subtract")
"""In the order by which the kernels number them."""


@dataclass(frozen=True)
class Rule:
    """When a neuron fires, what that does to its potential, and what passes for the derivative of both."""

    threshold: float
    reset: Reset
    surrogate: Surrogate
    detach_reset: bool


def fired(u: Tensor, rule: Rule) -> Tensor:
    """The spikes of the potentials u, in u's dtype."""
    return (u >= rule.threshold).to(u.dtype)


class Kernels(Protocol):
    """The fused layer on the tensors of one type of device.

    x, spikes and their gradients are [T, M] with M = B * N, neurons varying fastest, contiguous; x, grad_o and grad_u
    may be [1, M], the same at every step. k is [N] or [1].
    """

    @property
    def DTYPES(self) -> tuple[torch.dtype, ...]:  # noqa: N802
        """What x may be; a layer of another type computes in float32 throughout."""

    def segments(self, T: int) -> int:
        """How many states `forward` keeps over T steps."""

    def empty(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
        """As `torch.empty`, for a result that may be large."""

    def forward(self, x: Tensor, k: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor, kept: Tensor) -> None:
        """From the state after reset v [M], which becomes the last one, write the spikes [T, M] and the potentials u
        [T, M], unless one of them is [0, M]; and for `backward` the states kept [segments(T), M], unless that is
        [0, M].
        """

    def backward(
        self,
        x: Tensor,
        k: Tensor,
        kept: Tensor,
        steps: int,
        grad_o: Tensor,
        grad_u: Tensor,
        grad_v: Tensor,
        rule: Rule,
        grad_x: Tensor,
        grad_k: Tensor,
    ) -> None:
        """From grad_o, grad_u ([T, M], [1, M] or [0, M]: none) and grad_v [M], the gradient after the last step, which
        becomes the one before the first.

        Write grad_x: [T, M], or its sum over time if that is [1, M], or nothing if it is [0, M]. Add to grad_k [M]
        unless that is empty.
        """

    def forward_recurrent(
        self, x: Tensor, k: Tensor, weight_t: Tensor, drive: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor
    ) -> bool:
        """As `forward`, with weight_t[j, i] from neuron j to neuron i; drive [M] is what the spikes before the first
        step send.

        Write u [T, M] for `backward_recurrent`; return whether so many fire that the gradient of the weights is better
        made by one product.
        """

    def backward_recurrent(
        self,
        u: Tensor,
        k: Tensor,
        weight: Tensor,
        v0: Tensor,
        dense: bool,
        grad_o: Tensor,
        grad_u: Tensor,
        grad_v: Tensor,
        rule: Rule,
        grad_x: Tensor,
        grad_k: Tensor,
        weight_wanted: bool,
    ) -> Tensor | None:
        """As `backward`, from the potentials u; weight[i, j] is from neuron j to neuron i, v0 [M] the state at the
        start; dense is what `forward_recurrent` returned.

        Write grad_x [T, M]. Return the gradient of `weight` from all steps but the first, or None unless that is
        wanted.
        """
