from __future__ import annotations

from pathlib import Path

import pytest
import torch
from experiment_cases import Fixed, Table, only, run_of
from torch import nn

from neurons import VARIANTS, Variant
from suite.experiments.spike_rate import EXPERIMENT, add_operations, count_recurrent, counted, histogram
from suite.inputs import Events, Static
from suite.models.fc import FCNet, InputLinear
from suite.registry import get_protocol
from suite.variants import BASELINES


def test_rates_by_hand(tmp_path: Path) -> None:
    """Three neurons, T = 2, two samples: 3 spikes of 4, 1 of 4, none. Batches of one must not change a thing."""
    x = torch.tensor([[[1.0, 1, 0], [1, 0, 0]], [[0, 0, 0], [1, 0, 0]]])
    test = Fixed(x, torch.tensor([0, 1]))
    run = run_of(Table(lambda x: x[..., :2]), test, tmp_path)
    rows = EXPERIMENT.values(run)
    assert test.reads == 1
    assert only(rows, "spike_rate").value == pytest.approx((0.75 + 0.25 + 0) / 3)
    assert only(rows, "spike_rate", "layer=1").n == 2
    assert only(rows, "dead_fraction").value == pytest.approx(1 / 3)
    bins = run.tables["histogram"]
    assert len(bins) == 50
    filled = bins[bins["neurons"] > 0]
    assert filled.to_numpy().tolist() == [[1, 0, 0.02, 1], [1, 0.24, 0.26, 1], [1, 0.74, 0.76, 1]]


def test_bins_have_their_left_edge_and_the_last_one_both() -> None:
    found = histogram(torch.tensor([1.0, 0.98, 0.58, 0.02, 0.0199], dtype=torch.float64))
    assert {i: n for i, n in enumerate(found) if n} == {0: 1, 1: 1, 29: 1, 49: 2}


def operations_of(layer: nn.Module, x: torch.Tensor | Events | Static) -> dict[str, float]:
    operations = {"effective_acs": 0.0, "effective_macs": 0.0, "dense_operations": 0.0}
    add_operations(layer, x, operations)
    return operations


def linear_with_a_zero() -> nn.Linear:
    layer = nn.Linear(2, 3)
    layer.weight.data = torch.tensor([[1.0, 2.0], [0.0, -1.0], [0.5, 0.5]])  # input 0 meets 2 weights, input 1 meets 3
    return layer


def test_operations_by_hand() -> None:
    layer = linear_with_a_zero()
    spikes = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])  # T = 2, B = 1: 2 + 2 + 3
    assert operations_of(layer, spikes) == {"effective_acs": 7, "effective_macs": 0, "dense_operations": 12}
    assert operations_of(layer, 0.5 * spikes) == {"effective_acs": 0, "effective_macs": 7, "dense_operations": 12}


def test_every_kind_of_input_costs_the_same() -> None:
    layer = InputLinear(2, 3)
    layer.weight_t.data = linear_with_a_zero().weight.data.t().contiguous()
    spikes = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    events = Events(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 3]), None, (2, 1, 2))
    assert torch.equal(events.dense(), spikes)
    assert operations_of(layer, events) == operations_of(layer, spikes)
    weighted = Events(events.unit, events.offset, torch.tensor([1.0, 2.0, 1.0]), events.shape)
    assert operations_of(layer, weighted)["effective_macs"] == 7
    image = Static(torch.tensor([[0.3, 0.0]]), n_steps=5)  # 2 at every step
    assert operations_of(layer, image) == {"effective_acs": 0, "effective_macs": 10, "dense_operations": 30}


@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("backend", ["spikingjelly", "snntorch"])
def test_recurrent_weights_meet_the_spikes_of_the_step_before(backend: str, engine: str) -> None:
    protocol = get_protocol("smoke", "xor")
    network = FCNet(4, 2, protocol, VARIANTS["with_recurrence"], backend, engine)
    torch.manual_seed(0)
    x = (torch.rand(6, 3, 4) < 0.9).float()
    with torch.no_grad(), counted(network) as operations:
        network.linear[0].weight_t.abs_().mul_(4)  # so that they fire
        _, (spikes,) = network(x)
        feedforward = dict(operations)
        count_recurrent(network, [spikes], operations)
    n = spikes.shape[-1]
    assert spikes[-1].sum() > 0
    assert feedforward["effective_acs"] == x.sum() * n + spikes.sum() * 2
    assert operations["effective_acs"] - feedforward["effective_acs"] == spikes[:-1].sum() * n


def test_nothing_is_measured_where_there_is_nothing(tmp_path: Path) -> None:
    test = Fixed(torch.zeros(2, 2, 3), torch.tensor([0, 1]))
    assert EXPERIMENT.why_not(BASELINES["lstm"], get_protocol("smoke", "xor")) == "lstm has no spikes"
    assert EXPERIMENT.why_not(VARIANTS["baseline"], get_protocol("smoke", "xor")) is None
    (value,) = EXPERIMENT.values(run_of(Table(lambda x: x), test, tmp_path, best=0))
    assert value.value is None
    assert test.reads == 0


def test_operations_agree_with_neurobench() -> None:
    macs = pytest.importorskip("neurobench.metrics.utils.layers").single_layer_MACs
    torch.manual_seed(0)
    linear, conv = nn.Linear(7, 5), nn.Conv2d(2, 3, 3, stride=2, padding=1)
    for layer, shape in ((linear, (40, 7)), (conv, (10, 2, 6, 6))):
        layer.weight.data *= torch.rand_like(layer.weight) < 0.7
        for x in ((torch.rand(shape) < 0.3).float(), torch.rand(shape) * (torch.rand(shape) < 0.5)):
            effective, spiking = macs(x, layer)
            dense, _ = macs(x, layer, total=True)
            mine = operations_of(layer, x)
            assert mine["effective_acs" if spiking else "effective_macs"] == effective
            assert mine["dense_operations"] == dense


def test_variants_of_a_silent_network_cost_only_the_input() -> None:
    network = FCNet(4, 2, get_protocol("smoke", "xor"), Variant("silent", leakage=0.0), "spikingjelly", "fused")
    with torch.no_grad(), counted(network) as operations:
        network.linear[0].weight_t.zero_()
        network.linear[0].bias.zero_()
        network(torch.ones(3, 2, 4))
    assert operations["effective_acs"] == 0  # weights that are zero cost nothing
    assert operations["dense_operations"] == 3 * 2 * 16 * (4 + 2)


@pytest.mark.parametrize(("unit", "weight", "macs"), [
    ([1, 2], [0.0, 2.0], 3.0),  # weight 0 is no input
    ([1, 1], None, 3.0),  # two events of one input in one step are one value, 2
    ([1, 1], [1.0, -1.0], 0.0),  # and these are none
    ([1, 2], None, 0.0),
])  # fmt: skip
def test_events_cost_what_the_same_dense_input_costs(unit, weight, macs):
    events = Events(
        torch.tensor(unit), torch.tensor([0, 2]), None if weight is None else torch.tensor(weight), (1, 1, 5)
    )
    counts = []
    for x in (events, events.dense()):
        counts.append({"effective_acs": 0.0, "effective_macs": 0.0, "dense_operations": 0.0})
        add_operations(InputLinear(5, 3), x, counts[-1])
    assert counts[0] == counts[1]
    assert counts[0]["effective_macs"] == macs
