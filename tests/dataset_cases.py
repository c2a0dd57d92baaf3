"""A dataset as a user would register it."""

from __future__ import annotations

from typing import Any

import torch
from experiment_cases import Fixed

from neurons import rectangle
from suite.datasets.base import Data, Dataset
from suite.protocols import Cosine, Protocol

PROTOCOL = Protocol(
    data={},
    hidden=(8,),
    epochs=2,
    batch_size=10,
    learning_rate=1e-2,
    schedule=Cosine(),
    threshold=0.5,
    surrogate=rectangle(0.5),
)


def load(*, source: str = "auto", n_steps: int = 5) -> Data:  # noqa: ARG001
    """30 samples of three classes; an input fires in every step if it is the label."""
    y = torch.arange(30) % 3
    split = Fixed(torch.nn.functional.one_hot(y, 3).float().expand(n_steps, 30, 3), y)
    return Data("mine", "generated", "0" * 16, 3, (3,), n_steps, split, split, split)


def user_dataset(name: str, **fields: Any) -> Dataset:
    given = {"kind": "temporal", "classes": ("a", "b", "c"), "load": load, "protocols": {"suite": PROTOCOL}}
    return Dataset(name=name, **{**given, **fields})
