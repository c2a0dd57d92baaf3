"""Memory for large tensors that is used again.

A fresh 32 MB buffer costs about 10 ms of page faults, several times what a kernel takes to fill it, and the system
allocator returns large blocks to the kernel as soon as they are free. Blocks from here come back when the last tensor
on their memory is gone, and wait for the next call.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

SMALL = 1 << 20
"""Bytes up to which malloc keeps memory by itself."""

ALIGN = 64
"""Bytes in a cache line. NumPy's memory starts 16 bytes into one, and there MKL's products take up to 2.7 times as
long."""

SLACK = 1.25
"""What the pool may hold, over what was in use at one time: blocks of one size wait while another size is needed."""


class Pool:
    """Blocks of memory that wait for a second use. It holds at most `SLACK` times what was in use at one time."""

    def __init__(self) -> None:
        self._returned: deque[np.ndarray] = deque()
        self._lock = Lock()
        self.free: list[np.ndarray] = []  # the one that came back last is at the end
        self.in_use = 0
        self.peak = 0

    def take(self, size: int) -> np.ndarray:
        """A block of at least `size` bytes, its contents undefined."""
        with self._lock:
            self.settle()
            fits = [i for i, block in enumerate(self.free) if size <= block.nbytes <= 2 * size]
            block = self.free.pop(fits[-1]) if fits else np.empty(size, np.uint8)
            self.in_use += block.nbytes
            self.peak = max(self.peak, self.in_use)
            while self.free and self.in_use + sum(block.nbytes for block in self.free) > SLACK * self.peak:
                self.free.pop(0)
            return block

    def give_back(self, block: np.ndarray) -> None:
        """Called by the garbage collector, at any moment and in any thread: so it only makes a note."""
        self._returned.append(block)

    def settle(self) -> None:
        """Make the blocks free that came back."""
        while self._returned:
            block = self._returned.popleft()
            self.in_use -= block.nbytes
            self.free.append(block)


POOL = Pool()


class _Lease:
    """A block on loan. NumPy, and through it torch, keep this object for as long as anything uses the memory."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype) -> None:
        self.pool = POOL
        self.block = self.pool.take(math.prod(shape) * dtype.itemsize + ALIGN)
        self.__array_interface__: dict[str, Any] = {
            "shape": tuple(shape),
            "typestr": dtype.str,
            "data": (-(-self.block.ctypes.data // ALIGN) * ALIGN, False),
            "version": 3,
        }

    def __del__(self) -> None:
        self.pool.give_back(self.block)


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """As `torch.empty` on the CPU, for a result that may be large."""
    if math.prod(shape) * dtype.itemsize <= SMALL:
        return torch.empty(tuple(shape), dtype=dtype)
    numpy_dtype: np.dtype = np.dtype(str(dtype).removeprefix("torch."))
    return torch.from_numpy(np.asarray(_Lease(shape, numpy_dtype)))
