"""Batches of images: direct coding (the image is the current at every step) or Poisson spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from neurons.jit import njit
from suite.datasets.base import check_batch_size, sample_order
from suite.inputs import Batch, Input, Static

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""From images uint8 [B, C, H, W] to new ones of that shape; the generator is fixed by shuffle seed, epoch, batch."""


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """Some of the images of an array.

    images uint8 [n, C, H, W], labels int64 [n], index: which of them. Direct coding gives Static float32 [B, C, H, W],
    (pixel / 255 - mean) / std a channel; Poisson coding a tensor [T, B, C, H, W] of 0 and 1, where a pixel fires with
    probability pixel / 255 a step, drawn from (shuffle_seed, epoch, sample), so that the batch size does not matter.
    Augmentation happens only in passes with a shuffle seed, that is, in training; other passes are always the same.
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray
    n_steps: int
    coding: str = "direct"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.index)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass; see `suite.datasets.base.Split`. Raises ValueError for a batch size below 1."""
        check_batch_size(batch_size)
        order = self.index[sample_order(len(self.index), shuffle_seed, epoch)]
        moment = [0] if shuffle_seed is None else [1, shuffle_seed, epoch]
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            images = self.images[chosen]
            if self.augment is not None and shuffle_seed is not None:
                images = self.augment(images, np.random.default_rng([shuffle_seed, epoch, start]))
            yield Batch(self._code(images, chosen, moment), torch.from_numpy(self.labels[chosen]))

    def _code(self, images: np.ndarray, chosen: np.ndarray, moment: list[int]) -> Input:
        if self.coding == "poisson":
            spikes = np.empty((self.n_steps, *images.shape), np.float32)
            base = np.random.SeedSequence(moment).generate_state(1, np.uint64)[0]
            _poisson(images.reshape(len(images), -1), chosen, base, spikes.reshape(self.n_steps, len(images), -1))
            return torch.from_numpy(spikes)
        current = np.empty(images.shape, np.float32)
        _look_up(images.reshape(*images.shape[:2], -1), self._table(), current.reshape(*images.shape[:2], -1))
        return Static(torch.from_numpy(current), self.n_steps)

    def _table(self) -> np.ndarray:
        """The current [C, 256] of each pixel value."""
        mean, std = (np.array(values, np.float32)[:, None] for values in (self.mean, self.std))
        return (np.arange(256, dtype=np.float32) / np.float32(255) - mean) / std


def crop_and_flip(images: np.ndarray, rng: np.random.Generator, pad: int = 4) -> np.ndarray:
    """Shift by up to `pad` pixels each way, black at the border, and mirror half of the images."""
    dy, dx = rng.integers(-pad, pad + 1, size=(2, len(images)))
    out = np.zeros_like(images)
    _shift(images, dy, dx, rng.random(len(images)) < 0.5, out)
    return out


@njit()
def _look_up(images, table, out):  # type: ignore[no-untyped-def]
    B, C, N = images.shape
    for b in range(B):
        for c in range(C):
            for i in range(N):
                out[b, c, i] = table[c, images[b, c, i]]


@njit()
def _shift(images, dy, dx, flip, out):  # type: ignore[no-untyped-def]
    B, C, H, W = images.shape
    for b in range(B):
        for c in range(C):
            for y in range(max(0, -dy[b]), min(H, H - dy[b])):
                for x in range(max(0, -dx[b]), min(W, W - dx[b])):
                    pixel = images[b, c, y + dy[b], x + dx[b]]
                    out[b, c, y, W - 1 - x if flip[b] else x] = pixel


@njit()
def _poisson(images, chosen, base, out):  # type: ignore[no-untyped-def]
    """One splitmix64 sequence a sample; each draw of 64 bits serves 4 pixels. P(fire) = pixel / 255."""
    T, B, N = out.shape
    for b in range(B):
        state = base ^ (np.uint64(chosen[b] + 1) * np.uint64(0xD1342543DE82EF95))
        for t in range(T):
            bits = np.uint64(0)
            for i in range(N):
                if i % 4 == 0:
                    state += np.uint64(0x9E3779B97F4A7C15)
                    z = state
                    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                    bits = z ^ (z >> np.uint64(31))
                draw = bits & np.uint64(0xFFFF)
                bits >>= np.uint64(16)
                out[t, b, i] = 1.0 if draw * np.uint64(255) < np.uint64(images[b, i]) * np.uint64(65536) else 0.0
