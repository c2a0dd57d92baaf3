"""MNIST, Fashion-MNIST and CIFAR10. Images stay in memory as bytes; a batch is converted when it is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from suite.datasets.base import Batch, Dataset, Static, sample_order
from suite.datasets.folders import data_folder, make_standin, pick_source
from suite.datasets.idx import check_idx
from suite.datasets.splits import holdout
from suite.errors import DataCorrupt

CODINGS = ("direct", "poisson")
HOLDOUT = 0.1

_AUGMENT, _SPIKES = 1, 2  # streams of random numbers beside the one of the order


@dataclass(frozen=True)
class Look:
    """How bytes become input: shown for `n_steps`, as a current ("direct": pixel / 255, then (pixel - mean) / std per
    channel) or as spikes ("poisson": Bernoulli(pixel / 255) in every step). crop: pixels of padding for random crops."""

    n_steps: int
    coding: str = "direct"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    crop: int = 0
    flip: bool = False

    def input(self, pixels: np.ndarray, seed: list[int]) -> Tensor | Static:
        """pixels uint8 [B, C, H, W] -> Static of float32 [B, C, H, W], or spikes [n_steps, B, C, H, W] of 0 and 1."""
        if self.coding == "poisson":
            generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
            level = torch.from_numpy(pixels).float().div_(255)
            return (torch.rand((self.n_steps, *level.shape), generator=generator) < level).float()
        mean = torch.tensor(self.mean).view(-1, 1, 1)
        std = torch.tensor(self.std).view(-1, 1, 1)
        return Static(torch.from_numpy(pixels).float().sub_(255 * mean).div_(255 * std), self.n_steps)


@dataclass(frozen=True, eq=False)
class Images:
    """A split: the samples `index` of images uint8 [n, C, H, W] and labels int64 [n].

    A pass without `shuffle_seed` is never augmented, and its Poisson spikes are the same every time.
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray
    look: Look
    augmented: bool = False

    def __len__(self) -> int:
        return len(self.index)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass, as `Split.epoch`. Augmentation depends on (shuffle_seed, epoch), Poisson spikes also on the
        number of the batch."""
        if batch_size < 1:
            raise ValueError(f"batch_size = {batch_size} must be at least 1")
        order = self.index[sample_order(len(self), shuffle_seed, epoch)]
        augment = (
            _Augment(len(self), self.look, shuffle_seed, epoch) if self.augmented and shuffle_seed is not None else None
        )
        for number, start in enumerate(range(0, len(order), batch_size)):
            some = order[start : start + batch_size]
            pixels = self.images[some]
            if augment:
                pixels = augment(pixels, start)
            seed = [_SPIKES, 0 if shuffle_seed is None else shuffle_seed + 1, epoch, number]
            yield Batch(self.look.input(pixels, seed), torch.from_numpy(self.labels[some]))


class _Augment:
    """Random crops of the image with black borders, and flips: drawn once for all n places of an epoch."""

    def __init__(self, n: int, look: Look, shuffle_seed: int, epoch: int) -> None:
        generator = np.random.default_rng([shuffle_seed, epoch, _AUGMENT])
        self.crop = look.crop
        self.corner = generator.integers(0, 2 * look.crop + 1, (2, n))
        self.flip = generator.random(n) < (0.5 if look.flip else 0)

    def __call__(self, pixels: np.ndarray, start: int) -> np.ndarray:
        """uint8 [B, C, H, W], the places `start` on of the epoch."""
        B, _, H, W = pixels.shape
        here = slice(start, start + B)
        flip = self.flip[here, None, None, None]
        pixels = np.where(flip, pixels[..., ::-1], pixels)
        padded = np.pad(pixels, ((0, 0), (0, 0), (self.crop, self.crop), (self.crop, self.crop)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (H, W), axis=(2, 3))
        y, x = self.corner[:, here]
        return windows[np.arange(B), :, y, x]


def load_mnist(*, source: str = "auto", n_steps: int = 8, coding: str = "direct", split_seed: int = 0) -> Dataset:
    """MNIST (LeCun et al. 1998): 28 x 28 grey digits, 10 classes, 60,000 + 10,000; the last tenth of train, drawn by
    class from `split_seed`, is the validation set.

    Batches [B, 1, 28, 28] in [0, 1], shown for n_steps (coding "direct"), or spikes [n_steps, B, 1, 28, 28] that are 1
    with the pixel's probability ("poisson"). Read from DIR/MNIST/raw (uncompressed IDX) by torchvision.
    Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
    """
    return _load_idx("mnist", "MNIST", source, Look(n_steps, coding), split_seed)


def _load_idx(name: str, folder: str, source: str, look: Look, split_seed: int) -> Dataset:
    from suite.datasets import standin_images

    _check_options(name, look, split_seed)
    root = data_folder()
    picked = pick_source(name, source, root if find_idx(root / folder / "raw") else None)
    counts: tuple[int | None, int | None] = (60_000, 10_000)
    if picked == "standin":
        root = make_standin(name, STANDIN_VERSION, getattr(standin_images, f"write_{name}"))
        counts = (standin_images.N_TRAIN, standin_images.N_TEST)
    (train, train_labels), (test, test_labels) = (_read_idx(root, folder, i == 0, n) for i, n in enumerate(counts))
    digest = hash_files(idx_files(root / folder / "raw"))
    return _dataset(name, picked, digest, look, split_seed, (train, train_labels), (test, test_labels))
