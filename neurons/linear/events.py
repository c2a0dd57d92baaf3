"""A linear layer on sparse events: the weight rows of the inputs that are active, summed; no dense input is made.

`torch.nn.functional.embedding_bag` computes the same, and is what runs on other devices. On the CPU its backward pass
sorts all events, which takes most of a training step; here they are walked through in order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurons.compiler import uncompiled, watched
from neurons.kernels import buffers
from neurons.linear import rows_numba
from neurons.linear.scatter import summed
from neurons.threads import use_threads, why_not_numba


@uncompiled
def event_linear(unit: Tensor, offset: Tensor, count: Tensor | None, weight_t: Tensor, bias: Tensor) -> Tensor:
    """The current [R, n_out] from R rows of events; row r has the inputs unit[offset[r] : offset[r + 1]].

    unit [E] int64, each below n_in; offset [R + 1] int64, from 0 to E; count [E], by which each event is multiplied
    (None: 1); weight_t [n_in, n_out]; bias [n_out]. Differentiable with respect to weight_t and bias. Raises
    ValueError for a unit or an offset out of range.
    """
    plain = weight_t.device.type == "cpu" and weight_t.dtype in (torch.float32, torch.float64)
    if not plain or watched() or why_not_numba():
        summed = nn.functional.embedding_bag(
            unit, weight_t, offset, mode="sum", per_sample_weights=count, include_last_offset=True
        )
        return summed + bias
    current: Tensor = _EventLinear.apply(unit, offset, count, weight_t, bias)
    return current


class _EventLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, unit: Tensor, offset: Tensor, count: Tensor | None, weight_t: Tensor, bias: Tensor) -> Tensor:
        n_in, n_out = weight_t.shape
        if count is None:
            count = torch.empty(0)
        events = (unit.contiguous(), offset.contiguous(), count.to(weight_t.dtype).contiguous())
        out = buffers.empty((len(offset) - 1, n_out), weight_t.dtype)
        parts = use_threads(out.numel() + len(unit) * n_out)
        weights = (weight_t.detach().contiguous().numpy(), bias.detach().contiguous().numpy())
        if not rows_numba.sum_events(*(part.numpy() for part in events), *weights, parts, out.numpy()):
            raise ValueError(
                f"events out of range: units are from 0 to {n_in - 1}, and offsets rise from 0 to {len(unit)}"
            )
        ctx.save_for_backward(*events)  # so that events which were changed since are noticed
        ctx.n_in = n_in
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # what is returned will be differentiated again
            return None, None, None, _scattered(ctx.saved_tensors, grads[0], ctx.n_in), grads[0].sum(0)
        events = tuple(part.numpy() for part in ctx.saved_tensors)
        grad = grads[0].contiguous()
        weight_t, bias = summed(rows_numba.scatter_events, events, grad, ctx.n_in, len(events[0]))
        return None, None, None, weight_t, bias


def _scattered(events: tuple[Tensor, ...], grad: Tensor, n_in: int) -> Tensor:
    """The gradient of weight_t [n_in, n_out] from grad [R, n_out], in operations of torch."""
    unit, offset, count = events
    each = grad.repeat_interleave(offset.diff(), 0)
    if len(count) > 0:
        each = each * count.unsqueeze(1)
    return grad.new_zeros((n_in, grad.shape[1])).index_add(0, unit, each)
