"""Threads that wait for one another need a core each, and a system does not always give it to them.

PyTorch's and Numba's threads share one OpenMP pool. Between two parallel loops they spin, so that the scheduler sees
them busy; on some virtual machines it then leaves two of them on one core for as long as they live, and a loop takes 40
ms instead of 0.2.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch


@contextmanager
def apart() -> Iterator[None]:
    """Bind this process's threads to different cores (on Linux; elsewhere, do nothing). Not for several processes at a
    time: they would share the first cores.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    cores = sorted(allowed)
    _parallel_loop(torch.ones(1 << 20))  # the pool starts with the first one
    workers = [thread for thread in _threads() if thread != os.getpid()]
    try:
        _bind(os.getpid(), {cores[0]})
        for i, thread in enumerate(workers):
            _bind(thread, {cores[1:][i % (len(cores) - 1)] if len(cores) > 1 else cores[0]})
        yield
    finally:
        for thread in _threads():
            _bind(thread, allowed)


def finding() -> str:
    """For `lif-roles doctor`: how many threads there are, and whether they get in one another's way here."""
    count = torch.get_num_threads()
    if count == 1:
        return "1"
    together = _median_ms()
    torch.set_num_threads(1)
    alone = _median_ms()
    torch.set_num_threads(count)
    if together < 3 * alone:
        return f"{count}"
    return (
        f"{count}, which wait for one another: a loop takes {together:.1f} ms on all of them, {alone:.1f} ms on one. "
        "Set GOMP_SPINCOUNT=1000 in the environment, or OMP_NUM_THREADS=1"
    )


def _median_ms(seconds: float = 0.4) -> float:
    """Of a loop over a million numbers, repeated for so long."""
    x = torch.ones(1 << 20)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        _parallel_loop(x)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def _parallel_loop(x: torch.Tensor) -> None:
    x.mul_(1.0)


def _threads() -> list[int]:
    return sorted(int(entry.name) for entry in Path("/proc/self/task").iterdir())


def _bind(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):  # it may have ended
        os.sched_setaffinity(thread, cores)
