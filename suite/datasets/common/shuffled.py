"""The steps of every sample in an order drawn at random: what is left is what needs no time (Ma et al. 2025)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from suite.datasets.base import Data, Growing, Split
from suite.inputs import Batch, Events, Static


@dataclass(frozen=True)
class Shuffled:
    """A split whose samples each have their steps in an order of their own; another one in every shuffled pass."""

    split: Split

    def __len__(self) -> int:
        return len(self.split)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass. The order of a sample's steps depends on its place in the pass, whatever the size of the batches.

        Raises ValueError for images, which have no steps.
        """
        generator = np.random.default_rng([0] if shuffle_seed is None else [1, shuffle_seed, epoch])
        for batch in self.split.epoch(batch_size, shuffle_seed=shuffle_seed, epoch=epoch):
            yield Batch(_shuffled(batch.x, generator), batch.y)


@dataclass(frozen=True)
class _ShuffledGrowing(Shuffled):
    """The same of a split that can grow."""

    split: Growing

    def at(self, n_steps: int) -> Shuffled:
        return Shuffled(self.split.at(n_steps))


def shuffled(data: Data) -> Data:
    """The data with the steps of all samples shuffled."""
    train, validation, test = (
        _ShuffledGrowing(split) if isinstance(split, Growing) else Shuffled(split)
        for split in (data.train, data.validation, data.test)
    )
    return replace(data, train=train, validation=validation, test=test)


def _shuffled(x: Tensor | Static | Events, generator: np.random.Generator) -> Tensor | Events:
    if isinstance(x, Static):
        raise ValueError("an image that is the same at all steps has no order to shuffle; use it on sequences")
    T, B = x.shape[:2]
    order = torch.from_numpy(generator.random((B, T)).argsort(1, kind="stable").T.copy())  # [T, B]
    if isinstance(x, Tensor):
        return x[order, torch.arange(B)]
    source = (order * B + torch.arange(B)).flatten()
    counts = x.offset.diff()[source]
    offset = torch.cat([x.offset.new_zeros(1), counts.cumsum(0)])
    moved = torch.repeat_interleave(x.offset[source] - offset[:-1], counts) + torch.arange(int(offset[-1]))
    return Events(x.unit[moved], offset, None if x.weight is None else x.weight[moved], x.shape)
