"""The next batch is made while the device works on this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from suite.inputs import Batch, Events, Input, Static


def prefetched(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches, on `device`; one is made ahead, in another thread, unless the device is the CPU itself.

    There, two things at a time take as long as one after the other.
    """
    if device.type == "cpu":
        yield from batches
        return
    with ThreadPoolExecutor(1, "prefetch") as thread:
        remaining = iter(batches)

        def take() -> Batch | None:
            batch = next(remaining, None)
            return batch if batch is None or device.type != "cuda" else Batch(_pinned(batch.x), batch.y.pin_memory())

        coming = thread.submit(take)
        while (batch := coming.result()) is not None:
            coming = thread.submit(take)
            yield batch.to(device)


def _pinned(x: Input) -> Input:
    """In memory from which a copy to the device need not be waited for."""
    if isinstance(x, Tensor):
        return x.pin_memory()
    if isinstance(x, Static):
        return Static(x.image.pin_memory(), x.n_steps)
    weight = None if x.weight is None else x.weight.pin_memory()
    return Events(x.unit.pin_memory(), x.offset.pin_memory(), weight, x.shape)
