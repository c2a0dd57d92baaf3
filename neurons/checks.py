"""Checks of what users pass in, so that a mistake is named before a kernel or a framework trips over it."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor

from neurons.compiler import uncompiled


class NonFiniteError(ValueError):
    """A NaN or an overflow in the input current or in the membrane potential it led to."""


def check_n(n: int | None) -> int | None:
    """Return n, the number of neurons, as an int or None. Raises ValueError unless it is a positive integer or None."""
    if n is None:
        return None
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n, the number of neurons, is a positive integer, not {n!r}")
    return int(n)


def check_flag(name: str, value: bool) -> bool:
    """Return `value` as a bool. Raises TypeError unless it is one, NumPy's included."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is True or False, not {value!r}")
    return bool(value)


def check_threshold(threshold: float, reset: str) -> float:
    """Return `threshold` as a float; ValueError unless it is positive and finite, or infinite without a reset."""
    if isinstance(threshold, bool) or not isinstance(threshold, Real):
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


def check_sequence(x: Tensor, n: int | None, steps: int | None = None) -> None:
    """Check an input current [T, B, n] ([T, B, *] if n is None), or with `steps` one [B, n] for all of so many steps.

    Raises TypeError or ValueError.
    """
    shape, ndim = ("[T, B, n] (time first)", 3) if steps is None else ("[B, n], the same at every step,", 2)
    _check_floating_point(x, shape)
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 1):
        raise ValueError(f"steps is a positive integer, not {steps!r}")
    if n is not None and (x.ndim != ndim or x.shape[-1] != n):
        raise ValueError(f"the input current must be {shape.replace('n]', f'{n}]')}, got {list(x.shape)}")
    if x.ndim < ndim - 1:
        raise ValueError(f"the input current must be {shape.replace('n]', '...]')}, got {list(x.shape)}")
    if x.numel() == 0:
        raise ValueError(f"the input current is empty: {list(x.shape)}; every dimension must be at least 1")


def check_state(state: object, like: Tensor, length: int) -> None:
    """Check what a caller gives as a layer's state, for an input current like `like` [B, *]. Raises ValueError."""
    parts = "the potential after the reset and the last spikes" if length == 2 else "the potential after the reset"
    if not isinstance(state, tuple | list) or len(state) != length:
        found = f"{len(state)} of them" if isinstance(state, tuple | list) else type(state).__name__
        raise ValueError(f"a state is a tuple of {length}, {parts}, as simulate(...).state has it, not {found}")
    for part in state:
        if not isinstance(part, Tensor) or part.shape != like.shape:
            what = list(part.shape) if isinstance(part, Tensor) else part
            raise ValueError(f"a state for this input current is {list(like.shape)}, not {what!r}")
        if part.dtype != like.dtype or part.device != like.device:
            raise ValueError(
                f"a state for this input current is {like.dtype} on {like.device}, not {part.dtype} on {part.device}"
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
            f"{x[tuple(bad[0])].item()}"
        )
    raise NonFiniteError("the membrane potential overflowed: the input current is finite, but its sum over time is not")
