"""Batches that are made ahead are the same batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from suite.inputs import Batch, Events, Static
from suite.prefetch import prefetched

META = torch.device("meta")
CPU = torch.device("cpu")


def batches(n: int, made: list[str] | None = None) -> Iterator[Batch]:
    for i in range(n):
        if made is not None:
            made.append(threading.current_thread().name)
        x = (torch.ones(2, i + 1, 3), Static(torch.ones(i + 1, 3), 2), Events(*torch.ones(2, 7 + i), None, (2, 3, 1)))
        yield Batch(x[i % 3], torch.zeros(i + 1, dtype=torch.long))


@pytest.mark.parametrize("device", [CPU, META], ids=str)
def test_order_and_device(device: torch.device) -> None:
    got = list(prefetched(batches(7), device))
    assert [len(batch.y) for batch in got] == [1, 2, 3, 4, 5, 6, 7]
    assert {batch.y.device.type for batch in got} == {device.type}
    assert [type(batch.x) for batch in got[:3]] == [torch.Tensor, Static, Events]
    assert got[1].x.image.device.type == device.type  # type: ignore[union-attr]


def test_one_batch_ahead_in_another_thread() -> None:
    made: list[str] = []
    stream = prefetched(batches(5, made), META)
    next(stream)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(made) in (2, 3)
    assert all(name.startswith("prefetch") for name in made)
    assert not [t for t in threading.enumerate() if t.name.startswith("prefetch")]


def test_an_error_comes_through_and_the_thread_ends() -> None:
    def failing() -> Iterator[Batch]:
        yield from batches(1)
        raise ValueError("this recording is damaged")

    stream = prefetched(failing(), META)
    assert len(next(stream).y) == 1
    with pytest.raises(ValueError, match="this recording is damaged"):
        next(stream)
    assert not [t for t in threading.enumerate() if t.name.startswith("prefetch")]
