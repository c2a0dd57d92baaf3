"""On how many threads a network may run, so that its bits do not depend on their number."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from neurons.threads import at_most
from suite.models.fc import FCNet


def steady(network: nn.Module) -> AbstractContextManager[None]:
    """Within it, forward and backward passes give the same bits whatever `torch.get_num_threads()` is.

    The fully connected networks do so by themselves. The gradient of PyTorch's convolutions and its recurrent layers
    do not: they run on one thread of the CPU.
    """
    return nullcontext() if isinstance(network, FCNet) else at_most(1)
