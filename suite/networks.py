"""The networks of Table 4, on any variant and backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from neurons import Learnable, State, Variant, constant_current, make_neuron
from neurons.kernels.events import event_linear
from neurons.kernels.linear import SequenceLinear
from suite.baselines import Baseline, RecurrentNet
from suite.datasets.base import Dataset, Events, Input, Static
from suite.protocols import Protocol
from suite.resnet import ResNet18


class InputLinear(nn.Module):
    """The first layer's weights, for every kind of input -> current [T, B, n_out].

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
            return constant_current(self._dense(x.image.flatten(1)), x.n_steps)
        return self._dense(x.flatten(2))

    def _dense(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight_t.t(), self.bias)


class LeakyIntegrator(nn.Module):
    """A readout that integrates and does not fire: current [T, B, n] -> membrane potential [T, B, n]; one
    learnable leak a neuron.
    """

    def __init__(self, n: int, protocol: Protocol, backend: str, engine: str) -> None:
        super().__init__()
        variant = Variant("leaky integrator", leakage=protocol.readout_leak, reset="none")
        self.neuron = make_neuron(variant, n, backend=backend, engine=engine, threshold=math.inf)

    def forward(self, x: Tensor, *, state: State | None = None, carry: bool = False) -> Any:
        _spikes, *outputs = self.neuron(x, record=True, state=state, carry=carry)
        return tuple(outputs) if carry else outputs[0]


class FCNet(nn.Module):
    """Input - FCLIF - ... - FCLIF or leaky integrators (Table 4). Recurrence is in the hidden layers only.

    Called with a batch's input, returns the output of the last layer [T, B, n_classes] (spikes or potentials) and
    the spikes of the hidden layers, each [T, B, n].
    """

    def __init__(
        self, n_in: int, n_classes: int, protocol: Protocol, variant: Variant, backend: str, engine: str
    ) -> None:
        super().__init__()
        options = {"backend": backend, "engine": engine, **_neuron_options(protocol)}
        sizes = (n_in, *protocol.hidden, n_classes)
        self.linear = nn.ModuleList(
            [
                InputLinear(sizes[0], sizes[1]),
                *(SequenceLinear(a, b) for a, b in pairwise(sizes[1:])),
            ]
        )
        self.hidden = nn.ModuleList(make_neuron(variant, n, **options) for n in protocol.hidden)
        self.readout: nn.Module
        if protocol.readout == "integrator":
            self.readout = LeakyIntegrator(n_classes, protocol, backend, engine)
        else:
            self.readout = make_neuron(without_recurrence(variant), n_classes, **options)

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        return self._layers(x, lambda layer, current: layer(current))

    def advance(self, x: Input, states: list[State] | None) -> tuple[Tensor, list[Tensor], list[State]]:
        """As a call, from the layers' `states` (None: from rest), and the states after x."""
        after: list[State] = []

        def call(layer: nn.Module, current: Tensor) -> Tensor:
            output, state = layer(current, state=states[len(after)] if states else None, carry=True)
            after.append(state)
            return output

        return *self._layers(x, call), after

    def _layers(self, x: Input, call: Callable[[nn.Module, Tensor], Tensor]) -> tuple[Tensor, list[Tensor]]:
        spikes: list[Tensor] = []
        current = self.linear[0](x)
        for neuron, linear in zip(self.hidden, self.linear[1:], strict=True):
            spikes.append(call(neuron, current))
            current = linear(spikes[-1])
        return call(self.readout, current), spikes


def without_recurrence(variant: Variant) -> Variant:
    """The variant as the output layer has it."""
    return replace(variant, recurrent=False) if variant.recurrent else variant


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
    return nn.functional.cross_entropy(logit, y)


def why_not(model: Variant | Baseline, protocol: Protocol) -> str | None:
    """None if the model can be built into the protocol's network, else the reason."""
    if protocol.chunk is not None and (isinstance(model, Baseline) or protocol.network != "fc"):
        return f"chunk={protocol.chunk} is for fully connected spiking networks only"
    if protocol.network != "resnet18":
        return None
    if isinstance(model, Baseline):
        return f"{model.name} replaces fully connected LIF layers, and this network is a ResNet18"
    if model.recurrent:
        return (
            f"variant {model.name!r} is recurrent, and a convolutional ResNet18 has no recurrent connections "
            "(the paper leaves them out too); choose a variant without recurrence"
        )
    if isinstance(model.resolve_leakage(protocol.leakage), Learnable):
        return (
            f"variant {model.name!r} has a learnable leak per neuron, which the convolutional ResNet18 does not support"
        )
    return None


def build(dataset: Dataset, protocol: Protocol, model: Variant | Baseline, backend: str, engine: str) -> nn.Module:
    """The protocol's network for a dataset, with freshly initialised weights. Raises ValueError if the model does
    not fit it.
    """
    reason = why_not(model, protocol)
    if reason is not None:
        raise ValueError(f"{dataset.name}: {reason}")
    n_in = math.prod(dataset.input_shape)
    if isinstance(model, Baseline):
        return RecurrentNet(n_in, protocol.hidden[-1], dataset.n_classes, model)
    if protocol.network == "fc":
        return FCNet(n_in, dataset.n_classes, protocol, model, backend, engine)

    def make() -> nn.Module:
        return make_neuron(model, None, backend=backend, engine=engine, **_neuron_options(protocol))

    return ResNet18(dataset.input_shape[0], protocol.hidden[0], dataset.n_classes, make)


def _neuron_options(protocol: Protocol) -> dict[str, Any]:
    return {
        "leakage": protocol.leakage,
        "threshold": protocol.threshold,
        "surrogate": protocol.surrogate,
        "detach_reset": protocol.detach_reset,
    }
