"""The fused LIF layer as one differentiable operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurons.kernels import buffers, cpu
from neurons.surrogate import SURROGATE_KINDS, Surrogate
from neurons.variant import Reset

DENSE = 0.2
"""Share of neurons that fire in a step above which the recurrent weights' gradient is one matrix product."""


def _rows(x: Tensor) -> np.ndarray:
    """[T, ...] as a contiguous NumPy [T, M], or [1, M] if every step is the same memory (an expanded tensor)."""
    if x.shape[0] > 1 and x.stride(0) == 0:
        x = x[:1]
    if not x.is_contiguous():
        x = buffers.empty(x.shape, x.dtype).copy_(x)
    array: np.ndarray = x.view(x.shape[0], -1).numpy()
    return array


def _flat(x: Tensor) -> np.ndarray:
    """As a contiguous NumPy [M]: the same memory if x is contiguous."""
    array: np.ndarray = x.detach().contiguous().view(-1).numpy()
    return array


class _FusedLIF(torch.autograd.Function):
    """x is [T, B, *], or [1, B, *] for the same current in all of `steps` steps."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        k: Tensor,
        weight: Tensor | None,
        v0: Tensor,
        o0: Tensor | None,
        steps: int,
        threshold: float,
        reset: Reset,
        surrogate: Surrogate,
        detach_reset: bool,
        record: bool,
        differentiable: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        shape, M = (steps, *v0.shape), v0.numel()
        x_rows = _rows(x.detach())
        th = x_rows.dtype.type(threshold)
        reset_number = cpu.RESETS.index(reset)
        spikes = buffers.empty(shape, x.dtype)
        u = buffers.empty(shape if record or weight is not None else (0, *v0.shape), x.dtype)
        v = v0.detach().clone(memory_format=torch.contiguous_format)
        out = (_rows(spikes), u.view(len(u), M).numpy())
        if weight is None:
            kept = buffers.empty((cpu.segments(steps) if differentiable else 0, M), x.dtype)
            block = cpu.block_size(steps, M)
            cpu.forward(x_rows, _flat(k), _flat(v), th, reset_number, block, *out, kept.numpy())
            ctx.kept = kept
            ctx.save_for_backward(x, k, v0, None, None, None)
        else:
            weight_t = weight.detach().t().contiguous()
            drive = torch.zeros_like(v) if o0 is None else o0.detach() @ weight_t
            block = cpu.block_size(steps, M, len(weight))
            count = cpu.forward_recurrent(
                x_rows, _flat(k), weight_t.numpy(), _flat(drive), _flat(v), th, reset_number, block, *out
            )
            dense = count > DENSE * spikes.numel()
            ctx.save_for_backward(u, k, v0, weight, o0, spikes if dense else None)
        ctx.options = (steps, th, reset_number, surrogate, detach_reset)
        ctx.x_steps = len(x)
        ctx.set_materialize_grads(False)
        return spikes, u if record else None, v

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        grad_o, grad_u, grad_v = grads
        x_or_u, k, v0, weight, o0, spikes = ctx.saved_tensors
        steps, threshold, reset, surrogate, detach_reset = ctx.options
        shape, M, dtype = (steps, *v0.shape), v0.numel(), v0.dtype
        needs = ctx.needs_input_grad
        if grad_o is None:
            grad_o = torch.zeros((), dtype=dtype).expand(shape)
        if grad_u is None:
            grad_u = torch.empty((0, M), dtype=dtype)
        grad_v0 = torch.zeros(v0.shape, dtype=dtype)
        if grad_v is not None:
            grad_v0.copy_(grad_v)
        grad_k = torch.zeros(M if needs[1] else 0, dtype=dtype)
        parameters = np.asarray(surrogate.parameters, dtype=threshold.dtype)
        arguments = (
            _rows(grad_o),
            grad_u.reshape(len(grad_u), M).numpy(),
            _flat(grad_v0),
            threshold,
            reset,
            detach_reset,
            SURROGATE_KINDS.index(surrogate.kind),
            parameters,
        )
        grad_weight = grad_o0 = None
        if weight is None:
            grad_x = buffers.empty((ctx.x_steps if needs[0] else 0, *v0.shape), dtype)
            out = (grad_x.view(len(grad_x), M).numpy(), grad_k.numpy())
            cpu.backward(steps, _rows(x_or_u), _flat(k), ctx.kept.numpy(), *arguments, cpu.block_size(steps, M), *out)
        else:
            N = len(weight)
            in_kernel = needs[2] and spikes is None
            grad_weight_t = torch.zeros((torch.get_num_threads(), N if in_kernel else 0, N), dtype=dtype)
            grad_x = buffers.empty(shape, dtype)
            weight = weight.detach().contiguous()
            cpu.backward_recurrent(
                _rows(x_or_u),
                _flat(k),
                weight.numpy(),
                weight.t().contiguous().numpy(),
                _flat(v0),
                *arguments,
                cpu.block_size(steps, M, N),
                _rows(grad_x),
                grad_k.numpy(),
                grad_weight_t.numpy(),
            )
            first = grad_x[0].reshape(-1, N)
            if needs[2]:
                if spikes is None:
                    grad_weight = grad_weight_t.sum(0).t()
                else:
                    grad_weight = grad_x[1:].reshape(-1, N).t() @ spikes[:-1].reshape(-1, N)
                if o0 is not None:
                    grad_weight = grad_weight + first.t() @ o0.reshape(-1, N)
            if needs[4]:
                grad_o0 = (first @ weight).view(v0.shape)
            if ctx.x_steps < steps:
                grad_x = grad_x.sum(0, keepdim=True)
        if needs[1]:
            grad_k = grad_k.view(-1, k.numel()).sum(0).view(k.shape)
        return (grad_x if needs[0] else None, grad_k if needs[1] else None, grad_weight, grad_v0, grad_o0, *(None,) * 7)


def constant_current(current: Tensor, steps: int) -> Tensor:
    """The same current [B, n] at each of T = `steps` steps, as [T, B, n] without a copy.

    As `current.expand(steps, ...)`; but `fused_lif` then sums the gradient over time as it goes, where autograd would
    first write it for every step. Such a gradient goes to `current`, past the tensor returned here.
    """
    x = current.expand(steps, *current.shape)
    x.constant_current = current  # type: ignore[attr-defined]
    return x


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

    x: input current [T, B, *], float32 or float64, on the CPU. k: leak coefficient, a number or [n] where n is x's last
    dimension. recurrent_weight: V [n, n]. v0: the state after reset before the first step, [B, *] (None: zeros); o0:
    the spikes before it (None: none).
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
        v0 = torch.zeros(x.shape[1:], dtype=x.dtype)
    leak = torch.as_tensor(k, dtype=x.dtype, device=x.device)
    steps = len(x)
    constant = getattr(x, "constant_current", None)
    if constant is not None:
        x = constant.unsqueeze(0)
    differentiable = torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (x, leak, recurrent_weight, v0, o0)
    )
    result: tuple[Tensor, Tensor | None, Tensor] = _FusedLIF.apply(
        x, leak, recurrent_weight, v0, o0, steps, threshold, reset, surrogate, detach_reset, record, differentiable
    )
    return result
