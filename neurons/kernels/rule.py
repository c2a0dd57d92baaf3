"""What a kernel computes, apart from the tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from neurons.surrogate import Surrogate
from neurons.variant import Reset

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
"""What an input current may be."""


@dataclass(frozen=True)
class Rule:
    """When a neuron fires, what that does to its potential, and what passes for the derivative of both."""

    threshold: float
    reset: Reset
    surrogate: Surrogate
    detach_reset: bool


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """In what a layer computes whose input is `dtype`: a potential summed up in 16 bits would lose small inputs."""
    return torch.float64 if dtype == torch.float64 else torch.float32
