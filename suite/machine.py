"""What this machine and these versions are, for the rows and for `lif-roles doctor`."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import torch


def pick_device() -> torch.device:
    """The GPU if PyTorch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def device_name(device: torch.device) -> str:
    """The model of the processor or GPU, with the number of threads for a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_model()}, {torch.get_num_threads()} threads"


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@cache
def version(package: str) -> str:
    """The installed version of a distribution, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def git_commit() -> str:
    """The suite's commit as g-<12 hex digits>, with + if tracked files differ from it; empty outside a git checkout."""
    folder = Path(__file__).parent
    try:
        options = {"cwd": folder, "capture_output": True, "text": True, "check": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], **options).stdout.strip()  # type: ignore[call-overload]
        changes = subprocess.run(
            ["git", "status", "--porcelain", "-uno", "--", "suite", "neurons"],
            **options,
        )  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"g-{commit}" + "+" * bool(changes.stdout.strip())


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory so far in MB (1e6 bytes): of the CUDA device's allocator, or of this process's resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        # Not getrusage's maximum, which a process inherits from the one that started it.
        status = Path("/proc/self/status").read_text()
        return float(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return (peak if sys.platform == "darwin" else 1024 * peak) / 1e6
