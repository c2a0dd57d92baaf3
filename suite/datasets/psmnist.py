"""Permuted sequential MNIST: the pixels of every digit in one order drawn at random (Le et al. 2015, arXiv 1504.00941),
so that what belongs together is far apart.

Published for another order and 256 neurons in two layers (Ma et al. 2025, arXiv 2502.09449): LIF 57.5 %, with
recurrence 73.0 %; with a learnable leak 55.9 % and 77.3 %.
"""

from __future__ import annotations

from dataclasses import replace

from suite.datasets import smnist
from suite.datasets.images.sequence import Pixels, Sequences, in_permuted_pixels

FILES = Sequences("psmnist", smnist.FILES.files, in_permuted_pixels, Pixels, n_steps=784, n_inputs=1)

DATASET = replace(smnist.DATASET, name="psmnist", title="Permuted sequential MNIST", load=FILES.load)
