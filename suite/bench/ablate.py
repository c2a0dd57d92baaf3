"""`lif-roles bench ablate`: training steps of models as the frameworks' tutorials build them, and of their ablation to
the baseline (`neurons.ablate`), which computes the same.

A step is forward, cross-entropy of the mean over time, backward and Adam, on the same random input and weights.
`differing_spikes` is the share of the output's spikes that differ, which rounding may decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import snntorch
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from neurons import ablate
from suite import machine
from suite.bench import timing
from suite.models.own import rest

CLASSES = 10
RATE = 1e-9
"""Adam's learning rate, so small that the neurons fire in the last round as in the first."""


@dataclass(frozen=True)
class Case:
    """`make` gives the model, [T, B, *shape] -> spikes [T, B, CLASSES]."""

    backend: str
    make: Callable[[], nn.Module]
    steps: int
    batch: int
    shape: tuple[int, ...]

    def input(self) -> Tensor:
        """Uniform in [0, 1)."""
        return torch.rand(self.steps, self.batch, *self.shape, generator=torch.Generator().manual_seed(0))


def csnn(channels: int = 32) -> nn.Module:
    """SpikingJelly's tutorial "Convolutional SNN to classify FMNIST", with fewer channels."""
    parts: list[nn.Module] = []
    for n_in in (1, channels):
        parts.append(layer.Conv2d(n_in, channels, kernel_size=3, padding=1, bias=False))
        parts += [layer.BatchNorm2d(channels), _if_node(), layer.MaxPool2d(2, 2)]
    parts += [layer.Flatten(), layer.Linear(channels * 7 * 7, channels * 16, bias=False), _if_node()]
    parts += [layer.Linear(channels * 16, CLASSES, bias=False), _if_node()]
    return _multi_step(nn.Sequential(*parts))


def long_fc() -> nn.Module:
    """Two layers of SpikingJelly's LIFNode, for long sequences."""
    lif = (neuron.LIFNode(tau=2.0, surrogate_function=surrogate.ATan()) for _ in range(2))
    return _multi_step(nn.Sequential(layer.Linear(100, 256), next(lif), layer.Linear(256, CLASSES), next(lif)))


def _if_node() -> nn.Module:
    node: nn.Module = neuron.IFNode(surrogate_function=surrogate.ATan())
    return node


def _multi_step(model: nn.Module) -> nn.Module:
    functional.set_step_mode(model, "m")
    return model


class Loop(nn.Module):
    """snnTorch's tutorial 5, "Training Spiking Neural Networks with snnTorch": 784 - 1000 - 10, a loop over time."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 1000), nn.Linear(1000, CLASSES)
        self.lif1, self.lif2 = snntorch.Leaky(beta=0.95), snntorch.Leaky(beta=0.95)

    def forward(self, x: Tensor) -> Tensor:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes = []
        for x_t in x:
            spk1, mem1 = self.lif1(self.fc1(x_t), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
        return torch.stack(spikes)


@torch.no_grad()
def firing(model: nn.Module) -> nn.Module:
    """With weights so large that all layers fire, as they do once trained."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.mul_(5)
    return model


CASES: Mapping[str, Case] = {
    "SpikingJelly CSNN": Case("spikingjelly", csnn, 4, 64, (1, 28, 28)),
    "SpikingJelly FC": Case("spikingjelly", long_fc, 250, 128, (100,)),
    "snnTorch FC": Case("snntorch", Loop, 25, 128, (784,)),
}


class Step:
    """A model with its optimizer: a call is one training step."""

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor) -> None:
        self.model, self.x, self.y = model, x, y
        self.optimizer = torch.optim.Adam(model.parameters(), RATE)

    def __call__(self) -> None:
        rest(self.model)
        loss = nn.functional.cross_entropy(self.model(self.x).mean(0), self.y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def spikes(self) -> Tensor:
        """The output."""
        rest(self.model)
        output: Tensor = self.model(self.x)
        rest(self.model)
        return output


def run(
    *, device: torch.device, rounds: int = 5, slow_s: float = 10.0, cases: Mapping[str, Case] = CASES
) -> Iterator[pd.DataFrame]:
    """For each case, a row for the model and one for its ablation to the baseline: times of a training step in ms, and
    times the ablation's.
    """
    for name, case in cases.items():
        torch.manual_seed(0)
        model = firing(case.make()).to(device)
        x, y = case.input().to(device), torch.arange(case.batch, device=device) % CLASSES
        steps = {case.backend: Step(model, x, y), "lif-roles, baseline": Step(ablate(model, "baseline"), x, y)}
        spikes, ours = (step.spikes() for step in steps.values())
        measured = timing.interleaved(
            {contender: timing.timed(step, device) for contender, step in steps.items()}, rounds=rounds, slow_s=slow_s
        )
        shared: dict[str, Any] = {"network": name, "T": case.steps, "B": case.batch}
        about = {
            "spike_rate": round(float(spikes.mean()), 3),
            "differing_spikes": round(float((spikes != ours).float().mean()), 5),
            "version": machine.version(case.backend),
            **timing.device_columns(device),
        }
        rows = [shared | {"contender": contender} | measured[contender].columns() | about for contender in steps]
        timing.ratios(rows)
        yield pd.DataFrame(rows)
