from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from experiment_cases import Fixed, Untouchable, only, run_of
from torch import nn

from neurons import VARIANTS
from suite.experiments import landscape
from suite.experiments.landscape import EXPERIMENT, Plane, Size, direction, norms, rises, samples
from suite.inputs import Batch
from suite.models.fc import FCNet
from suite.models.readout import logits, loss
from suite.models.rnn import RecurrentNet
from suite.registry import get_protocol
from suite.variants import BASELINES

SMOKE = get_protocol("smoke", "xor")


def fc(variant: str = "with_recurrence", backend: str = "spikingjelly", engine: str = "fused") -> FCNet:
    torch.manual_seed(1)
    network = FCNet(5, 2, SMOKE, VARIANTS[variant], backend, engine)
    with torch.no_grad():
        network.linear[0].weight_t.mul_(4)
    return network


def data(n: int = 12) -> Fixed:
    generator = torch.Generator().manual_seed(0)
    return Fixed((torch.rand(11, n, 5, generator=generator) < 0.4).float(), torch.arange(n) % 2)


def test_norms_by_hand() -> None:
    """Filters are an output's weights: rows (3, 4) and (0, 5) of a Linear, columns of the same as weight_t."""
    weight = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
    assert norms("linear.1.weight", weight).tolist() == [[5], [5]]
    assert norms("linear.0.weight_t", weight).tolist() == [[3, pytest.approx(math.sqrt(41))]]
    assert norms("conv.weight", torch.full((2, 3, 2, 2), 0.5)).flatten().tolist() == pytest.approx([3**0.5] * 2)


@pytest.mark.parametrize("network", [fc(), RecurrentNet(5, 3, 2, BASELINES["lstm"])])
def test_every_filter_keeps_its_norm_and_only_weights_move(network: nn.Module) -> None:
    found = direction(network, torch.Generator().manual_seed(0))
    parameters = dict(network.named_parameters())
    assert set(found) == {name for name, value in parameters.items() if value.ndim >= 2}
    assert any(value.ndim < 2 for value in parameters.values())
    for name, d in found.items():
        assert torch.allclose(norms(name, d), norms(name, parameters[name]), rtol=1e-5)
        assert not torch.allclose(d, parameters[name])
    again = direction(network, torch.Generator().manual_seed(0))
    assert all(torch.equal(again[name], d) for name, d in found.items())


def test_a_filter_of_zeros_stays_zero() -> None:
    network = nn.Linear(2, 2)
    network.weight.data[0] = 0
    assert direction(network, torch.Generator().manual_seed(0))["weight"][0].tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["fc", "gru"])
def test_a_point_is_the_loss_with_the_weights_moved(kind: str) -> None:
    """The short way through the first layer gives what moving all weights of the network gives."""
    network = fc() if kind == "fc" else RecurrentNet(5, 4, 2, BASELINES["gru"])
    network.double()
    split = data()
    split.x = split.x.double()
    batches = [*split.epoch(5)]
    d1, d2 = (direction(network, torch.Generator().manual_seed(i)) for i in (1, 2))
    plane = Plane(network, SMOKE, batches)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    losses = set()
    for x, y in ((0.5, -0.25), (0.0, 0.0), (-1.0, 1.0)):  # in this order: a point leaves nothing behind
        plane.turn(d1, d2)
        moved = copy.deepcopy(network)
        with torch.no_grad():
            for name, parameter in moved.named_parameters():
                if name in d1:
                    parameter += x * d1[name] + y * d2[name]
            logit = torch.cat([logits(moved(batch.x)[0], SMOKE) for batch in batches])
            expected = float(loss(logit, split.y, SMOKE))
        found, accuracy = plane.at(x, y)
        assert found == pytest.approx(expected, rel=1e-9)
        assert accuracy == pytest.approx(float((logit.argmax(1) == split.y).double().mean()))
        losses.add(round(found, 6))
    assert len(losses) == 3
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def table_of(loss_at) -> pd.DataFrame:
    axis = np.linspace(-1, 1, 3)
    points = [(x, y, "grid") for y in axis for x in axis]
    points += [(r * c, r * s, "circle") for r in landscape.RADII for c, s in landscape.circle()]
    return pd.DataFrame([(x, y, loss_at(x, y), 1 - 0.5 * math.hypot(x, y), part) for x, y, part in points],
                        columns=["x", "y", "loss", "accuracy", "part"])  # fmt: skip


