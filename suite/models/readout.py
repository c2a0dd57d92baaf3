"""From the last layer's output to logits and loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.protocols import Protocol


def logits(output: Tensor, protocol: Protocol) -> Tensor:
    """Output of the last layer [T, B, C] -> logits [B, C]: the mean over time, or over the last steps if the
    protocol says so.
    """
    steps = output if protocol.last_steps is None else output[-protocol.last_steps :]
    return steps.sum(0) / len(steps)  # as mean(0), whose gradient is written out for every step


def loss(logit: Tensor, y: Tensor, protocol: Protocol) -> Tensor:
    """The protocol's loss of logits [B, C] for labels [B]."""
    if protocol.loss == "mse":
        return nn.functional.mse_loss(logit, nn.functional.one_hot(y, logit.shape[-1]).to(logit.dtype))
    return nn.functional.cross_entropy(logit, y, label_smoothing=protocol.label_smoothing or 0.0)


def mean_rate(spikes: Tensor) -> Tensor:
    """Spikes per neuron and step [], of spikes of any shape and precision (or of their rate []), without gradient.

    A sum of ones is exact in float32 up to 2^24 of them, in whatever order; in 16 bits it is not.
    """
    return spikes.detach().mean(dtype=torch.promote_types(spikes.dtype, torch.float32))
