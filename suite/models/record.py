"""What every layer of neurons in a network is given and makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from neurons import Output, State
from neurons.dtypes import state_dtype
from neurons.sequence import Sequence


class Layer(NamedTuple):
    """One call of a layer: the input current x [T, B, *] (or [B, *], the same at each of `steps` steps), the state that
    it began with, its output.
    """

    x: Tensor
    steps: int | None
    state: State
    output: Output


def layers(network: nn.Module) -> dict[str, Sequence]:
    """The layers of neurons by name, in the network's order."""
    return {name: module for name, module in network.named_modules() if isinstance(module, Sequence)}


@contextmanager
def recorded(network: nn.Module) -> Iterator[dict[str, Layer]]:
    """Within it, the last call of every layer of neurons is kept by the layer's name, with its potentials."""
    calls: dict[str, Layer] = {}
    named = layers(network)
    for name, layer in named.items():
        layer.__dict__["simulate"] = partial(_simulate, name, layer, calls)  # before the class's own
    try:
        yield calls
    finally:
        for layer in named.values():
            del layer.__dict__["simulate"]


def _simulate(
    name: str,
    layer: Sequence,
    calls: dict[str, Layer],
    x: Tensor,
    *,
    steps: int | None = None,
    state: State | None = None,
    record: bool = True,
) -> Output:
    if state is None:
        state = layer.rest((x if steps is not None else x[0]).to(state_dtype(x.dtype)))
    output = type(layer).simulate(layer, x, steps=steps, state=state)
    calls[name] = Layer(x, steps, state, output)
    return output if record else output._replace(potential=None)


def first_differences(a: Tensor, b: Tensor, recurrent: bool) -> tuple[Tensor, Tensor]:
    """Where spikes [T, B, *] first differ, and the steps up to and with that, both as masks [T, B, *].

    Of each neuron; in a recurrent layer of each sample, as from there on one neuron's difference is every neuron's.
    """
    differ = a != b
    parted = differ.flatten(2).any(2).view(*differ.shape[:2], *(1,) * (differ.ndim - 2)) if recurrent else differ
    count = parted.cumsum(0)
    first = parted & (count == 1)
    return differ & first, ((count == 0) | first).expand_as(differ)
