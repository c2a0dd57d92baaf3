"""Time in interleaved rounds, whose order changes; and what this device can do: copy bandwidth and matrix products."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from suite import threads

Timed = Callable[[], float]
"""Does the work once and returns the seconds it took."""

ORDER_SEED = 0
VERY_SLOW = 4


@dataclass
class Measured:
    """Seconds of each timed call of one contender; `note` says why there are none, or why they stopped."""

    seconds: list[float] = field(default_factory=list)
    note: str = ""

    def columns(self) -> dict[str, Any]:
        """For a row: median, minimum and maximum in ms (None without a time), and how often it was timed."""
        ms = [1000 * s for s in self.seconds]
        found = {"median_ms": statistics.median(ms), "min_ms": min(ms), "max_ms": max(ms)} if ms else {}
        rounded = {name: round(value, 3) for name, value in found.items()}
        return {"median_ms": None, "min_ms": None, "max_ms": None, **rounded, "rounds": len(ms)}


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: torch.device) -> Timed:
    """Time `work` on this process's clock, the device idle before and after."""

    def call() -> float:
        synchronize(device)
        started = time.perf_counter()
        work()
        synchronize(device)
        return time.perf_counter() - started

    return call


def interleaved(calls: Mapping[str, Timed], *, rounds: int, slow_s: float) -> dict[str, Measured]:
    """Time every contender once a round, in an order that is shuffled anew each round (fixed seed).

    A first round warms up and does not count. A contender slower than `slow_s` seconds is not called again after the
    first call that counts, which is the warm-up itself if that took over `VERY_SLOW` times as long. Garbage is
    collected before each call, outside the time. Threads have a core each. Running out of memory ends a contender with
    a note.
    """
    with threads.apart():
        return _interleaved(calls, rounds, slow_s)


def _interleaved(calls: Mapping[str, Timed], rounds: int, slow_s: float) -> dict[str, Measured]:
    found = {name: Measured() for name in calls}
    order, left = random.Random(ORDER_SEED), list(calls)
    gc.collect()
    gc.freeze()  # what is there already: collecting it again and again takes longer than many a call
    try:
        for i in range(rounds + 1):
            order.shuffle(left)
            for name in list(left):
                gc.collect()
                try:
                    took = calls[name]()
                except torch.OutOfMemoryError:
                    found[name].note = "out of memory"
                    left.remove(name)
                    continue
                if i > 0 or took > VERY_SLOW * slow_s:
                    found[name].seconds.append(took)
                    if took > slow_s:
                        left.remove(name)
    finally:
        gc.unfreeze()
    return found


@cache
def copy_bandwidth(device: torch.device, megabytes: int = 256) -> float:
    """Bytes a second that a copy reads and writes, by all threads: the best of several."""
    source = torch.ones(megabytes * 250_000, device=device)
    target = torch.empty_like(source)
    copy = timed(lambda: target.copy_(source), device)
    with threads.apart():
        return 2 * source.nbytes / min(copy() for _ in range(8))


@cache
def gemm_rate(device: torch.device, n: int = 2048) -> float:
    """Floating-point operations a second of a float32 matrix product [n, n] x [n, n]: the best of several."""
    a = torch.ones(n, n, device=device)
    out = torch.empty_like(a)
    product = timed(lambda: torch.mm(a, a, out=out), device)
    with threads.apart():
        return 2 * n**3 / min(product() for _ in range(6))


def device_columns(device: torch.device) -> dict[str, Any]:
    """For a row: the device, what it was measured to do, and PyTorch's version."""
    from suite import machine

    return {
        "copy_gb_s": round(copy_bandwidth(device) / 1e9, 1),
        "gemm_gflops": round(gemm_rate(device) / 1e9, 1),
        "device": machine.device_name(device),
        "torch": machine.version("torch"),
    }


def ratios(rows: list[dict[str, Any]], ours: str = "lif-roles") -> None:
    """Add to each row of one table its time as a multiple of the fastest of `ours`, None where one is missing."""
    times = [row["median_ms"] for row in rows if row["contender"].startswith(ours) and row["median_ms"] is not None]
    best = min(times, default=None)
    for row in rows:
        known = best is not None and row["median_ms"] is not None
        row["times_lif_roles"] = round(row["median_ms"] / best, 2) if known else None


def bench_device(name: str) -> torch.device:
    """The device of that name. Raises ValueError unless it is cpu or a CUDA device that is there."""
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise ValueError("device 'cuda': PyTorch finds no CUDA device here; use --device cpu")
        return torch.device("cuda", torch.cuda.current_device())
    raise ValueError(f"device {name!r}: the benchmarks run on cpu or cuda")
