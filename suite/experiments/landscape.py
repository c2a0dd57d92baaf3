"""The loss around the trained weights (Figure 6), in planes of filter-normalised random directions.

After Li et al. (2018, arXiv 1712.09913): a direction has a Gaussian entry for every weight, and each filter (the
weights into one output neuron) is scaled to the norm of the trained filter. One-dimensional parameters, which are
biases, batch norm and leaks, stay as they are.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from neurons import NonFiniteError
from suite.datasets.base import Limited
from suite.experiments.base import Experiment, Metric, Run
from suite.inputs import Batch, Input
from suite.models.fc import FCNet, InputLinear
from suite.models.forward import forward, precision
from suite.models.readout import loss
from suite.paper import WHERE
from suite.protocols import Protocol
from suite.results.files import make_folder, read_checked, write_checked
from suite.results.record import Value
from suite.training import loss_unit

RADII = (0.25, 0.5, 1.0)
ANGLES = 16
"""Points of a circle, at equal distances, over which the loss rise at a radius is a mean."""


@dataclass(frozen=True)
class Size:
    """grid: points along each side of [-1, 1]^2; pairs of directions; training samples."""

    grid: int = 51
    pairs: int = 5
    samples: int = 2000


SIZES: Mapping[str, Size] = MappingProxyType({"smoke": Size(grid=21, pairs=2, samples=128)})
"""By protocol, whatever is changed in it; any other has the default."""

Directions = dict[str, Tensor]
"""By parameter name, each in the parameter's shape."""


def measure(run: Run) -> Iterator[Value]:
    """The mean rise of loss, and fall of accuracy, on circles of radius 0.25, 0.5 and 1 around the trained weights,
    for every pair of directions; and the grid, one artifact a pair (columns x, y, loss, accuracy).

    The loss is the protocol's, on the same training samples for every model; accuracy has no scale to differ in.
    A pair that an earlier attempt has finished is not computed again.
    """
    size = SIZES.get(run.base_protocol, Size())
    plane = Plane(run.network, run.protocol, samples(run, size.samples))
    unit = loss_unit(run.protocol)
    axis = np.linspace(-1, 1, size.grid)
    points = [(x, y) for y in axis for x in axis] + [(r * c, r * s) for r in RADII for c, s in circle()]
    with run.progress(run.cell, 1, size.pairs * len(points)) as (on_step, _):
        for pair in range(size.pairs):
            before = run.scratch / f"pair{pair}.csv"
            table = kept(before, points)
            if table is None:
                generator = torch.Generator().manual_seed(1_000_003 * run.cell.seed + pair)
                plane.turn(direction(run.network, generator), direction(run.network, generator))
                found = []
                for i, (x, y) in enumerate(points):
                    found.append((x, y, *plane.at(x, y)))
                    on_step(0, pair * len(points) + i + 1)
                table = pd.DataFrame(found, columns=["x", "y", "loss", "accuracy"])
                table["part"] = np.where(np.arange(len(points)) < size.grid**2, "grid", "circle")
                make_folder(run.scratch)
                write_checked(before, table.to_csv(index=False))
            run.save(f"pair{pair}", table)
            yield from rises(table, pair, plane.n, unit)


def samples(run: Run, n: int) -> list[Batch]:
    """The first n training samples in an order that is the same for every model, on the run's device."""
    batches = Limited(run.data.train, n).epoch(min(run.protocol.batch_size, n), shuffle_seed=0)
    return [Batch(batch.x.to(run.device), batch.y.to(run.device)) for batch in batches]


