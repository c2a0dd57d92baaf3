"""How many threads a computation runs on. No result of this package depends on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numba
import torch

SERIAL = 1 << 16
"""Elements up to which one thread does all: waking a second takes longer, and on a busy machine far longer."""

_forked = False  # off from Numba's threads, which do not come along


def _after_fork() -> None:
    global _forked
    try:
        numba.threading_layer()
    except ValueError:  # none was started
        return
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def why_not_numba() -> str | None:
    """None if Numba's kernels can run in this process, else the reason."""
    if numba.config.DISABLE_JIT:
        return "NUMBA_DISABLE_JIT is set, without which its kernels are not compiled"
    if _forked:
        return (
            "this process was forked from one in which Numba's threads had started, and they do not survive that; "
            "start workers by 'spawn', as with DataLoader(multiprocessing_context='spawn')"
        )
    return None


def use_threads(elements: int) -> int:
    """Let the next Numba kernels use as many threads as torch does, or one for a few elements; returns how many.

    Raises RuntimeError in a forked process, which Numba would kill.
    """
    if _forked:
        raise RuntimeError(f"no kernel of Numba can run here: {why_not_numba()}")
    of_torch = torch.get_num_threads()
    count = 1 if elements <= SERIAL else min(of_torch, numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(count)
    if torch.get_num_threads() != of_torch:  # the first call starts Numba's OpenMP layer, which sets torch's number
        torch.set_num_threads(of_torch)
    return count


@contextmanager
def at_most(count: int) -> Iterator[None]:
    """For operations of torch whose result depends on how they are shared out. Takes 1 microsecond."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(count, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
