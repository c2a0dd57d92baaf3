"""How many threads a computation runs on. No result of this package depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import torch

SERIAL = 1 << 16
"""Elements up to which one thread does all: waking a second takes longer, and on a busy machine far longer."""


def use_threads(elements: int) -> int:
    """Let the next Numba kernels use as many threads as torch does, or one for a few elements; returns how many."""
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
