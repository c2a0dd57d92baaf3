"""What the tests of `ablate` share: models as the frameworks' tutorials build them; whether two models are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import snntorch
import torch
from snntorch import surrogate as snn_surrogate
from snntorch import utils
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from neurons import ablate

DENSE = torch.rand(7, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
"""An input current [T, B, n], or seven of one step."""

Forward = Callable[[nn.Module, Tensor], Tensor]


def whole(model: nn.Module, x: Tensor) -> Tensor:
    functional.reset_net(model)
    return model(x)


def by_steps(model: nn.Module, x: Tensor) -> Tensor:
    functional.reset_net(model)
    return torch.stack([model(x_t) for x_t in x])


def result(model: nn.Module, x: Tensor, forward: Forward = whole) -> tuple[Tensor, list[Tensor]]:
    """Output, and the gradients of the input and of all weights, in the order of their names without the neurons'."""
    x = x.clone().requires_grad_()
    output = forward(model, x)
    score = (output * torch.linspace(0.5, 1.5, output.numel(), dtype=output.dtype).view_as(output)).sum()
    return output.detach(), list(torch.autograd.grad(score, [x, *model.parameters()], allow_unused=True))


def assert_same(model: nn.Module, x: Tensor, forward: Forward = whole, least: float = 0.01) -> nn.Module:
    """`ablate(model, "baseline")` computes what the model does, in which something happens."""
    ours = ablate(model, "baseline")
    (expected, slopes), (found, own) = result(model, x, forward), result(ours, x, forward)
    assert expected.abs().mean() > least
    if set(expected.unique().tolist()) <= {0.0, 1.0}:
        assert torch.equal(found, expected)
    torch.testing.assert_close(found, expected)
    assert any(slope is not None and bool(slope.any()) for slope in slopes)
    for a, b in zip(slopes, own, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(b, a)
    return ours


CURRENT = DENSE.float()
"""The same in float32, in which snnTorch's surrogates compute."""


def loop(model: nn.Module, x: Tensor) -> Tensor:
    """One neuron in the user's loop over time: spikes and potentials."""
    mem, spikes, potentials = model.reset_mem(), [], []
    for x_t in x:
        spk, mem = model(x_t, mem)
        spikes.append(spk)
        potentials.append(mem)
    return torch.stack([torch.stack(spikes), torch.stack(potentials)])


class CSNN(nn.Module):
    """SpikingJelly's tutorial "Convolutional SNN to classify FMNIST", smaller."""

    def __init__(self, T: int = 4, channels: int = 8, node: type[nn.Module] = neuron.IFNode) -> None:
        super().__init__()
        self.T = T
        self.conv_fc = nn.Sequential(
            layer.Conv2d(1, channels, kernel_size=3, padding=1, bias=False),
            layer.BatchNorm2d(channels),
            node(surrogate_function=surrogate.ATan()),
            layer.MaxPool2d(2, 2),
            layer.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            layer.BatchNorm2d(channels),
            node(surrogate_function=surrogate.ATan()),
            layer.MaxPool2d(2, 2),
            layer.Flatten(),
            layer.Linear(channels * 4 * 4, 32, bias=False),
            node(surrogate_function=surrogate.ATan()),
            layer.Linear(32, 10, bias=False),
            node(surrogate_function=surrogate.ATan()),
        )
        functional.set_step_mode(self, step_mode="m")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_fc(x.unsqueeze(0).repeat(self.T, 1, 1, 1, 1)).mean(0)


def lively(model: nn.Module) -> nn.Module:
    """In float64, with weights so large that the last layer's neurons fire too."""
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.BatchNorm2d):
            with torch.no_grad():
                part.weight.mul_(15)
    return model.double()


class Net(nn.Module):
    """snnTorch's tutorial 5, "Training Spiking Neural Networks", smaller."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.fc1 = nn.Linear(12, 20)
        self.lif1 = snntorch.Leaky(beta=0.95, **options)
        self.fc2 = nn.Linear(20, 4)
        self.lif2 = snntorch.Leaky(beta=0.95, **options)

    def forward(self, x: Tensor) -> Tensor:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spk2_rec, mem2_rec = [], []
        for x_t in x:
            spk1, mem1 = self.lif1(self.fc1(x_t), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)
        return torch.stack([torch.stack(spk2_rec), torch.stack(mem2_rec)])


def sequential() -> nn.Module:
    """Tutorial 6's way: nn.Sequential, init_hidden, the last with output=True."""
    grad = snn_surrogate.fast_sigmoid(slope=25)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.MaxPool2d(2),
        snntorch.Leaky(beta=0.5, spike_grad=grad, init_hidden=True),
        nn.Flatten(),
        nn.Linear(4 * 4 * 4, 10),
        snntorch.Leaky(beta=0.5, spike_grad=grad, init_hidden=True, output=True),
    )


def forward_pass(model: nn.Module, x: Tensor) -> Tensor:
    utils.reset(model)
    return torch.stack([torch.stack(model(x_t)) for x_t in x])
