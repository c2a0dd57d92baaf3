"""Images as sequences: row by row, pixel by pixel, in another order, or as crossings of thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import torch

from suite.datasets.base import Data, Split, check_batch_size, hash_of, sample_order
from suite.datasets.common.splits import HOLDOUT, holdout
from suite.datasets.images.idx import Grey
from suite.inputs import Batch, Events

N_PIXELS = 784
LEVELS = 49
"""Thresholds of `Crossings`."""

_PREPROCESSING = 1  # raise it when the same files and options give other batches


@dataclass(frozen=True, eq=False)
class Pixels:
    """A split of images as currents in [0, 1]. pixels uint8 [n, T, N], labels int64 [n], index: which of them."""

    pixels: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass: x [T, B, N]."""
        for chosen in _batches(self.index, batch_size, shuffle_seed, epoch):
            x = np.ascontiguousarray(self.pixels[chosen].swapaxes(0, 1)).astype(np.float32)
            x /= 255
            yield Batch(torch.from_numpy(x), torch.from_numpy(self.labels[chosen]))


@dataclass(frozen=True, eq=False)
class Crossings:
    """A split of images as events, after tonic's SMNIST: 99 inputs, T = 784, one pixel a step.

    Input i < 49 is active in the step before the pixel's value comes to or over the threshold 254 i / 48, input 49 + i
    before it falls below, input 98 where it is 255. tonic has the inputs in another order, and each event twice, over
    1,568 steps, unless told otherwise.
    """

    pixels: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass: events [784, B, 99]."""
        for chosen in _batches(self.index, batch_size, shuffle_seed, epoch):
            yield Batch(crossings(self.pixels[chosen, :, 0]), torch.from_numpy(self.labels[chosen]))


def _batches(index: np.ndarray, batch_size: int, shuffle_seed: int | None, epoch: int) -> Iterator[np.ndarray]:
    check_batch_size(batch_size)
    order = index[sample_order(len(index), shuffle_seed, epoch)]
    yield from (order[start : start + batch_size] for start in range(0, len(order), batch_size))


def crossings(pixels: np.ndarray) -> Events:
    """Events [T, B, 99] of pixels uint8 [B, T]."""
    values = pixels.T  # [T, B]
    level = np.linspace(0, 254, LEVELS).astype(np.uint8)
    above = values[:, :, None] >= level
    active = np.zeros((*values.shape, 2 * LEVELS + 1), dtype=bool)
    active[:-1, :, :LEVELS] = ~above[:-1] & above[1:]
    active[:-1, :, LEVELS:-1] = above[:-1] & ~above[1:]
    active[:, :, -1] = values == 255
    offset = np.zeros(values.size + 1, np.int64)
    np.cumsum(active.sum(2).ravel(), out=offset[1:])
    unit = torch.from_numpy(active.nonzero()[2])
    return Events(unit, torch.from_numpy(offset), None, active.shape)


def in_rows(images: np.ndarray) -> np.ndarray:
    """[n, 1, 28, 28] -> [n, 28, 28]: a row a step."""
    return images[:, 0]


def in_pixels(images: np.ndarray) -> np.ndarray:
    """[n, 1, 28, 28] -> [n, 784, 1]: a pixel a step, row by row."""
    return images.reshape(len(images), -1, 1)


def in_permuted_pixels(images: np.ndarray) -> np.ndarray:
    """As `in_pixels`, in the order of `permutation`, the same for all images."""
    return in_pixels(images)[:, permutation()]


@cache
def permutation() -> np.ndarray:
    """The order of the pixels [784]: that of numpy.random.default_rng(0).permutation(784), kept in permutation.txt."""
    text = resources.files("suite.datasets.images").joinpath("permutation.txt").read_text("ascii")
    return checked_permutation(np.array(text.split(), dtype=int))


def checked_permutation(order: np.ndarray) -> np.ndarray:
    """The order, if it has every pixel once. Raises ValueError."""
    if order.shape != (N_PIXELS,) or not (np.sort(order) == np.arange(N_PIXELS)).all():
        raise ValueError(
            f"a permutation of the pixels has each of 0 to {N_PIXELS - 1} once; this has {order.size} numbers"
        )
    return order


@dataclass(frozen=True)
class Sequences:
    """A dataset in the files of another: its images made sequences [n, T, N] by `unrolled`; `split` reads them."""

    name: str
    files: Grey
    unrolled: Callable[[np.ndarray], np.ndarray]
    split: Callable[[np.ndarray, np.ndarray, np.ndarray], Split]
    n_steps: int
    n_inputs: int

    def load(self, *, source: str = "auto", split_seed: int = 0) -> Data:
        """Batches of the images as sequences. Validation: a tenth of each class of train, by split_seed.

        Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
        """
        found = self.files.read(source)
        (train, train_labels), (test, test_labels) = found.train, found.test
        learn, validate = holdout(train_labels, HOLDOUT, split_seed)
        description = [self.name, found.digest, split_seed, HOLDOUT, _PREPROCESSING]
        of_train, of_test = self.unrolled(train), self.unrolled(test)
        return Data(
            name=self.name,
            source=found.source,
            data_hash=hash_of(json.dumps(description)),
            n_classes=10,
            input_shape=(self.n_inputs,),
            n_steps=self.n_steps,
            train=self.split(of_train, train_labels, learn),
            validation=self.split(of_train, train_labels, validate),
            test=self.split(of_test, test_labels, np.arange(len(test_labels))),
        )
