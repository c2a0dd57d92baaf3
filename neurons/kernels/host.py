"""The fused layer on CPU tensors: what `neurons.kernels.cpu` does, as functions of tensors.

`neurons.kernels.cuda` has the same functions for CUDA tensors. x, spikes and their gradients are [T, M] with M = B * N,
neurons varying fastest, contiguous; x, grad_o and grad_u may be [1, M], the same at every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neurons.kernels import buffers, cpu
from neurons.kernels.linear import product_over_rows
from neurons.kernels.rule import Rule
from neurons.surrogate import SURROGATE_KINDS

DTYPES = (torch.float32, torch.float64)
"""What x may be; a layer of another type computes in float32 throughout."""

DENSE = 0.2
"""Share of neurons that fire in a step above which the recurrent weights' gradient is one matrix product."""

segments = cpu.segments


def empty(shape: Sequence[int], dtype: torch.dtype, _device: torch.device) -> Tensor:
    """As `torch.empty`, for a result that may be large."""
    return buffers.empty(shape, dtype)


def forward(x: Tensor, k: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor, kept: Tensor) -> None:
    """From the state after reset v [M], which becomes the last one, writes the spikes [T, M] and the potentials u
    [T, M], unless one of them is [0, M]; and for `backward` the states kept [segments(T), M], unless that is [0, M].

    k: [N] or [1].
    """
    T = max(len(spikes), len(u))
    block = cpu.block_size(T, len(v))
    cpu.forward(T, *_arrays(x, k, v), *_charge(rule, v), block, *_arrays(spikes, u, kept))


def backward(
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

    Writes grad_x: [T, M], or its sum over time if that is [1, M], or nothing if it is [0, M]. Adds to grad_k [M] unless
    that is empty.
    """
    block = cpu.block_size(steps, len(grad_v))
    cpu.backward(
        steps,
        *_arrays(x, k, kept, grad_o, grad_u, grad_v),
        *_charge(rule, grad_v),
        *_derivative(rule, grad_v),
        block,
        *_arrays(grad_x, grad_k),
    )


def forward_recurrent(
    x: Tensor, k: Tensor, weight_t: Tensor, drive: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor
) -> bool:
    """As `forward`, with weight_t[j, i] from neuron j to neuron i; drive [M] is what the spikes before the first step
    send.

    Writes u [T, M] for `backward_recurrent`; returns whether that needs the spikes too.
    """
    T, M = spikes.shape
    block = cpu.block_size(T, M, len(weight_t))
    count = cpu.forward_recurrent(*_arrays(x, k, weight_t, drive, v), *_charge(rule, v), block, *_arrays(spikes, u))
    return bool(count > DENSE * spikes.numel())


def backward_recurrent(
    u: Tensor,
    k: Tensor,
    weight: Tensor,
    v0: Tensor,
    spikes: Tensor | None,
    grad_o: Tensor,
    grad_u: Tensor,
    grad_v: Tensor,
    rule: Rule,
    grad_x: Tensor,
    grad_k: Tensor,
    weight_wanted: bool,
) -> Tensor | None:
    """As `backward`, from the potentials u; weight[i, j] is from neuron j to neuron i, v0 [M] the state at the start.

    Writes grad_x [T, M]. Returns the gradient of `weight` from all steps but the first, or None unless that is wanted.
    """
    T, M = u.shape
    N = len(weight)
    in_kernel = weight_wanted and spikes is None
    grad_weight_t = torch.zeros((torch.get_num_threads(), N if in_kernel else 0, N), dtype=weight.dtype)
    block = cpu.block_size(T, M, N)
    cpu.backward_recurrent(
        *_arrays(u, k, weight, weight.t().contiguous(), v0, grad_o, grad_u, grad_v),
        *_charge(rule, grad_v),
        *_derivative(rule, grad_v),
        block,
        *_arrays(grad_x, grad_k, grad_weight_t),
    )
    if not weight_wanted:
        return None
    if spikes is None:
        return grad_weight_t.sum(0).t()
    return product_over_rows(grad_x[1:].reshape(-1, N), spikes[:-1].reshape(-1, N))


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def _charge(rule: Rule, v: Tensor) -> tuple[np.floating, int]:
    """The threshold, in v's type, and the reset's number."""
    return v.numpy().dtype.type(rule.threshold), cpu.RESETS.index(rule.reset)


def _derivative(rule: Rule, v: Tensor) -> tuple[bool, int, np.ndarray]:
    """Whether the reset is detached, the surrogate's number and its parameters, in v's type."""
    parameters = np.asarray(rule.surrogate.parameters, dtype=v.numpy().dtype)
    return rule.detach_reset, SURROGATE_KINDS.index(rule.surrogate.kind), parameters
