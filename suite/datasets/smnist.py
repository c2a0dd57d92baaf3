"""Sequential MNIST: the digits pixel by pixel, T = 784 (Le et al. 2015, arXiv 1504.00941)."""

from __future__ import annotations

from dataclasses import replace

from suite.datasets import smnist_rows
from suite.datasets.images.sequence import Pixels, Sequences, in_pixels

SUITE = replace(smnist_rows.SUITE, hidden=(256,))
FILES = Sequences("smnist", smnist_rows.FILES.files, in_pixels, Pixels, n_steps=784, n_inputs=1)

DATASET = replace(
    smnist_rows.DATASET,
    name="smnist",
    title="Sequential MNIST",
    load=FILES.load,
    protocols={"suite": SUITE},
    input_shape=(1,),
)
