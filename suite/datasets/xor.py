"""The delayed spiking XOR problem: remember the firing rate of a pattern over a delay full of noise. T = 200, as in the
paper; xor_50 and xor_100 are shorter.

A first pattern in steps 0-9, noise only, a second pattern in the last 10 steps; the label is 1 iff one of the two
fired at the high rate and the other at the low one. Generator after the public code of DH-SNN (Zheng et al. 2024),
the paper's source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real

import numpy as np
import torch

from neurons import Learnable, rectangle
from neurons.names import unknown_name
from suite.datasets.base import Data, Dataset, Timed, check_batch_size, hash_of
from suite.datasets.common.folders import SOURCES
from suite.datasets.common.table5 import TEMPORAL
from suite.inputs import Batch
from suite.options import MOST, MOST_STEPS, whole
from suite.protocols import Curriculum, Protocol, StepLR, smoke

MOST_SAMPLES = 10_000_000
_TRAIN, _VALIDATION, _TEST = range(3)  # streams of random numbers that never meet


@dataclass(frozen=True)
class Task:
    """n_steps T, of which the first and last `pattern_steps` carry the patterns; rates are per step and channel."""

    n_steps: int = 200
    channels: int = 20
    pattern_steps: int = 10
    low_rate: float = 0.2
    high_rate: float = 0.6
    noise_rate: float = 0.01

    def __post_init__(self) -> None:
        for name in ("n_steps", "channels", "pattern_steps"):
            whole(f"xor: {name}", getattr(self, name), high=MOST_STEPS)
        if self.n_steps < 2 * self.pattern_steps:
            raise ValueError(
                f"xor: n_steps = {self.n_steps} has no room for two patterns of {self.pattern_steps} steps; "
                f"it must be at least {2 * self.pattern_steps}"
            )
        for name in ("low_rate", "high_rate", "noise_rate"):
            rate = getattr(self, name)
            if not isinstance(rate, Real) or not 0 <= float(rate) <= 1:
                raise ValueError(f"xor: {name} = {rate!r} is no probability; it must lie in [0, 1]")

    def sample(self, n: int, generator: np.random.Generator) -> Batch:
        """n samples: x [T, n, channels] of 0 and 1, y [n]."""
        high = generator.integers(0, 2, size=(2, n))
        x = generator.random((self.n_steps, n, self.channels), dtype=np.float32) < self.noise_rate
        rate = np.where(high, self.high_rate, self.low_rate).astype(np.float32)[:, :, None]
        for pattern, steps in enumerate((slice(0, self.pattern_steps), slice(self.n_steps - self.pattern_steps, None))):
            x[steps] |= generator.random((self.pattern_steps, n, self.channels), dtype=np.float32) < rate[pattern]
        return Batch(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(high[0] ^ high[1]).long())


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
        """The same stream with another delay."""
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


def load(
    *,
    source: str = "auto",
    seed: int = 0,
    n_train: int = 50_000,
    n_validation: int = 2_000,
    n_test: int = 10_000,
    **task: float,
) -> Data:
    """Delayed XOR: n_train fresh samples an epoch, fixed validation and test sets; `task` are the fields of `Task`.

    `seed` fixes validation and test; the training samples also depend on the training seed. `source` is ignored:
    the generator is the dataset. Raises ValueError for impossible values.
    """
    if source not in SOURCES:
        raise ValueError(f"source is auto, original or standin, not {source!r}")
    known = [field.name for field in fields(Task)]
    for name in set(task) - set(known):
        raise unknown_name("option of xor", name, ["seed", "n_train", "n_validation", "n_test", *known])
    made = Task(**task)  # type: ignore[arg-type]
    whole("xor: seed", seed, 0)
    whole("xor: n_train", n_train, 1, MOST_SAMPLES)
    for name, n in (("n_validation", n_validation), ("n_test", n_test)):  # kept in memory whole
        whole(f"xor: {name}", n, 1, MOST // (made.n_steps * made.channels))
    description = json.dumps([asdict(made), seed, n_train, n_validation, n_test], sort_keys=True)
    return Data(
        name="xor",
        source="generated",
        data_hash=hash_of(description),
        n_classes=2,
        input_shape=(made.channels,),
        n_steps=made.n_steps,
        train=Stream(made, n_train, seed, _TRAIN, fresh=True),
        validation=Stream(made, n_validation, seed, _VALIDATION, fresh=False),
        test=Stream(made, n_test, seed, _TEST, fresh=False),
    )


def delayed(name: str, n_steps: int) -> Dataset:
    """Delayed XOR of n_steps with its protocols; docs/xor.md says how they were found."""
    suite = Protocol(
        data={"n_steps": n_steps, "n_train": 3_200},
        hidden=(16,),
        epochs=60,
        batch_size=128,
        learning_rate=1e-2,
        schedule=StepLR(40, 0.5),
        threshold=1.0,
        surrogate=rectangle(1.0),
        leakage=Learnable((2.0, 6.0)),
        leak_rate=5.0,
        readout="integrator",
        last_steps=9,
        clip=1.0,
        curriculum=Curriculum(start=20),
    )
    return Dataset(
        name=name,
        title=f"XOR, T = {n_steps}",
        kind="temporal",
        classes=("same", "different"),
        load=load,
        protocols={"suite": suite, "smoke": smoke(replace(suite, data={**suite.data, "n_steps": 30}))},
        generated=True,
        input_shape=(Task().channels,),
    )


PAPER = replace(TEMPORAL, data={"n_steps": 200, "n_train": 51_200}, hidden=(16,), last_steps=9)

_XOR = delayed("xor", 200)
DATASET = replace(_XOR, protocols={**_XOR.protocols, "paper": PAPER}, in_paper=True, timed=(Timed(),))
