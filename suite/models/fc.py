"""The fully connected networks of Table 4, on any variant and backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from neurons import State, Variant, make_neuron
from neurons.linear import SequenceLinear, event_linear, linear
from neurons.recurrent import Recurrent
from neurons.sequence import Sequence
from suite.inputs import Events, Input, Static
from suite.protocols import Protocol


class InputLinear(nn.Module):
    """The first layer's weights, for every kind of input -> current [T, B, n_out], or [B, n_out] of a static image.

    `weight_t` is [n_in, n_out], the transpose of nn.Linear's, because events pick rows of it: no dense input is
    made for them. A static image is multiplied once, not T times.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        linear = nn.Linear(n_in, n_out)
        self.weight_t = nn.Parameter(linear.weight.detach().t().contiguous())
        self.bias = nn.Parameter(linear.bias.detach().clone())

    def forward(self, x: Input) -> Tensor:
        if isinstance(x, Events):
            T, B, _ = x.shape
            return event_linear(x.unit, x.offset, x.weight, self.weight_t, self.bias).view(T, B, -1)
        if isinstance(x, Static):
            return self._dense(x.image.flatten(1))
        return self._dense(x.flatten(2))

    def _dense(self, x: Tensor) -> Tensor:
        return linear(x, self.weight_t.t(), self.bias)


class LeakyIntegrator(nn.Module):
    """A readout that integrates and does not fire: current [T, B, n] -> membrane potential [T, B, n]; one
    learnable leak a neuron.
    """

    def __init__(self, n: int, protocol: Protocol, backend: str, engine: str) -> None:
        super().__init__()
        variant = Variant("leaky integrator", leakage=protocol.readout_leak, reset="none")
        self.neuron = make_neuron(variant, n, backend=backend, engine=engine, threshold=math.inf)

    def forward(self, x: Tensor, *, steps: int | None = None) -> Tensor:
        return self.advance(x, None, steps)[0]

    def advance(self, x: Tensor, state: State | None, steps: int | None) -> tuple[Tensor, State]:
        """The potentials and the state after x, from `state` (None: from rest)."""
        _spikes, potential, state = self.neuron.simulate(x, state=state, steps=steps)
        assert potential is not None
        return potential, state


class FCNet(nn.Module):
    """Input - FCLIF - ... - FCLIF or leaky integrators (Table 4). Recurrence is in the hidden layers only.

    Called with a batch's input, returns the output of the last layer [T, B, n_classes] (spikes or potentials) and
    the spikes of the hidden layers, each [T, B, n].
    """

    def __init__(
        self, n_in: int, n_classes: int, protocol: Protocol, variant: Variant, backend: str, engine: str
    ) -> None:
        super().__init__()
        options = {"backend": backend, "engine": engine, **neuron_options(protocol)}
        sizes = (n_in, *protocol.hidden, n_classes)
        self.linear = nn.ModuleList(
            [
                InputLinear(sizes[0], sizes[1]),
                *(SequenceLinear(a, b) for a, b in pairwise(sizes[1:])),
            ]
        )
        self.hidden = nn.ModuleList(make_neuron(variant, n, **options) for n in protocol.hidden)
        scale_recurrent(self.hidden, protocol)
        self.readout: nn.Module
        if protocol.readout == "integrator":
            self.readout = LeakyIntegrator(n_classes, protocol, backend, engine)
        else:
            self.readout = make_neuron(without_recurrence(variant), n_classes, **options)

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        return self._layers(x, lambda layer, current, steps: layer(current, steps=steps))

    def advance(self, x: Input, states: list[State] | None) -> tuple[Tensor, list[Tensor], list[State]]:
        """As a call, from the layers' `states` (None: from rest), and the states after x."""
        after: list[State] = []

        def call(layer: nn.Module, current: Tensor, steps: int | None) -> Tensor:
            before = states[len(after)] if states else None
            if isinstance(layer, LeakyIntegrator):
                output, state = layer.advance(current, before, steps)
            else:
                neuron = cast(Sequence, layer)
                output, _potential, state = neuron.simulate(current, state=before, steps=steps, record=False)
            after.append(state)
            return output

        return *self._layers(x, call), after

    def _layers(self, x: Input, call: Callable[[nn.Module, Tensor, int | None], Tensor]) -> tuple[Tensor, list[Tensor]]:
        spikes: list[Tensor] = []
        current = self.linear[0](x)
        steps = x.n_steps if isinstance(x, Static) else None
        for neuron, following in zip(self.hidden, self.linear[1:], strict=True):
            spikes.append(call(neuron, current, steps))
            current, steps = following(spikes[-1]), None
        return call(self.readout, current, steps), spikes


@torch.no_grad()
def scale_recurrent(network: nn.Module, protocol: Protocol) -> None:
    """Multiply the weights V of a network that was just made by the protocol's factor."""
    for module in network.modules():
        if isinstance(module, Recurrent) and protocol.recurrent_scale != 1:
            module.weight.mul_(protocol.recurrent_scale)


def without_recurrence(variant: Variant) -> Variant:
    """The variant as the output layer has it."""
    return replace(variant, recurrent=False) if variant.recurrent else variant


def neuron_options(protocol: Protocol) -> dict[str, Any]:
    return {
        "leakage": protocol.leakage,
        "threshold": protocol.threshold,
        "surrogate": protocol.surrogate,
        "detach_reset": protocol.detach_reset,
    }
