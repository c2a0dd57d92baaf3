"""The membrane potential before the first step."""

from __future__ import annotations

import torch
from torch import Tensor

from neurons.variant import Variant


def initial_state(variant: Variant, like: Tensor) -> Tensor:
    """u[-1] in the shape of `like` [B, *]: zeros, or drawn from U(0, 1) at every call; o[-1] is 0 in either case."""
    # full_like, as SpikingJelly makes a state: its operation counters know no zeros_like
    return torch.rand_like(like) if variant.initial_state == "uniform" else torch.full_like(like, 0.0)