def circle() -> list[tuple[float, float]]:
    """ANGLES points of the unit circle."""
    angles = [2 * math.pi * i / ANGLES for i in range(ANGLES)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def kept(file: Path, points: list[tuple[float, float]]) -> pd.DataFrame | None:
    """What an earlier attempt at this run has of a pair, if it has the same points."""
    text = read_checked(file)
    if text is None:
        return None
    table = pd.read_csv(io.StringIO(text))
    same = len(table) == len(points) and np.allclose(table[["x", "y"]].to_numpy(), np.array(points))
    return table if same else None


def rises(table: pd.DataFrame, pair: int, n: int, unit: str) -> Iterator[Value]:
    """The values of one pair. A loss that is not finite makes the rise infinite, not missing."""
    grid = table[table["part"] == "grid"]
    centre = grid.iloc[len(grid) // 2]
    rings = table[table["part"] == "circle"]
    for radius in RADII:
        ring = rings[np.isclose(np.hypot(rings["x"], rings["y"]), radius)]
        at = {"radius": radius, "pair": pair}
        rise = float((ring["loss"].fillna(math.inf) - centre["loss"]).mean())
        fall = float((centre["accuracy"] - ring["accuracy"]).mean())
        yield Value("loss_rise", rise, unit, at=at, n=n)
        yield Value("accuracy_fall", fall, at=at, n=n)
    if pair == 0:
        yield Value("loss_at_centre", float(centre["loss"]), unit, n=n)


def direction(network: nn.Module, generator: torch.Generator) -> Directions:
    """A filter-normalised random direction in the space of the network's weights."""
    found = {}
    for name, weight in network.named_parameters():
        if weight.ndim < 2:
            continue
        gaussian = torch.randn(weight.shape, generator=generator).to(weight)
        found[name] = gaussian * (norms(name, weight) / norms(name, gaussian))
    return found


def norms(name: str, weight: Tensor) -> Tensor:
    """The norm of every filter of a weight, in a shape that broadcasts with it. Outputs come first in PyTorch's
    weights [n_out, n_in, ...], and last in InputLinear's weight_t [n_in, n_out].
    """
    out = 1 if name.endswith("weight_t") else 0
    others = [axis for axis in range(weight.ndim) if axis != out]
    return torch.linalg.vector_norm(weight.detach(), dim=others, keepdim=True)


class Plane:
    """The loss in the plane theta + x d1 + y d2 around the trained weights theta, on fixed samples."""

    def __init__(self, network: nn.Module, protocol: Protocol, batches: list[Batch]) -> None:
        self.protocol = protocol
        self.batches = batches
        self.n = sum(len(batch.y) for batch in batches)
        self._network = copy.deepcopy(network).eval().requires_grad_(False)
        self._first: InputLinear | None = None
        if isinstance(self._network, FCNet):
            # The first layer's current is linear in its weights, so that three passes through it do for all points.
            first = self._network.linear[0]
            assert isinstance(first, InputLinear)
            self._first, self._network.linear[0] = first, nn.Identity()
        self._trained = {name: value.clone() for name, value in self._network.named_parameters()}

    @torch.no_grad()
    def turn(self, d1: Directions, d2: Directions) -> None:
        """Take another pair of directions."""
        self._d1, self._d2 = d1, d2
        self._inputs: list[tuple[Input, ...]] = [(batch.x,) for batch in self.batches]
        if self._first is None:
            return
        with precision(self.protocol, self.batches[0].x):
            along = copy.deepcopy(self._first)
            along.bias.zero_()
            self._inputs = [(self._first(batch.x),) for batch in self.batches]
            for each in (d1, d2):
                along.weight_t.copy_(each["linear.0.weight_t"])
                pairs = zip(self._inputs, self.batches, strict=True)
                self._inputs = [(*currents, along(batch.x)) for currents, batch in pairs]

    @torch.no_grad()
    def at(self, x: float, y: float) -> tuple[float, float]:
        """Loss and accuracy at theta + x d1 + y d2; an infinite loss and no right answer where it overflows."""
        for name, parameter in self._network.named_parameters():
            if name in self._d1:
                parameter.copy_(self._trained[name] + x * self._d1[name] + y * self._d2[name])
        total = correct = 0.0
        for (given, *along), batch in zip(self._inputs, self.batches, strict=True):
            try:
                moved: Any = given + x * along[0] + y * along[1] if along else given  # type: ignore[operator]
                logit = forward(self._network, moved, self.protocol, rates=True).logits
            except NonFiniteError:
                return math.inf, 0.0
            total += float(loss(logit, batch.y, self.protocol)) * len(batch.y)
            correct += float((logit.argmax(1) == batch.y).sum())
        return total / self.n, correct / self.n


EXPERIMENT = Experiment(
    "landscape",
    "How the loss rises around the trained weights",
    measure,
    (
        Metric("loss_rise", None, higher_is_better=False, axes=("radius", "pair")),
        Metric("accuracy_fall", "fraction", higher_is_better=False, axes=("radius", "pair")),
        Metric("loss_at_centre", None),
    ),
    paper="Figure 6",
    datasets=WHERE["Figure 6"],
    variants=("baseline", "without_leakage+with_recurrence", "lstm"),
    draw="suite.report.figures.landscape:draw",
)
