"""Delayed XOR with a delay that shorter training can learn: T = 100."""

from suite.datasets.xor import delayed

DATASET = delayed("xor_100", 100)
