"""A user's own networks, for the tests: as one writes them for --network."""

from __future__ import annotations

import math
from typing import Any

import snntorch
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from suite.datasets.base import Data

SHAPE, CLASSES, T = (1, 8, 8), 3, 5


def data(shape: tuple[int, ...] = SHAPE) -> Data:
    nothing: Any = None
    return Data("made", "generated", "0", CLASSES, shape, T, nothing, nothing, nothing)


def cnn(data: Data) -> nn.Module:
    made = nn.Sequential(
        layer.Conv2d(data.input_shape[0], 4, 3, bias=False),
        neuron.LIFNode(),
        layer.Flatten(),
        layer.Linear(4 * math.prod(n - 2 for n in data.input_shape[1:]), 6),
        neuron.ParametricLIFNode(surrogate_function=surrogate.ATan()),
        layer.Linear(6, data.n_classes),
        neuron.IFNode(),
    )
    functional.set_step_mode(made, "m")
    return made


def dense(data: Data) -> nn.Module:
    made = nn.Sequential(layer.Flatten(), layer.Linear(math.prod(data.input_shape), 6), neuron.LIFNode())
    made.append(layer.Linear(6, data.n_classes))
    functional.set_step_mode(made, "m")
    return made


class Loop(nn.Module):
    """snnTorch's way: a loop over time; the output is the last neurons' potential."""

    def __init__(self, n_in: int, n_classes: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(n_in, 6), nn.Linear(6, n_classes)
        self.lif2, self.lif1 = snntorch.Leaky(0.9), snntorch.Leaky(0.8, init_hidden=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem, output = self.lif2.init_leaky(), []
        for x_t in x.flatten(2):
            _, mem = self.lif2(self.fc2(self.lif1(self.fc1(x_t))), mem)
            output.append(mem)
        return torch.stack(output)


def loop(data: Data) -> nn.Module:
    return Loop(math.prod(data.input_shape), data.n_classes)


def named(function: Any) -> str:
    """As --network has it."""
    return f"{function.__module__}:{function.__name__}"


def one_layer(data: Data) -> nn.Module:
    net = nn.Sequential(layer.Flatten(), layer.Linear(64, data.n_classes), neuron.LIFNode())
    functional.set_step_mode(net, "m")
    return net


def flat(data: Data) -> nn.Module:
    net = nn.Sequential(layer.Linear(20, 12), neuron.LIFNode(), layer.Linear(12, data.n_classes))
    functional.set_step_mode(net, "m")
    with torch.no_grad():
        net[0].weight.mul_(4)
    return net


def flat_loop(data: Data) -> nn.Module:
    return Loop(20, data.n_classes)


def wider(data: Data) -> nn.Module:
    return flat(data).append(nn.Linear(data.n_classes, data.n_classes))


class Other(Loop):
    """With another forward."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def other_loop(data: Data) -> nn.Module:
    return Other(20, data.n_classes)


CHANGE: dict[str, Any] = {}


def flat_changed(data: Data) -> nn.Module:
    net = flat(data)
    for name, value in CHANGE.items():
        setattr(net[1], name, value)
    return net


def half_fused(data: Data) -> nn.Module:
    """No kernel knows the first neurons' surrogate."""
    net = flat(data)
    net[1].surrogate_function = surrogate.Erf()
    return net.append(neuron.IFNode(step_mode="m"))
