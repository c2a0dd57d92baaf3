"""The fused LIF layer as one differentiable operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurons.kernels import cpu
from neurons.surrogate import SURROGATE_KINDS, Surrogate
from neurons.variant import Reset


def _rows(x: Tensor) -> np.ndarray:
    """[T, ...] as a contiguous NumPy [T, M], or [1, M] if every step is the same memory (an expanded tensor); copies
    only if it must."""
    if x.shape[0] > 1 and x.stride(0) == 0:
        x = x[:1]
    array: np.ndarray = x.contiguous().view(x.shape[0], -1).numpy()
    return array


class _FusedLIF(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        k: Tensor,
        weight: Tensor | None,
        v0: Tensor,
        o0: Tensor | None,
        threshold: float,
        reset: Reset,
        surrogate: Surrogate,
        detach_reset: bool,
        record: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        keep_u = record or any(ctx.needs_input_grad)
        x_rows = _rows(x.detach())
        scalar = x_rows.dtype.type
        reset_number = cpu.RESETS.index(reset)
        spikes = torch.empty_like(x, memory_format=torch.contiguous_format)
        u = torch.empty_like(spikes if keep_u else spikes[:1])
        v = v0.detach().contiguous().clone()
        k_row = np.atleast_1d(k.detach().contiguous().numpy())
        out = (_rows(u), _rows(spikes))
        if weight is None:
            cpu.forward(x_rows, k_row, v.view(-1).numpy(), scalar(threshold), reset_number, *out)
        else:
            assert o0 is not None
            n = weight.shape[0]
            weight_t = weight.detach().t().contiguous()
            o_first = o0.detach().contiguous().view(-1).numpy()
            k_row = np.ascontiguousarray(np.broadcast_to(k_row, n))
            cpu.forward_recurrent(
                x_rows,
                k_row,
                weight_t.numpy(),
                v.view(-1).numpy(),
                o_first,
                scalar(threshold),
                reset_number,
                *out,
            )
            ctx.weight_t = weight_t
        ctx.save_for_backward(u, k, v0, spikes if weight is not None else None, o0)
        ctx.options = (scalar(threshold), reset_number, surrogate, detach_reset)
        ctx.set_materialize_grads(False)
        return spikes, u if record else None, v

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        grad_o, grad_u, grad_v = grads
        u, k, v0, spikes, o0 = ctx.saved_tensors
        threshold, reset, surrogate, detach_reset = ctx.options
        recurrent = spikes is not None
        needs = ctx.needs_input_grad
        if grad_o is None:
            grad_o = torch.zeros_like(u[:1]).expand_as(u)
        grad_u_rows = _rows(u)[:0] if grad_u is None else _rows(grad_u.contiguous())
        grad_v0 = torch.zeros_like(v0) if grad_v is None else grad_v.contiguous().clone()
        grad_x = torch.empty_like(u)
        k_full = k.expand(u.shape[-1]) if recurrent else k.reshape(-1)
        grad_k_full = torch.zeros(v0.numel() if needs[1] else 0, dtype=u.dtype)
        parameters = np.asarray(surrogate.parameters, dtype=grad_u_rows.dtype)
        kind = SURROGATE_KINDS.index(surrogate.kind)
        head = (_rows(u), k_full.detach().contiguous().numpy())
        flat_v0 = v0.detach().contiguous().view(-1).numpy()
        gradients = (flat_v0, _rows(grad_o), grad_u_rows, grad_v0.view(-1).numpy())
        tail = (threshold, reset, detach_reset, kind, parameters, _rows(grad_x), grad_k_full.numpy())
        grad_weight = grad_o0 = None
        if recurrent:
            grad_o0 = torch.empty_like(o0)
            cpu.backward_recurrent(*head, ctx.weight_t.numpy(), *gradients, grad_o0.view(-1).numpy(), *tail)
            if needs[2]:
                n = u.shape[-1]
                grad_weight = grad_x[1:].reshape(-1, n).T @ spikes[:-1].reshape(-1, n)
                grad_weight += grad_x[0].reshape(-1, n).T @ o0.reshape(-1, n)
        else:
            cpu.backward(*head, *gradients, *tail)
        grad_k = None
        if needs[1]:
            grad_k = grad_k_full.view(-1, k.numel()).sum(0).view_as(k)
        return grad_x, grad_k, grad_weight, grad_v0, grad_o0, None, None, None, None, None


def fused_lif(
    x: Tensor,
    k: float | Tensor,
    *,
    threshold: float,
    reset: Reset,
    surrogate: Surrogate,
    detach_reset: bool = False,
    recurrent_weight: Tensor | None = None,
    v0: Tensor | None = None,
    o0: Tensor | None = None,
    record: bool = False,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """The LIF layer of eq. 3-11 over a whole sequence.

    x: input current [T, B, *], float32 or float64, on the CPU. k: leak coefficient, a number or [n] where n is x's
    last dimension.
    recurrent_weight: V [n, n]. v0: the state after reset before the first step, [B, *] (None: zeros); o0: the spikes
    before it.
    Returns spikes [T, B, *], the potentials before reset [T, B, *] (None unless `record`), and the final state after
    reset [B, *]. Differentiable once with respect to x, k, recurrent_weight, v0 and o0. Raises TypeError if
    recurrent_weight has another dtype than x.
    """
    if recurrent_weight is not None and recurrent_weight.dtype != x.dtype:
        raise TypeError(
            f"the input current is {x.dtype}, but the recurrent weights are {recurrent_weight.dtype}: "
            "bring both to one dtype, as with neuron.double()"
        )
    if v0 is None:
        v0 = torch.zeros_like(x[0], memory_format=torch.contiguous_format)
    if recurrent_weight is not None and o0 is None:
        o0 = torch.zeros_like(v0)
    leak = torch.as_tensor(k, dtype=x.dtype, device=x.device)
    result: tuple[Tensor, Tensor | None, Tensor] = _FusedLIF.apply(
        x, leak, recurrent_weight, v0, o0, threshold, reset, surrogate, detach_reset, record
    )
    return result
