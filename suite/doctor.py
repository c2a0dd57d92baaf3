"""`lif-roles doctor`: what this machine can run, and why not the rest."""

from __future__ import annotations

import os
import platform
from importlib.util import find_spec
from typing import Any

import torch

from neurons import BACKENDS
from neurons.kernels import kernel_name, resolve_engine, why_not_fused
from suite import __version__, machine
from suite.datasets import locate
from suite.registry import datasets

_PACKAGES = ("torch", "spikingjelly", "snntorch", "tonic", "torchvision", "numba", "numpy", "pandas")


def diagnose() -> list[tuple[str, str, str]]:
    """Rows of (area, item, finding)."""
    rows = [("versions", "lif-roles", __version__), ("versions", "python", platform.python_version())]
    rows += [("versions", package, machine.version(package)) for package in _PACKAGES]
    rows += [
        ("hardware", "CPU", f"{machine.device_name(torch.device('cpu'))}, {os.cpu_count()} cores"),
        ("hardware", "memory", _memory()),
        ("hardware", "GPU", _gpu()),
        ("hardware", "CuPy", _cupy()),
    ]
    device = machine.pick_device()
    for backend in BACKENDS:
        engine = resolve_engine("auto", device, torch.float32)
        kernel = kernel_name(engine, backend, device)
        reason = why_not_fused(device, torch.float32)
        rows.append(("engine auto", backend, f"{engine} ({kernel})" + (f"; not fused: {reason}" if reason else "")))
    for name in datasets:
        rows.append(("datasets", name, locate(name)))
    return rows


def as_json() -> dict[str, dict[str, Any]]:
    """The same, as {area: {item: finding}}."""
    table: dict[str, dict[str, Any]] = {}
    for area, item, finding in diagnose():
        table.setdefault(area, {})[item] = finding
    return table


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{total / 1e9:.1f} GB"


def _gpu() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()} (CUDA {torch.version.cuda})"
    if torch.version.cuda is None:
        return "none: this PyTorch is a CPU build; see pytorch.org for a CUDA build"
    return f"none: PyTorch (CUDA {torch.version.cuda}) finds no NVIDIA driver or no device"


def _cupy() -> str:
    if find_spec("cupy") is None:
        return "not installed; for CUDA: pip install 'lif-roles[cupy]'"
    try:
        import cupy
    except Exception as error:  # a broken CUDA set-up fails in many ways, and naming it is the point
        return f"installed, but does not import: {error}"
    return f"{cupy.__version__}"
