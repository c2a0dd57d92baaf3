"""Checks of what users pass in, so that a mistake is named before a kernel or a framework trips over it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurons.compiler import uncompiled


class NonFiniteError(ValueError):
    """A NaN or an overflow in the input current or in the membrane potential it led to."""


def check_threshold(threshold: float, reset: str) -> float:
    """Return `threshold` as a float; ValueError unless it is positive and finite, or infinite without a reset."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise TypeError(f"threshold is a positive number, not {threshold!r}")
    if not (threshold > 0 and (math.isfinite(threshold) or reset == "none")):
        raise ValueError(
            f"threshold u_th = {threshold!r} must be positive and finite: at 0 a resting neuron would fire, and one "
            "that never fires, at infinity, has reset='none'"
        )
    return float(threshold)


def check_step(x: Tensor, n: int | None) -> None:
    """Check the input current of one step, [B, n] ([B, *] if n is None). Raises TypeError or ValueError."""
    _check_floating_point(x, "[B, n]")
    if n is not None and (x.ndim != 2 or x.shape[-1] != n):
        raise ValueError(f"the input current of one step must be [B, {n}], got {list(x.shape)}")


def check_sequence(x: Tensor, n: int | None) -> None:
    """Check an input current [T, B, n] ([T, B, *] if n is None). Raises TypeError or ValueError."""
    _check_floating_point(x, "[T, B, n]")
    if n is not None and (x.ndim != 3 or x.shape[-1] != n):
        raise ValueError(f"the input current must be [T, B, {n}] (time first), got {list(x.shape)}")
    if x.ndim < 2:
        raise ValueError(f"the input current must be [T, B, ...] (time first), got {list(x.shape)}")
    if x.numel() == 0:
        raise ValueError(
            f"the input current is empty: {list(x.shape)}; every dimension of [T, B, n] must be at least 1"
        )


def _check_floating_point(x: Tensor, shape: str) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"the input current is a torch tensor {shape}, not {type(x).__name__}")
    if not x.is_floating_point():
        raise TypeError(f"the input current must be floating point, not {x.dtype}; use x.float()")


@uncompiled  # the look at the values would break the graph, with a warning
def check_finite(x: Tensor, state: Tensor) -> None:
    """Raise NonFiniteError if the membrane potential after the last step is not finite.

    A NaN anywhere in x stays in its neuron's potential to the end, so that the state [B, *] is all that needs a look.
    Only on the CPU: elsewhere the look would wait for the device.
    """
    if state.device.type != "cpu" or math.isfinite(state.detach().sum().item()):  # five times as fast as isfinite
        return
    if bool(torch.isfinite(state).all()):  # only the sum has overflowed
        return
    bad = (~torch.isfinite(x)).nonzero()
    if len(bad):
        where = ", ".join(str(int(i)) for i in bad[0])
        raise NonFiniteError(
            f"the input current has {len(bad)} values that are NaN or infinite, the first at [{where}]: "
            f"{float(x[tuple(bad[0])])}"
        )
    raise NonFiniteError("the membrane potential overflowed: the input current is finite, but its sum over time is not")
