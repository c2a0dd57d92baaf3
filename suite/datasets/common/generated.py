"""Datasets that are defined by how a sample is drawn: samples are made as they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

from suite.datasets.base import Data, check_batch_size, hash_of
from suite.datasets.common.folders import SOURCES
from suite.inputs import Batch
from suite.options import MOST, MOST_STEPS, whole

MOST_SAMPLES = 10_000_000
_TRAIN, _VALIDATION, _TEST = range(3)  # streams of random numbers that never meet


class Task(Protocol):
    """A dataclass whose fields say how samples are drawn."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def n_steps(self) -> int:
        """T."""
        ...

    @property
    def channels(self) -> int:
        """N."""
        ...

    def sample(self, n: int, generator: np.random.Generator) -> Batch:
        """n samples: x [T, n, N], y [n]."""
        ...


@dataclass(frozen=True)
class Stream:
    """Samples made as they are asked for: `fresh` ones in every epoch, or the same ones always."""

    task: Task
    n: int
    seed: int
    stream: int
    fresh: bool

    def __len__(self) -> int:
        return self.n

    def at(self, n_steps: int) -> Stream:
        """The same stream with sequences of another length."""
        return replace(self, task=replace(self.task, n_steps=n_steps))

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass. Only fresh samples depend on shuffle_seed and epoch; fixed ones are made in chunks of their
        own size, so that the batch size does not change them."""
        check_batch_size(batch_size)
        if self.fresh:
            entropy = [self.seed, self.stream, 0 if shuffle_seed is None else shuffle_seed + 1, epoch]
            generator = np.random.default_rng(entropy)
            for start in range(0, self.n, batch_size):
                yield self.task.sample(min(batch_size, self.n - start), generator)
            return
        fixed = self.task.sample(self.n, np.random.default_rng([self.seed, self.stream]))
        assert isinstance(fixed.x, torch.Tensor)
        for start in range(0, self.n, batch_size):
            yield Batch(fixed.x[:, start : start + batch_size], fixed.y[start : start + batch_size])


def check_steps(name: str, **fields: int) -> None:
    """Raises ValueError unless each field of a task is a number of steps or inputs."""
    for field, value in fields.items():
        whole(f"{name}: {field}", value, high=MOST_STEPS)


def generated_data(
    name: str, task: Task, n_classes: int, *, source: str, seed: int, n_train: int, n_validation: int, n_test: int
) -> Data:
    """n_train fresh samples an epoch, fixed validation and test sets.

    `seed` fixes validation and test; the training samples also depend on the training seed. `source` is ignored: the
    generator is the dataset. Raises ValueError for impossible values.
    """
    if source not in SOURCES:
        raise ValueError(f"source is auto, original or standin, not {source!r}")
    whole(f"{name}: seed", seed, 0)
    whole(f"{name}: n_train", n_train, 1, MOST_SAMPLES)
    for option, n in (("n_validation", n_validation), ("n_test", n_test)):  # kept in memory whole
        whole(f"{name}: {option}", n, 1, MOST // (task.n_steps * task.channels))
    description = json.dumps([asdict(task), seed, n_train, n_validation, n_test], sort_keys=True)
    return Data(
        name=name,
        source="generated",
        data_hash=hash_of(description),
        n_classes=n_classes,
        input_shape=(task.channels,),
        n_steps=task.n_steps,
        train=Stream(task, n_train, seed, _TRAIN, fresh=True),
        validation=Stream(task, n_validation, seed, _VALIDATION, fresh=False),
        test=Stream(task, n_test, seed, _TEST, fresh=False),
    )
