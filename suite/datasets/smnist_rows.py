"""MNIST row by row: T = 28 steps of 28 pixels (Le et al. 2015, arXiv 1504.00941)."""

from __future__ import annotations

from dataclasses import replace

from neurons import Learnable, rectangle
from suite.datasets import mnist
from suite.datasets.base import Dataset
from suite.datasets.images.idx import DIGITS
from suite.datasets.images.sequence import Pixels, Sequences, in_rows
from suite.protocols import Cosine, Protocol

SUITE = Protocol(
    data={},
    hidden=(128,),
    epochs=20,
    batch_size=256,
    learning_rate=1e-2,
    schedule=Cosine(),
    threshold=1.0,
    surrogate=rectangle(1.0),
    leakage=Learnable(),
    readout="integrator",
    clip=1.0,
)
FILES = Sequences("smnist_rows", mnist.FILES, in_rows, Pixels, n_steps=28, n_inputs=28)

DATASET = Dataset(
    name="smnist_rows",
    title="MNIST by rows",
    kind="temporal",
    classes=DIGITS,
    load=FILES.load,
    protocols={"suite": SUITE},
    folders=mnist.DATASET.folders,
    archives=mnist.DATASET.archives,
    published=tuple(replace(one, mean=(), std=()) for one in mnist.DATASET.published),
    input_shape=(28,),
)
