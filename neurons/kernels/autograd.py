"""The fused LIF layer as one differentiable operation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from neurons.compiler import uncompiled
from neurons.dtypes import state_dtype
from neurons.kernels import cpu, cuda
from neurons.kernels.rule import DTYPES, Kernels, Rule
from neurons.linear.products import product, product_over_rows, sum_over_rows
from neurons.surrogate import Surrogate, rectangle
from neurons.variant import Reset


def _kernels(device: torch.device) -> Kernels:
    if device.type == "cuda":  # as a conditional expression, mypy would take both for any module
        return cuda
    return cpu


def _rows(x: Tensor) -> Tensor:
    """[T, ...] as a contiguous [T, M], or [1, M] if every step is the same memory (an expanded tensor)."""
    if x.shape[0] > 1 and x.stride(0) == 0:
        x = x[:1]
    if not x.is_contiguous():
        x = _kernels(x.device).empty(x.shape, x.dtype, x.device).copy_(x)
    return x.view(x.shape[0], -1)


def _flat(x: Tensor) -> Tensor:
    """As a contiguous [M]: the same memory if x is contiguous."""
    return x.detach().contiguous().view(-1)


class _FusedLIF(torch.autograd.Function):
    """x is [T, B, *], or [1, B, *] for the same current in all of `steps` steps. All else is in `state_dtype`."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        k: Tensor,
        weight: Tensor | None,
        v0: Tensor,
        o0: Tensor | None,
        steps: int,
        rule: Rule,
        record: bool,
        differentiable: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        kernels = _kernels(x.device)
        shape, M = (steps, *v0.shape), v0.numel()
        silent = math.isinf(rule.threshold) and record and weight is None
        spikes = kernels.empty((0, *v0.shape) if silent else shape, x.dtype, x.device)
        u = kernels.empty(shape if record or weight is not None else (0, *v0.shape), v0.dtype, x.device)
        v = v0.detach().clone(memory_format=torch.contiguous_format)
        x_rows, out = _rows(x.detach()), (spikes.view(len(spikes), M), u.view(len(u), M))
        if weight is None:
            kept = kernels.empty((kernels.segments(steps) if differentiable else 0, M), v0.dtype, x.device)
            kernels.forward(x_rows, _flat(k), v.view(M), rule, *out, kept)
            ctx.kept = kept
            ctx.save_for_backward(x_rows, k, v0, None, None)
        else:
            weight_t = weight.detach().t().contiguous()
            drive = torch.zeros_like(v) if o0 is None else product(o0.detach().reshape(-1, len(weight)), weight_t)
            ctx.dense = kernels.forward_recurrent(x_rows, _flat(k), weight_t, _flat(drive), v.view(M), rule, *out)
            ctx.save_for_backward(u, k, v0, weight, o0)
        ctx.rule, ctx.device_type = rule, x.device.type
        ctx.steps, ctx.x_steps, ctx.x_dtype = steps, len(x), x.dtype
        ctx.set_materialize_grads(False)
        return spikes.new_zeros(()).expand(shape) if silent else spikes, u if record else None, v

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():  # once_differentiable would give 0 where the incoming gradient is a constant
            raise RuntimeError(
                "the fused engine is differentiable once, and a second derivative was asked for (create_graph=True); "
                "use engine='step'"
            )
        with torch.autocast(ctx.device_type, enabled=False):
            return _backward(ctx, *grads)


def _backward(ctx: Any, grad_o: Tensor | None, grad_u: Tensor | None, grad_v: Tensor | None) -> tuple[Any, ...]:
    x_or_u, k, v0, weight, o0 = ctx.saved_tensors
    kernels = _kernels(v0.device)
    steps, dtype = ctx.steps, ctx.x_dtype
    shape, M = (steps, *v0.shape), v0.numel()
    needs = ctx.needs_input_grad
    if grad_o is None:
        grad_o = v0.new_zeros((), dtype=dtype).expand(shape)
    grad_u = v0.new_empty((0, M)) if grad_u is None else _rows(grad_u)
    grad_v0 = v0.new_zeros(v0.shape)
    if grad_v is not None:
        grad_v0.copy_(grad_v)
    grad_k = v0.new_zeros(M if needs[1] else 0)
    rule = replace(ctx.rule, surrogate=rectangle()) if math.isinf(ctx.rule.threshold) else ctx.rule  # all are 0 there
    later = (_rows(grad_o), grad_u, grad_v0.view(M), rule)
    grad_weight = grad_o0 = None
    if weight is None:
        grad_x = kernels.empty((ctx.x_steps if needs[0] else 0, *v0.shape), dtype, v0.device)
        kernels.backward(x_or_u, _flat(k), ctx.kept, steps, *later, grad_x.view(len(grad_x), M), grad_k)
    else:
        N = len(weight)
        weight = weight.detach().contiguous()
        grad_x = kernels.empty(shape, dtype, v0.device)
        grad_weight = kernels.backward_recurrent(
            x_or_u.view(steps, M),
            _flat(k),
            weight,
            _flat(v0),
            ctx.dense,
            *later,
            grad_x.view(steps, M),
            grad_k,
            needs[2],
        )
        first = grad_x[0].reshape(-1, N).to(v0.dtype)
        if grad_weight is not None and o0 is not None:
            grad_weight = grad_weight + product_over_rows(first, o0.reshape(-1, N))
        if needs[4]:
            grad_o0 = product(first, weight).view(v0.shape)
        if ctx.x_steps < steps:
            grad_x = grad_x.sum(0, keepdim=True)
    if needs[1]:
        grad_k = sum_over_rows(grad_k.view(-1, k.numel())).view(k.shape)
    return (grad_x if needs[0] else None, grad_k if needs[1] else None, grad_weight, grad_v0, grad_o0, *(None,) * 4)


