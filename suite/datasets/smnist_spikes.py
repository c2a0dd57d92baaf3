"""Spiking sequential MNIST: each pixel's steps over thresholds as events, 99 inputs, T = 784 (tonic's SMNIST)."""

from __future__ import annotations

from dataclasses import replace

from suite.datasets import smnist
from suite.datasets.images.sequence import Crossings, Sequences, in_pixels

FILES = Sequences("smnist_spikes", smnist.FILES.files, in_pixels, Crossings, n_steps=784, n_inputs=99)

DATASET = replace(
    smnist.DATASET, name="smnist_spikes", title="Spiking sequential MNIST", load=FILES.load, input_shape=(99,)
)
