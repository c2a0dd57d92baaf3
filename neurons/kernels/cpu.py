"""The fused layer on CPU tensors: `lif_numba` as functions of tensors, which `rule.Kernels` describes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neurons.kernels import buffers, lif_numba
from neurons.kernels.rule import RESETS, Rule, fired
from neurons.linear.products import product_over_rows
from neurons.threads import use_threads

DTYPES: tuple[torch.dtype, ...] = (torch.float32, torch.float64)

BLOCK = 8192
"""The most columns that a thread takes through all of T at a time."""

DENSE = 0.2
"""Share of neurons that fire in a step above which the recurrent weights' gradient is one matrix product."""

PARTS = 8
"""In so many the gradient of the recurrent weights is added up, at most."""

LARGE = 1 << 20
"""Elements of all parts together, at most."""

segments = lif_numba.segments


def empty(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:  # noqa: ARG001
    return buffers.empty(shape, dtype)


def forward(x: Tensor, k: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor, kept: Tensor) -> None:
    T = max(len(spikes), len(u))
    block = _block(T, len(v))
    lif_numba.forward(T, *_arrays(x, k, v), *_charge(rule, v), block, *_arrays(spikes, u, kept))


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
    block = _block(steps, len(grad_v))
    lif_numba.backward(
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
    T, M = spikes.shape
    block = _block(T, M, len(weight_t))
    count = lif_numba.forward_recurrent(
        *_arrays(x, k, weight_t, drive, v), *_charge(rule, v), block, *_arrays(spikes, u)
    )
    return bool(count > DENSE * spikes.numel())


def backward_recurrent(
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
    T, M = u.shape
    N = len(weight)
    # Which neurons a block holds decides how V^T is applied in it, and their parts of the gradient are added up: both
    # depend on the shape alone, so that the bits do not depend on the number of threads.
    block = N * min(-(-M // (PARTS * N)), max(1, BLOCK // N))
    parts = max(1, min(PARTS, M // block, LARGE // (N * N)))
    in_kernel = weight_wanted and not dense
    grad_weight_t = buffers.empty((parts, N if in_kernel else 0, N), weight.dtype).zero_()
    use_threads(T * M)
    lif_numba.backward_recurrent(
        *_arrays(u, k, weight, weight.t().contiguous(), v0, grad_o, grad_u, grad_v),
        *_charge(rule, grad_v),
        *_derivative(rule, grad_v),
        block,
        *_arrays(grad_x, grad_k, grad_weight_t),
    )
    if not weight_wanted:
        return None
    if not dense:
        return grad_weight_t.sum(0).t()
    return product_over_rows(grad_x[1:].reshape(-1, N), fired(u[:-1], rule).reshape(-1, N))


def _block(steps: int, columns: int, unit: int = 1) -> int:
    """Columns a block, a multiple of `unit`, such that all threads have equal shares of [steps, columns]."""
    share = -(-columns // (use_threads(steps * columns) * unit))
    blocks = -(-share * unit // BLOCK)
    return unit * max(1, -(-share // blocks))


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def _charge(rule: Rule, v: Tensor) -> tuple[np.floating, int]:
    """The threshold, in v's type, and the reset's number."""
    return v.numpy().dtype.type(rule.threshold), RESETS.index(rule.reset)


def _derivative(rule: Rule, v: Tensor) -> tuple[bool, int, np.ndarray]:
    """Whether the reset is detached, the surrogate's number and its parameters, in v's type."""
    parameters = np.asarray(rule.surrogate.parameters, dtype=v.numpy().dtype)
    return rule.detach_reset, rule.surrogate.code, parameters
