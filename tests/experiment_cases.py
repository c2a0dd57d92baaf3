"""Runs made by hand: a network, samples and labels that a test can work through on paper."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suite.datasets.base import Data
from suite.experiments.base import Cell, Run
from suite.inputs import Batch, Input
from suite.protocols import Protocol
from suite.registry import get_protocol
from suite.results.record import Value, condition
from suite.training import History, Score


class Fixed:
    """A split of the samples given, x [T, n, N] and y [n]; `reads` counts the passes."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y, self.reads = x, y, 0

    def __len__(self) -> int:
        return len(self.y)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0):
        self.reads += 1
        order = torch.arange(len(self.y))
        if shuffle_seed is not None:
            order = torch.randperm(len(self.y), generator=torch.Generator().manual_seed(shuffle_seed + 1000 * epoch))
        for part in order.split(batch_size):
            yield Batch(self.x[:, part], self.y[part])


class Untouchable(Fixed):
    """A split that must not be read."""

    def epoch(self, *_: Any, **__: Any):
        raise AssertionError("this split must not be read")


class Table(nn.Module):
    """A network whose output is a function of the input, and whose hidden spikes are its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        assert isinstance(x, Tensor)
        return self.function(x), [x]


def run_of(
    network: nn.Module,
    test: Fixed,
    folder: Path,
    *,
    train: Fixed | None = None,
    experiment: str = "accuracy",
    variant: str = "baseline",
    protocol: Protocol | None = None,
    best: int = 1,
    n_classes: int = 2,
) -> Run:
    empty = Untouchable(test.x, test.y)
    dataset = Data(
        name="made",
        source="generated",
        data_hash="0" * 16,
        n_classes=n_classes,
        input_shape=tuple(test.x.shape[2:]),
        n_steps=len(test.x),
        train=train or empty,
        validation=empty,
        test=test,
    )
    history = History(train=[Score(1, 0, 0, 1)], validation=[Score(1, 0, 0, 1)], best=best)
    cell = Cell(experiment, "xor", variant, "spikingjelly", 0, "smoke")
    protocol = protocol or get_protocol("smoke", "xor")
    return Run(cell, protocol, dataset, network, history, torch.device("cpu"), folder / "scratch")


def only(values: Iterable[Value], metric: str, where: str = "") -> Value:
    """The one value of that metric and condition."""
    (value,) = (value for value in values if value.metric == metric and condition(value.at) == where)
    return value
