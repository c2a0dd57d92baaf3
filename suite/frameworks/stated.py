"""What a difference between the frameworks is said with: the stated input, and shares of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.frameworks.own import Spikes

STEPS, SEQUENCES = 50, 500
STATED = "500 sequences of 50 steps, uniform in [0, 0.5); leak 0.9, threshold 1, reset to zero, surrogate ATan(2)"


@dataclass(frozen=True)
class Difference:
    """What each framework does, what the suite's neurons do instead, and the effect, in words and as numbers.

    neurons: the two that differ, by name, where a network can have either (suite.frameworks.effects); source: where
    others say so.
    """

    name: str
    spikingjelly: str
    snntorch: str
    suite: str
    effect: str
    numbers: dict[str, float]
    neurons: Mapping[str, Spikes] | None = None
    source: str = ""


def current(high: float = 0.5) -> Tensor:
    """The stated input [50, 500, 1], uniform in [0, high)."""
    return high * torch.rand(STEPS, SEQUENCES, 1, generator=torch.Generator().manual_seed(0))


def differing(a: Tensor, b: Tensor) -> dict[str, float]:
    """Shares of the steps, and of the sequences, in which the spikes [T, sequence, 1] of a and b differ."""
    differ = a != b
    return {"steps": float(differ.double().mean()), "sequences": float(differ.any(0).double().mean())}


def words(shares: dict[str, float]) -> str:
    return f"spikes differ in {shares['steps']:.1%} of the steps and {shares['sequences']:.1%} of the sequences"
