"""What a network is given: one batch of images, events or dense sequences, [T, B, *], and its labels."""

from __future__ import annotations

from dataclasses import dataclass

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
