"""The one forward pass, of training, evaluation and every experiment: precision and chunks as the protocol says."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from suite.inputs import Input, Static
from suite.models.chunks import in_chunks
from suite.models.fc import FCNet
from suite.models.readout import logits
from suite.models.threads import steady
from suite.protocols import Protocol


class Pass(NamedTuple):
    """logits [B, C]; output of the last layer [T, B, C]; spikes of each hidden layer, [T, B, *], or their rate []."""

    logits: Tensor
    output: Tensor
    spikes: list[Tensor]


def forward(network: nn.Module, x: Input, protocol: Protocol, *, rates: bool = False) -> Pass:
    """The network's outputs for a batch's input, on its device. rates: of the spikes only the mean is needed, so that a
    pass in chunks need not keep them.
    """
    with precision(protocol, x), steady(network):
        if protocol.chunk is None:
            output, spikes = network(x)
        else:
            output, spikes = in_chunks(cast(FCNet, network), x, protocol.chunk, rates=rates)  # as `build` has checked
    if protocol.precision == "bfloat16":
        output = output.float()
    return Pass(logits(output, protocol), output, spikes)


def precision(protocol: Protocol, x: Input) -> AbstractContextManager[object]:
    """Within it, matrix products on x's device are computed as the protocol says."""
    tensor = x if isinstance(x, Tensor) else x.image if isinstance(x, Static) else x.unit
    return torch.autocast(tensor.device.type, torch.bfloat16, enabled=protocol.precision == "bfloat16")
