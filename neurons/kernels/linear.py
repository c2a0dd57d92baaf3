"""A linear layer on long sequences, whose large tensors lie in memory that is used again.

As `torch.nn.Linear`, with two differences on the CPU. Results and gradients [T, B, n] come from `buffers`: to touch a
fresh 64 MB tensor for the first time takes longer than to compute it. And the weight's gradient, a product whose inner
dimension is T * B, is split along that dimension, one part a thread, where BLAS uses one thread only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from neurons.kernels import buffers


class SequenceLinear(nn.Linear):
    """Current [T, B, out_features] of spikes [T, B, in_features]. Differentiable once on the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        plain = x.device.type == "cpu" and x.dtype == self.weight.dtype and self.bias is not None
        if not plain or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        rows: Tensor = _Linear.apply(x.flatten(0, -2), self.weight, self.bias)
        return rows.view(*x.shape[:-1], self.out_features)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        out = buffers.empty((len(x), len(weight)), x.dtype)
        return torch.addmm(bias, x, weight.t(), out=out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.mm(grad, weight, out=buffers.empty(x.shape, x.dtype))
        return grad_x, _product_over_rows(grad, x), grad.sum(0)


def _product_over_rows(a: Tensor, b: Tensor) -> Tensor:
    """a^T b, [n, m], of a [R, n] and b [R, m] with many rows."""
    R, parts = len(a), torch.get_num_threads()
    whole = R - R % parts
    if whole < 16 * parts * max(a.shape[1], b.shape[1]):  # then the parts' sums would cost more than they save
        return a.t() @ b
    total = torch.bmm(a[:whole].view(parts, -1, a.shape[1]).mT, b[:whole].view(parts, -1, b.shape[1])).sum(0)
    return total if whole == R else total.addmm_(a[whole:].t(), b[whole:])
