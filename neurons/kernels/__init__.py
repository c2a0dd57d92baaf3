"""Fused kernels over the whole sequence, and which engine runs where."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from neurons.names import unknown_name

Engine = Literal["auto", "step", "fused"]
ENGINES: tuple[str, ...] = get_args(Engine)


def check_engine(engine: str) -> None:
    """Raise ValueError unless `engine` is a known name."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)


def why_not_fused(device: torch.device, dtype: torch.dtype) -> str | None:
    """None if the fused engine can run on this device and dtype, else the reason."""
    if device.type != "cpu":
        return f"the fused engine has no kernel for {device.type} devices yet"
    if dtype not in (torch.float32, torch.float64):
        return f"the fused engine takes float32 or float64, not {dtype}"
    return None


def resolve_engine(engine: str, device: torch.device, dtype: torch.dtype) -> Literal["step", "fused"]:
    """The engine that runs: "auto" is "fused" where that exists, else "step".

    Raises ValueError if `engine` is "fused" and cannot be.
    """
    reason = why_not_fused(device, dtype)
    if engine == "fused" and reason is not None:
        raise ValueError(f"engine='fused': {reason}; use engine='step' or 'auto'")
    return "fused" if engine != "step" and reason is None else "step"


def kernel_name(engine: Literal["step", "fused"], backend: str, device: torch.device) -> str:
    """What computes, in words for a results row: for example "numba-cpu" or "snntorch-step"."""
    return f"numba-{device.type}" if engine == "fused" else f"{backend}-step"
