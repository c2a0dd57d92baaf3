"""The networks of Table 4: fully connected LIF nets on any variant and backend."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor, nn

from neurons import Variant, make_neuron
from suite.datasets.base import Dataset, Events, Input, Static
from suite.protocols import Protocol

_NEVER = 1e30
"""A threshold that no potential reaches: the leaky integrator is a neuron that does not fire."""


class InputLinear(nn.Module):
    """The first layer's weights, for every kind of input -> current [T, B, n_out].

    `weight_t` is [n_in, n_out], the transpose of nn.Linear's, because events pick rows of it: no dense input is made for them. A static
    image is multiplied once, not T times.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        linear = nn.Linear(n_in, n_out)
        self.weight_t = nn.Parameter(linear.weight.detach().t().contiguous())
        self.bias = nn.Parameter(linear.bias.detach().clone())

    def forward(self, x: Input) -> Tensor:
        if isinstance(x, Events):
            T, B, _ = x.shape
            rows = nn.functional.embedding_bag(
                x.unit, self.weight_t, x.offset, mode="sum", per_sample_weights=x.weight, include_last_offset=True
            )
            return (rows + self.bias).view(T, B, -1)
        if isinstance(x, Static):
            once = x.image.flatten(1) @ self.weight_t + self.bias
            return once.expand(x.n_steps, *once.shape)
        return x.flatten(2) @ self.weight_t + self.bias


class LeakyIntegrator(nn.Module):
    """A readout that integrates and does not fire: current [T, B, n] -> membrane potential [T, B, n]; one learnable leak a neuron."""

    def __init__(self, n: int, protocol: Protocol, backend: str, engine: str) -> None:
        super().__init__()
        variant = Variant("leaky integrator", leakage=protocol.readout_leak, reset="none")
        self.neuron = make_neuron(variant, n, backend=backend, engine=engine, threshold=_NEVER)

    def forward(self, x: Tensor) -> Tensor:
        potential: Tensor = self.neuron(x, record=True)[1]
        return potential


class FCNet(nn.Module):
    """Input - FCLIF - ... - FCLIF or leaky integrators (Table 4). Recurrence is in the hidden layers only.

    Called with a batch's input, returns the output of the last layer [T, B, n_classes] (spikes or potentials) and the spikes of the
    hidden layers, each [T, B, n].
    """

    def __init__(self, n_in: int, n_classes: int, protocol: Protocol, variant: Variant, backend: str, engine: str) -> None:
        super().__init__()
        options = {
            "backend": backend,
            "engine": engine,
            "leakage": protocol.leakage,
            "threshold": protocol.threshold,
            "surrogate": protocol.surrogate,
            "detach_reset": protocol.detach_reset,
        }
        sizes = (n_in, *protocol.hidden, n_classes)
        self.linear = nn.ModuleList(
            [InputLinear(sizes[0], sizes[1]), *(nn.Linear(a, b) for a, b in zip(sizes[1:], sizes[2:], strict=False))]
        )
        self.hidden = nn.ModuleList(make_neuron(variant, n, **options) for n in protocol.hidden)
        self.readout: nn.Module
        if protocol.readout == "integrator":
            self.readout = LeakyIntegrator(n_classes, protocol, backend, engine)
        else:
            self.readout = make_neuron(without_recurrence(variant), n_classes, **options)

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        spikes: list[Tensor] = []
        signal: Input = x
        for linear, neuron in zip(self.linear, self.hidden, strict=False):
            signal = neuron(linear(signal))
            spikes.append(signal)
        return self.readout(self.linear[-1](signal)), spikes


def without_recurrence(variant: Variant) -> Variant:
    """The variant as the output layer has it."""
    return replace(variant, recurrent=False) if variant.recurrent else variant


def logits(output: Tensor, protocol: Protocol) -> Tensor:
    """Output of the last layer [T, B, C] -> logits [B, C]: the mean over time, or over the last steps if the protocol says so."""
    steps = output if protocol.last_steps is None else output[-protocol.last_steps :]
    return steps.mean(0)


def loss(logit: Tensor, y: Tensor, protocol: Protocol) -> Tensor:
    """The protocol's loss of logits [B, C] for labels [B]."""
    if protocol.loss == "mse":
        return nn.functional.mse_loss(logit, nn.functional.one_hot(y, logit.shape[-1]).to(logit.dtype))
    return nn.functional.cross_entropy(logit, y)


def build(dataset: Dataset, protocol: Protocol, variant: Variant, backend: str, engine: str) -> nn.Module:
    """The protocol's network for a dataset, with freshly initialised weights."""
    return FCNet(math.prod(dataset.input_shape), dataset.n_classes, protocol, variant, backend, engine)
