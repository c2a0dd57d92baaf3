"""The linear layer between spiking layers, on long sequences.

As `torch.nn.Linear`, with three differences on the CPU. Where few inputs are active, the weight rows of those are
summed. Results and gradients [T, B, n] come from `buffers`: to touch a fresh 64 MB tensor for the first time takes
longer than to compute it. And no bit depends on the number of threads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurons.compiler import uncompiled, watched
from neurons.kernels import buffers
from neurons.linear import rows_numba
from neurons.linear.products import product, product_over_rows, sum_over_rows, times
from neurons.linear.scatter import summed
from neurons.threads import use_threads, why_not_numba

WIDE = 32
"""Outputs from which on a sum of rows can beat a matrix product."""

SPARSE = 0.15
"""Share of active inputs up to which it does."""


@uncompiled
def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As `torch.nn.functional.linear`: [..., n_in] -> [..., n_out]."""
    plain = x.device.type == "cpu" and x.dtype == weight.dtype and bias is not None
    if not plain or torch.is_autocast_enabled("cpu") or watched() or why_not_numba():
        return nn.functional.linear(x, weight, bias)
    current: Tensor = _Linear.apply(x.flatten(0, -2), weight, bias)
    return current.view(*x.shape[:-1], len(weight))


class SequenceLinear(nn.Linear):
    """Current [T, B, out_features] of spikes [T, B, in_features]."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.sparse = len(weight) >= WIDE and _density(x) <= SPARSE
        out = buffers.empty((len(x), len(weight)), x.dtype)
        if not ctx.sparse:
            return product(x, weight.t(), bias, out)
        weight_t = weight.detach().t().contiguous().numpy()
        parts = min(use_threads(out.numel()), len(out))
        rows_numba.sum_active(x.detach().numpy(), weight_t, bias.detach().contiguous().numpy(), parts, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # what is returned will be differentiated again
            return times(grads[0], weight), times(grads[0].t(), x), grads[0].sum(0)
        grad = grads[0].contiguous()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = product(grad, weight, out=buffers.empty(x.shape, x.dtype))
        if not ctx.sparse:
            return grad_x, product_over_rows(grad, x), sum_over_rows(grad)
        active = int(_density(x) * x.numel())
        weight_t, bias = summed(rows_numba.scatter_active, (x.numpy(),), grad, x.shape[1], active)
        return grad_x, weight_t.t(), bias


def _density(x: Tensor) -> float:
    """Share of x [R, n] that is not 0, from every so many rows."""
    some = x.detach()[:: max(1, len(x) // 256)]
    return int(some.count_nonzero()) / some.numel()
