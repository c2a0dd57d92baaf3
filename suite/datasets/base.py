"""What a dataset gives to training: three splits of batches, and a statement of where the data came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from suite.inputs import Batch


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
