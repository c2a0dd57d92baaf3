"""The linear layer between spiking layers, on long sequences.

As `torch.nn.Linear`, with three differences on the CPU. Where few inputs are active, the weight rows of those are
summed. Results and gradients [T, B, n] come from `buffers`: to touch a fresh 64 MB tensor for the first time takes
longer than to compute it. And the weight's gradient, a product whose inner dimension is T * B, is split along that
dimension, one part a thread, where BLAS uses one thread only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from neurons.kernels import buffers, cpu, rows

WIDE = 32
"""Outputs from which on a sum of rows can beat a matrix product."""

SPARSE = 0.15
"""Share of active inputs up to which it does."""


class SequenceLinear(nn.Linear):
    """Current [T, B, out_features] of spikes [T, B, in_features]. Differentiable once on the CPU."""

    @torch.compiler.disable
    def forward(self, x: Tensor) -> Tensor:
        plain = x.device.type == "cpu" and x.dtype == self.weight.dtype and self.bias is not None
        if not plain or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        current: Tensor = _Linear.apply(x.flatten(0, -2), self.weight, self.bias)
        return current.view(*x.shape[:-1], self.out_features)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.sparse = len(weight) >= WIDE and _density(x) <= SPARSE
        out = buffers.empty((len(x), len(weight)), x.dtype)
        if not ctx.sparse:
            return torch.addmm(bias, x, weight.t(), out=out)
        weight_t = weight.detach().t().contiguous().numpy()
        rows.sum_active(x.detach().numpy(), weight_t, bias.detach().contiguous().numpy(), _parts(out), out.numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.mm(grad, weight, out=buffers.empty(x.shape, x.dtype))
        if ctx.sparse:
            grad_weight_t = torch.zeros((_parts(grad), x.shape[1], grad.shape[1]), dtype=x.dtype)
            rows.scatter_active(x.numpy(), grad.numpy(), grad_weight_t.numpy())
            grad_weight = grad_weight_t.sum(0).t()
        else:
            grad_weight = product_over_rows(grad, x)
        return grad_x, grad_weight, grad.t() @ grad.new_ones(len(grad))  # twice as fast as sum(0)


def _density(x: Tensor) -> float:
    """Share of x [R, n] that is not 0, from every so many rows."""
    some = x.detach()[:: max(1, len(x) // 256)]
    return int(some.count_nonzero()) / some.numel()


def _parts(out: Tensor) -> int:
    return min(cpu.use_threads(out.numel()), len(out))


def product_over_rows(a: Tensor, b: Tensor) -> Tensor:
    """a^T b, [n, m], of a [R, n] and b [R, m] with many rows."""
    R, parts = len(a), torch.get_num_threads()
    whole = R - R % parts
    if whole < 16 * parts * max(a.shape[1], b.shape[1]):  # then the parts' sums would cost more than they save
        return a.t() @ b
    total = torch.bmm(a[:whole].view(parts, -1, a.shape[1]).mT, b[:whole].view(parts, -1, b.shape[1])).sum(0)
    return total if whole == R else total.addmm_(a[whole:].t(), b[whole:])
