"""On how many threads a network may run, so that its bits do not depend on their number."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from neurons.threads import one_thread
from suite.models.resnet import ResNet18
from suite.models.rnn import RecurrentNet


def steady(network: nn.Module) -> AbstractContextManager[None]:
    """Within it, forward and backward passes give the same bits whatever `torch.get_num_threads()` is.

    The fully connected networks do so by themselves. The gradient of PyTorch's convolutions and its recurrent layers
    do not: on the CPU they run on one thread (elsewhere that number does not matter).
    """
    return one_thread() if isinstance(network, ResNet18 | RecurrentNet) else nullcontext()
