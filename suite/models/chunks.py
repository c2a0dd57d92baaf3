"""Gradient checkpointing over time: long sequences in the memory of a few steps, for one more forward pass."""

from __future__ import annotations

from torch import Tensor, cat
from torch.utils.checkpoint import checkpoint

from neurons import State
from suite.inputs import Input, n_steps, window
from suite.models.fc import FCNet
from suite.models.readout import mean_rate


def in_chunks(network: FCNet, x: Input, steps: int, *, rates: bool) -> tuple[Tensor, list[Tensor]]:
    """The network's output [T, B, n_classes] and of each hidden layer the spikes [T, B, n], or their mean [] if that is
    all that is wanted, without gradient.

    Equal to a call up to rounding, and so are the gradients. Of every `steps` time steps only the states at their
    start stay in memory; backward works out the rest again, one chunk at a time.
    """
    T = n_steps(x)
    outputs, spikes, states = [], [], None
    for start in range(0, T, steps):
        part = window(x, start, min(start + steps, T))
        output, fired, states = checkpoint(
            _chunk, network, part, states, rates, use_reentrant=False, preserve_rng_state=start == 0
        )
        outputs.append(output)
        spikes.append([s * (n_steps(part) / T) for s in fired] if rates else fired)
    by_layer = zip(*spikes, strict=True)
    return cat(outputs), [sum(layer[1:], layer[0]) if rates else cat(layer) for layer in by_layer]


def _chunk(
    network: FCNet, x: Input, states: list[State] | None, rates: bool
) -> tuple[Tensor, list[Tensor], list[State]]:
    output, spikes, states = network.advance(x, states)
    return output, [mean_rate(s) if rates else s.detach() for s in spikes], states
