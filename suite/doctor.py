"""`lif-roles doctor`: what this machine can run, and why not the rest."""

from __future__ import annotations

import os
import platform
from typing import Any, Literal

import torch

from neurons import BACKENDS, rectangle
from neurons.kernels import cuda, kernel_name, why_not_fused
from neurons.kernels.autograd import fused_lif
from suite import __version__, machine, threads
from suite.datasets import locate
from suite.registry import datasets

_PACKAGES = ("torch", "spikingjelly", "snntorch", "tonic", "torchvision", "numba", "numpy", "pandas")


def diagnose() -> list[tuple[str, str, str]]:
    """Rows of (area, item, finding)."""
    rows = [("versions", "lif-roles", __version__), ("versions", "python", platform.python_version())]
    rows += [("versions", package, machine.version(package)) for package in _PACKAGES]
    rows += [
        ("hardware", "CPU", f"{machine.device_name(torch.device('cpu'))}, {os.cpu_count()} cores"),
        ("hardware", "threads", threads.finding()),
        ("hardware", "memory", _memory()),
        ("hardware", "GPU", _gpu()),
        ("hardware", "CuPy", _cupy()),
        ("hardware", "GPU kernels", _gpu_kernels()),
    ]
    device = machine.pick_device()
    for backend in BACKENDS:
        reason = why_not_fused(device, torch.float32)
        engine: Literal["fused", "step"] = "fused" if reason is None else "step"
        kernel = kernel_name(engine, backend, device)
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
    reason = cuda.why_not()
    if reason is not None:
        return reason
    import cupy

    return f"{cupy.__version__}"


def _gpu_kernels() -> str:
    """Whether the fused kernels run on the GPU, by running them."""
    reason = cuda.why_not()
    if reason is not None:
        return f"none: {reason}"
    if not torch.cuda.is_available():
        return "CuPy would compile them; not tried without a GPU"
    x = torch.linspace(-1, 1, 40).reshape(20, 1, 2)
    options: dict[str, Any] = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle()}
    try:
        spikes, _, _ = fused_lif(x.cuda(), 0.3, **options)
        right = torch.equal(spikes.cpu(), fused_lif(x, 0.3, **options)[0])
    except Exception as error:  # a broken CUDA set-up fails in many ways, and naming it is the point
        return f"do not run: {type(error).__name__}: {error}"
    return "run, with the CPU's spikes" if right else "run, but their spikes are not the CPU's: please report this"
