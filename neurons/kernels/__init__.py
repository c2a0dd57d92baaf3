"""Fused kernels over the whole sequence, and which engine runs where."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Literal, get_args

import torch

from neurons.compiler import watched
from neurons.kernels import cuda
from neurons.kernels.rule import DTYPES
from neurons.names import unknown_name
from neurons.threads import why_not_numba

Engine = Literal["auto", "step", "fused"]
ENGINES: tuple[str, ...] = get_args(Engine)
KERNELS = {"cpu": "numba-cpu", "cuda": "cupy-cuda"}
"""What the fused engine is on each type of device."""


def check_engine(engine: str) -> None:
    """Raise ValueError unless `engine` is a known name."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)


def why_not_fused(device: torch.device, dtype: torch.dtype) -> str | None:
    """None if the fused engine can run on this device and dtype, else the reason."""
    if device.type not in KERNELS:
        return f"the fused engine has no kernel for {device.type} devices"
    if dtype not in DTYPES:
        return f"the fused engine takes {', '.join(map(str, DTYPES))}, not {dtype}"
    watcher = watched()
    if watcher is not None:
        return f"{watcher} and would see nothing of a kernel"
    return cuda.why_not() if device.type == "cuda" else why_not_numba()


def resolve_engine(
    engine: str, device: torch.device, dtype: torch.dtype, unknown: str | None = None
) -> Literal["step", "fused"]:
    """The engine that runs: "auto" is "fused" where that exists, else "step", with one warning if that is for a missing
    package. `unknown` says what the neuron has that no kernel knows.

    Raises ValueError for an unknown name, or if `engine` is "fused" and cannot be.
    """
    check_engine(engine)
    if engine == "step":
        return "step"
    reason = unknown or why_not_fused(device, dtype)
    if reason is None:
        return "fused"
    if engine == "fused":
        raise ValueError(f"engine='fused': {reason}; use engine='step' or 'auto'")
    if device.type == "cuda" and reason == cuda.why_not():
        _warn(reason)
    return "step"


@cache
def _warn(reason: str) -> None:
    warnings.warn(f"engine='auto' runs step by step, which is far slower: {reason}", stacklevel=3)


def kernel_name(engine: Literal["step", "fused"], backend: str, device: torch.device) -> str:
    """What computes, in words for a results row: for example "numba-cpu" or "snntorch-step"."""
    return KERNELS[device.type] if engine == "fused" else f"{backend}-step"
