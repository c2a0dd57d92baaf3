"""Peak memory of one piece of work, in a process of its own.

On a CPU this includes what the allocator keeps between small tensors: with thousands of them, as snnTorch's steps
make, one process may need twice as much as the next for the same work.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from suite.bench.timing import synchronize


def in_process(module: str, function: str, *arguments: object) -> float | None:
    """Call `module.function(*arguments)`, which returns a number, in a new Python; None if that process dies of it.

    The arguments travel as their repr.
    """
    call = ", ".join(map(repr, arguments))
    code = f"from {module} import {function}; print({function}({call}))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    if done.returncode < 0:  # a signal: the system had no memory left
        return None
    if done.returncode:
        raise RuntimeError(f"measuring memory failed:\n{done.stderr.strip()[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def peak_above_idle(work: Callable[[], object], device: torch.device) -> float:
    """MB (1e6 bytes) that `work` adds at its peak to what the process has already: its resident set (Linux), or in
    CUDA's allocator.
    """
    gc.collect()
    if device.type == "cuda":
        synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        idle = torch.cuda.memory_allocated(device)
        work()
        synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - idle) / 1e6
    ctypes.CDLL(None).malloc_trim(0)  # what is free already must not hide what the work takes
    idle = reset_peak()
    work()
    return (status("VmHWM") - idle) / 1e6


def status(field: str) -> int:
    """A field of /proc/self/status in bytes. Raises OSError where there is none."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def reset_peak() -> int:
    """Forget the highest resident set so far; returns the present one in bytes. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")
