"""Delayed XOR with a delay that shorter training can learn: T = 50."""

from suite.datasets.xor import delayed

DATASET = delayed("xor_50", 50)