def test_rises_by_hand() -> None:
    """A bowl 3 + x^2 + y^2 rises by r^2, and the accuracy 1 - r/2 falls by r/2, at every radius."""
    rows = list(rises(table_of(lambda x, y: 3 + x * x + y * y), 0, 10, "nats"))
    for radius in (0.25, 0.5, 1.0):
        assert only(rows, "loss_rise", f"radius={radius:g}, pair=0").value == pytest.approx(radius**2)
        assert only(rows, "accuracy_fall", f"radius={radius:g}, pair=0").value == pytest.approx(radius / 2)
    assert only(rows, "loss_at_centre").value == 3
    rows = list(rises(table_of(lambda x, y: math.nan if x > 0.9 else y * 0 + 1), 0, 10, "nats"))
    assert only(rows, "loss_rise", "radius=1, pair=0").value == math.inf
    assert only(rows, "loss_rise", "radius=0.5, pair=0").value == 0


def test_samples_are_the_same_for_every_model_and_of_the_training_split(tmp_path: Path) -> None:
    train = data(12)
    made = run_of(fc(), Untouchable(train.x, train.y), tmp_path, train=train)
    first, second = (torch.cat([batch.x for batch in samples(made, 8)], 1) for _ in range(2))
    assert first.shape[1] == 8
    assert torch.equal(first, second)
    assert not torch.equal(first, train.x[:, :8])  # stored order may be by class


def test_a_run_resumes_from_the_pairs_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landscape, "SIZES", {"smoke": Size(grid=3, pairs=2, samples=12)})
    train = data(12)
    made = run_of(fc(), Untouchable(train.x, train.y), tmp_path, train=train, experiment="landscape")
    rows = EXPERIMENT.values(made)
    assert [row.metric for row in rows].count("loss_rise") == 2 * 3
    tables = [made.tables["pair0"], made.tables["pair1"]]
    assert [len(table) for table in tables] == [9 + 48] * 2
    assert not tables[0]["loss"].equals(tables[1]["loss"])
    centre = tables[0].iloc[4]
    batches = [Batch(train.x, train.y)]
    plane = Plane(made.network, SMOKE, batches)
    plane.turn(*[direction(made.network, torch.Generator().manual_seed(0)) for _ in range(2)])
    assert (centre["x"], centre["y"], centre["loss"]) == (0, 0, pytest.approx(plane.at(0, 0)[0], rel=1e-5))

    calls: list[float] = []
    at = Plane.at
    monkeypatch.setattr(Plane, "at", lambda self, x, y: (calls.append(x), at(self, x, y))[1])
    (made.scratch / "pair1.csv").unlink()
    assert EXPERIMENT.values(made) == rows
    assert len(calls) == 9 + 48
    calls.clear()
    kept = made.scratch / "pair0.csv"
    kept.write_bytes(kept.read_bytes().replace(b"0.", b"1.", 1))
    assert EXPERIMENT.values(made) == rows
    assert len(calls) == 9 + 48
    calls.clear()
    (made.scratch / "pair1.csv").write_bytes(kept.read_bytes())  # of another pair
    assert EXPERIMENT.values(made) == rows
    assert len(calls) == 9 + 48
    assert EXPERIMENT.values(run_of(fc(), data(), tmp_path, best=0))[0].value is None


def test_an_overflow_is_an_infinite_loss() -> None:
    network = fc("without_reset")
    plane = Plane(network, SMOKE, [*data().epoch(12)])
    huge = {name: torch.full_like(p, 1e38) for name, p in network.named_parameters() if p.ndim >= 2}
    plane.turn(huge, huge)
    assert plane.at(1.0, 1.0) == (math.inf, 0.0)
