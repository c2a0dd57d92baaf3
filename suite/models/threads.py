"""On how many threads a network may run, so that its bits do not depend on their number."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from neurons.threads import at_most
from suite.models.fc import FCNet


def steady(network: nn.Module, device: torch.device) -> AbstractContextManager[None]:
    """Within it, training and evaluation give the same bits whatever `torch.get_num_threads()` is.

    The fully connected networks do so by themselves. The gradient of PyTorch's convolutions and its recurrent layers
    do not: on the CPU they run on one thread.
    """
    return nullcontext() if isinstance(network, FCNet) or device.type != "cpu" else at_most(1)
