"""What a dataset gives to training: three splits of batches, and a statement of where the data came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Static:
    """An image that is the input current at every step (direct coding): `image` [B, *], shown `n_steps` times."""

    image: Tensor
    n_steps: int

    def dense(self) -> Tensor:
        """The same input as [T, B, *] (a view, no copy)."""
        return self.image.unsqueeze(0).expand(self.n_steps, *self.image.shape)

    def to(self, device: torch.device) -> Static:
        return Static(self.image.to(device, non_blocking=True), self.n_steps)


@dataclass(frozen=True)
class Events:
    """A sparse batch: `unit[offset[t * B + b] : offset[t * B + b + 1]]` are the units active in step t of sample b.

    unit [E] int64, offset [T * B + 1] int64, weight [E] float32 (event counts) or None (binary); shape = (T, B, N).
    This is the layout of `torch.nn.functional.embedding_bag(..., include_last_offset=True)`.
    """

    unit: Tensor
    offset: Tensor
    weight: Tensor | None
    shape: tuple[int, int, int]

    def dense(self) -> Tensor:
        """The same input as a tensor [T, B, N], float32 or the weight's dtype."""
        T, B, N = self.shape
        bag = torch.repeat_interleave(torch.arange(T * B, device=self.unit.device), self.offset.diff())
        value = torch.ones(len(self.unit), device=self.unit.device) if self.weight is None else self.weight
        out = value.new_zeros(T * B * N)
        return out.index_add_(0, bag * N + self.unit, value).view(T, B, N)

    def to(self, device: torch.device) -> Events:
        weight = None if self.weight is None else self.weight.to(device, non_blocking=True)
        unit, offset = self.unit.to(device, non_blocking=True), self.offset.to(device, non_blocking=True)
        return Events(unit, offset, weight, self.shape)


Input = Tensor | Static | Events
"""A dense [T, B, *] tensor, a static image, or events."""


def n_steps(x: Input) -> int:
    """T of an input."""
    return x.n_steps if isinstance(x, Static) else x.shape[0]


def window(x: Input, start: int, stop: int) -> Input:
    """The steps from start to stop, without a copy."""
    if isinstance(x, Static):
        return Static(x.image, stop - start)
    if isinstance(x, Tensor):
        return x[start:stop]
    _, B, N = x.shape
    offset = x.offset[start * B : stop * B + 1]
    first, last = int(offset[0]), int(offset[-1])
    weight = None if x.weight is None else x.weight[first:last]
    return Events(x.unit[first:last], offset - first, weight, (stop - start, B, N))


@dataclass(frozen=True)
class Batch:
    x: Input
    y: Tensor  # [B] int64

    def to(self, device: torch.device) -> Batch:
        """On that device; from pinned memory, without waiting for the copy."""
        x = self.x.to(device, non_blocking=True) if isinstance(self.x, Tensor) else self.x.to(device)
        return Batch(x, self.y.to(device, non_blocking=True))


class Split(Protocol):
    """One of train / validation / test."""

    def __len__(self) -> int:
        """Samples in one pass."""
        ...

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass. In stored order when `shuffle_seed` is None; else in the order fixed by (shuffle_seed, epoch)."""
        ...


@runtime_checkable
class Growing(Split, Protocol):
    """A split whose sequences can be made of any length, for a curriculum."""

    def at(self, n_steps: int) -> Split:
        """The same split with sequences of n_steps."""
        ...


@dataclass(frozen=True)
class Dataset:
    """A dataset, ready for training.

    `source` says what the data is: "original", "standin" (made here, in the original's format), "generated" (the
    dataset is defined by its generator, as XOR is), or a label of its own such as "CIFAR10 (JPEG copy)". `data_hash`
    (16 hex digits) changes whenever the data or its preprocessing does.
    """

    name: str
    source: str
    data_hash: str
    n_classes: int
    input_shape: tuple[int, ...]  # of one step of one sample
    n_steps: int
    train: Split
    validation: Split
    test: Split


def check_batch_size(batch_size: int) -> None:
    """Raises ValueError unless batches of that size can be made."""
    if batch_size < 1:
        raise ValueError(f"batch_size = {batch_size}; it must be at least 1")


def sample_order(n: int, shuffle_seed: int | None, epoch: int) -> np.ndarray:
    """The order in which one epoch visits n samples."""
    if shuffle_seed is None:
        return np.arange(n)
    return np.random.default_rng([shuffle_seed, epoch]).permutation(n)


@dataclass(frozen=True)
class Limited:
    """The first `n` samples of every pass over a split."""

    split: Split
    n: int

    def __len__(self) -> int:
        return min(self.n, len(self.split))

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """As the split's, in batches that end after n samples."""
        left = len(self)
        for batch in self.split.epoch(min(batch_size, left), shuffle_seed=shuffle_seed, epoch=epoch):
            if len(batch.y) > left:
                return
            yield batch
            left -= len(batch.y)
            if left == 0:  # the split would make one more batch for nothing
                return


def limited(dataset: Dataset, n: int | None) -> Dataset:
    """The dataset with at most n samples in each split (None: all)."""
    if n is None:
        return dataset
    train, validation, test = (Limited(split, n) for split in (dataset.train, dataset.validation, dataset.test))
    return replace(dataset, train=train, validation=validation, test=test)
