"""Gradient checkpointing over time: long sequences in the memory of a few steps, for one more forward pass."""

from __future__ import annotations

from torch import Tensor, cat, stack
from torch.utils.checkpoint import checkpoint

from neurons import State
from suite.inputs import Input, n_steps, window
from suite.models.fc import FCNet


def in_chunks(network: FCNet, x: Input, steps: int) -> tuple[Tensor, list[Tensor]]:
    """The network's output [T, B, n_classes] and the spike rate of each hidden layer, [] without gradient.

    Equal to a call up to rounding, and so are the gradients. Of every `steps` time steps only the states at their
    start stay in memory; backward works out the rest again, one chunk at a time.
    """
    T = n_steps(x)
    outputs, rates, states = [], [], None
    for start in range(0, T, steps):
        stop = min(start + steps, T)
        output, spiking, states = checkpoint(
            _chunk, network, window(x, start, stop), states, use_reentrant=False, preserve_rng_state=start == 0
        )
        outputs.append(output)
        rates.append(spiking * (stop - start) / T)
    return cat(outputs), list(stack(rates).sum(0))


def _chunk(network: FCNet, x: Input, states: list[State] | None) -> tuple[Tensor, Tensor, list[State]]:
    output, spikes, states = network.advance(x, states)
    return output, stack([s.detach().mean() for s in spikes]), states
