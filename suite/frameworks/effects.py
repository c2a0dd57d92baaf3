"""What a difference between two neurons does to the accuracy of a small network.

The data are scikit-learn's handwritten digits (1,797 images of 8 x 8, Alpaydin and Kaynak 1998), black and white, seen
row by row, three steps each: T = 24, 8 inputs. 32 of the neurons; a linear readout of their mean spikes in each third
of the time; 20 epochs of Adam at 5e-3. 500 images, the same for all seeds, are the test set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from neurons.threads import at_most
from suite.frameworks.own import Spikes, instances_restored
from suite.frameworks.stated import Difference

HIDDEN, PARTS, CLASSES = 32, 3, 10
STEPS_A_ROW = 3
TEST = 500
EPOCHS, BATCH, RATE = 20, 64, 5e-3
SEEDS = range(5)


@dataclass(frozen=True)
class Effect:
    """Accuracies, a number a seed: of networks trained with the first neuron; the same weights with the second; of
    networks trained with the second.
    """

    own: tuple[float, ...]
    moved: tuple[float, ...]
    other: tuple[float, ...]


def accuracy(difference: Difference, seeds: Sequence[int] = SEEDS, epochs: int = EPOCHS) -> Effect | None:
    """The effect of a difference; None if it has no two neurons."""
    if difference.neurons is None:
        return None
    first, second = difference.neurons.values()
    with instances_restored(), at_most(1):
        networks = [(_trained(first, seed, epochs), _trained(second, seed, epochs)) for seed in seeds]
        return Effect(
            tuple(_tested(own, first) for own, _ in networks),
            tuple(_tested(own, second) for own, _ in networks),
            tuple(_tested(other, second) for _, other in networks),
        )


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x [24, n, 8] and y [n] to train on, and to test on."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    rows = torch.from_numpy((images > 7).astype("float32")).reshape(-1, 8, 8).transpose(0, 1)
    x, y = rows.repeat_interleave(STEPS_A_ROW, 0), torch.from_numpy(labels).long()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    test, train = order[:TEST], order[TEST:]
    return x[:, train], y[train], x[:, test], y[test]


class Network(nn.Module):
    """8 inputs, HIDDEN neurons that a call brings along, a linear readout of their mean spikes in PARTS of the time."""

    def __init__(self) -> None:
        super().__init__()
        self.input, self.readout = nn.Linear(8, HIDDEN), nn.Linear(PARTS * HIDDEN, CLASSES)

    def forward(self, x: Tensor, neurons: Spikes) -> Tensor:
        """Logits [B, 10] of x [T, B, 8]."""
        spikes = neurons(self.input(x))
        logits: Tensor = self.readout(torch.cat([part.mean(0) for part in spikes.chunk(PARTS)], 1))
        return logits


@cache
def _trained(neurons: Spikes, seed: int, epochs: int) -> Network:
    x, y, _, _ = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network()
        optimizer = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(epochs):
            for batch in torch.randperm(len(y)).split(BATCH):
                optimizer.zero_grad()
                functional.cross_entropy(network(x[:, batch], neurons), y[batch]).backward()
                optimizer.step()
    return network


@torch.no_grad()
def _tested(network: Network, neurons: Spikes) -> float:
    _, _, x, y = digits()
    return float((network(x, neurons).argmax(1) == y).double().mean())