def constant_current(current: Tensor, steps: int) -> Tensor:
    """The same current [B, n] at each of T = `steps` steps, as [T, B, n] without a copy.

    A layer that is called as `layer(current, steps=T)` also sums the gradient over time as it goes; here autograd
    first writes it for every step.
    """
    return current.expand(steps, *current.shape)


@uncompiled  # the kernels lie outside of what torch.compile can trace: a break in the graph
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
    steps: int | None = None,
    record: bool = False,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """The LIF layer of eq. 3-11 over a whole sequence.

    x: input current [T, B, *], on the CPU or a CUDA device; or, with `steps`, the same current [B, *] at each of so
    many steps, whose gradient is summed over time. k: leak coefficient, a number or [n] where n is x's last
    dimension. recurrent_weight: V [n, n]. v0: the state after reset before the first step, [B, *] (None: zeros); o0:
    the spikes before it (None: none).
    Returns spikes [T, B, *] and the potentials before reset [T, B, *] (None unless `record`) in x's dtype, and the
    final state after reset [B, *] in that of `state_dtype`, in which all is computed. Differentiable once with respect
    to x, k, recurrent_weight, v0 and o0.
    Raises ValueError for a wrong shape or device, TypeError for a wrong dtype, RuntimeError in the backward pass if
    a second derivative is asked for.
    """
    if steps is not None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        x = x.unsqueeze(0)
    _check(x, {"k": k, "recurrent_weight": recurrent_weight, "v0": v0, "o0": o0})
    steps, dtype = len(x) if steps is None else steps, x.dtype
    state = state_dtype(dtype)
    if dtype not in _kernels(x.device).DTYPES:
        x = x.to(state)
    leak = k.to(state) if isinstance(k, Tensor) else torch.full((), k, dtype=state, device=x.device)
    weight = None if recurrent_weight is None else recurrent_weight.to(state)
    v0 = torch.zeros(x.shape[1:], dtype=state, device=x.device) if v0 is None else v0.to(state)
    o0 = None if o0 is None else o0.to(state)
    differentiable = torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (x, leak, weight, v0, o0)
    )
    rule = Rule(threshold, reset, surrogate, detach_reset)
    with torch.autocast(x.device.type, enabled=False):
        spikes, u, v = _FusedLIF.apply(x, leak, weight, v0, o0, steps, rule, record, differentiable)
    return spikes.to(dtype), None if u is None else u.to(dtype), v


def _check(x: Tensor, others: dict[str, Any]) -> None:
    """Raise ValueError or TypeError unless the arguments of `fused_lif` fit each other: a kernel would read on."""
    if x.dtype not in DTYPES:
        raise TypeError(f"the input current is {x.dtype}; the fused engine takes {', '.join(map(str, DTYPES))}")
    if x.ndim < 2 or x.numel() == 0:
        raise ValueError(f"the input current must be [T, B, ...] with T, B >= 1, got {list(x.shape)}")
    n = x.shape[-1]
    shapes = {"k": ([], [1], [n]), "recurrent_weight": ([n, n],), "v0": ([*x.shape[1:]],), "o0": ([*x.shape[1:]],)}
    for name, tensor in others.items():
        if not isinstance(tensor, Tensor):
            continue
        if list(tensor.shape) not in shapes[name]:
            allowed = " or ".join(map(str, shapes[name]))
            raise ValueError(
                f"{name} must be {allowed} for an input current {list(x.shape)}, but is {list(tensor.shape)}"
            )
        if tensor.device != x.device:
            raise ValueError(
                f"the input current is on {x.device}, but {name} on {tensor.device}: bring both to one device, as with "
                f"neuron.to({str(x.device)!r})"
            )
        if state_dtype(tensor.dtype) != state_dtype(x.dtype):
            raise TypeError(
                f"the input current is {x.dtype}, but {name} is {tensor.dtype}: bring both to one dtype, as with "
                "neuron.double()"
            )
