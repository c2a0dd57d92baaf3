"""Binary adding (the benchmark of Ma et al. 2025, arXiv 2502.09449): how many of the marked bits of a sequence are 1?

Two inputs, T = 100: a random bit in every step, and a mark in nine of the steps. The label, 0 to 9, is the number of
marked ones, all equally likely. Published, with hidden layers of some 20,000 (40,000) parameters: LIF 29.6 %, with
recurrence 53.4 %. What is counted must be kept for the rest of the sequence, and unmarked bits, which are 10 times as
many, must not count: so it takes both memory and a product of two inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from neurons import Learnable, rectangle
from suite.datasets.base import Data, Dataset
from suite.datasets.common.generated import check_steps, generated_data
from suite.inputs import Batch
from suite.protocols import Cosine, Curriculum, Protocol

CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class Task:
    """n_steps T, of which `marked` are marked."""

    n_steps: int = 100
    marked: int = 9

    def __post_init__(self) -> None:
        check_steps("adding", n_steps=self.n_steps, marked=self.marked)
        if self.marked > self.n_steps:
            raise ValueError(f"adding: n_steps = {self.n_steps} has no room for {self.marked} marks")

    @property
    def channels(self) -> int:
        return 2

    def sample(self, n: int, generator: np.random.Generator) -> Batch:
        """n samples: x [T, n, 2] of 0 and 1 (bit, mark), y [n]."""
        y = generator.integers(0, self.marked + 1, size=n)
        x = np.zeros((self.n_steps, n, 2), np.float32)
        x[..., 0] = generator.random((self.n_steps, n)) < 0.5
        # a random order of the steps of each sample: the first `marked` are marked, the first y of these are ones
        order = generator.random((self.n_steps, n)).argsort(0)[: self.marked]
        samples = np.arange(n)
        x[order, samples, 1] = 1
        x[order, samples, 0] = np.arange(self.marked)[:, None] < y
        return Batch(torch.from_numpy(x), torch.from_numpy(y).long())


def load(
    *,
    source: str = "auto",
    seed: int = 0,
    n_train: int = 50_000,
    n_validation: int = 2_000,
    n_test: int = 10_000,
    n_steps: int = 100,
) -> Data:
    """Binary adding over n_steps; the rest as `generated_data` has it. Raises ValueError."""
    n = {"n_train": n_train, "n_validation": n_validation, "n_test": n_test}
    return generated_data("adding", Task(n_steps), len(CLASSES), source=source, seed=seed, **n)


SUITE = Protocol(
    data={"n_steps": 100, "n_train": 12_800},
    hidden=(128,),
    epochs=50,
    batch_size=128,
    learning_rate=5e-3,
    schedule=Cosine(),
    threshold=1.0,
    surrogate=rectangle(1.0),
    leakage=Learnable((2.0, 6.0)),
    leak_rate=5.0,
    readout="integrator",
    last_steps=1,
    clip=1.0,
    curriculum=Curriculum(start=20),
)

DATASET = Dataset(
    name="adding",
    title="Binary adding, T = 100",
    kind="temporal",
    classes=CLASSES,
    load=load,
    protocols={"suite": SUITE},
    generated=True,
    input_shape=(2,),
)
