"""The delayed spiking XOR problem: remember the firing rate of a pattern over a delay full of noise. T = 200, as in the
paper; xor_50 and xor_100 are shorter.

A first pattern in steps 0-9, noise only, a second pattern in the last 10 steps; the label is 1 iff one of the two
fired at the high rate and the other at the low one. Generator after the public code of DH-SNN (Zheng et al. 2024),
the paper's source.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from numbers import Real

import numpy as np
import torch

from neurons import Learnable, rectangle
from neurons.names import unknown_name
from suite.datasets.base import Data, Dataset, Timed
from suite.datasets.common.generated import check_steps, generated_data
from suite.datasets.common.table5 import TEMPORAL
from suite.inputs import Batch
from suite.protocols import Curriculum, Protocol, StepLR, smoke


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
        check_steps("xor", n_steps=self.n_steps, channels=self.channels, pattern_steps=self.pattern_steps)
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


def load(
    *,
    source: str = "auto",
    seed: int = 0,
    n_train: int = 50_000,
    n_validation: int = 2_000,
    n_test: int = 10_000,
    **task: float,
) -> Data:
    """Delayed XOR; `task` are the fields of `Task`, the rest as `generated_data` has it. Raises ValueError."""
    known = [field.name for field in fields(Task)]
    for name in set(task) - set(known):
        raise unknown_name("option of xor", name, ["seed", "n_train", "n_validation", "n_test", *known])
    made = Task(**task)  # type: ignore[arg-type]
    n = {"n_train": n_train, "n_validation": n_validation, "n_test": n_test}
    return generated_data("xor", made, 2, source=source, seed=seed, **n)


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
