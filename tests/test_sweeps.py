"""leak_sweep, diagnosis, delay_ladder and factorial."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from experiment_cases import Fixed, Table, only, run_of

from neurons import Learnable, Variant
from suite.experiments import delay_ladder, diagnosis, factorial, leak_sweep
from suite.experiments.diagnosis import entropy
from suite.models.fc import FCNet
from suite.registry import get_protocol, variants
from suite.variants import BASELINES, describe

SMOKE = get_protocol("smoke", "xor")
EXPERIMENTS = (leak_sweep.EXPERIMENT, diagnosis.EXPERIMENT, delay_ladder.EXPERIMENT, factorial.EXPERIMENT)


def split() -> Fixed:
    """Two samples right of three: the prediction is 1 where the first neuron fires in more than half of the steps."""
    x = torch.zeros(4, 3, 3)
    x[:3, 1:, 0] = 1
    return Fixed(x, torch.tensor([0, 1, 0]))


def by_hand() -> Table:
    return Table(lambda x: torch.cat([torch.full_like(x[..., :1], 0.5), x[..., :1]], -1))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_accuracy_and_rate_by_hand(experiment, tmp_path: Path) -> None:
    test = split()
    rows = experiment.values(run_of(by_hand(), test, tmp_path))
    assert test.reads == 1
    condition = "T=4" if experiment is delay_ladder.EXPERIMENT else ""
    assert only(rows, "test_accuracy", condition).value == pytest.approx(2 / 3)
    assert only(rows, "test_accuracy", condition).n == 3
    assert only(rows, "spike_rate", condition).value == pytest.approx(6 / 36)


def test_entropies_by_hand(tmp_path: Path) -> None:
    rows = diagnosis.EXPERIMENT.values(run_of(by_hand(), split(), tmp_path))
    assert only(rows, "prediction_entropy").value == pytest.approx(-(1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3)))
    assert only(rows, "uniform_entropy").value == pytest.approx(math.log(2))
    assert only(rows, "dead_fraction").value == pytest.approx(2 / 3)
    constant = Table(lambda x: torch.stack([x[..., 0] * 0 + 1, x[..., 0] * 0], -1))
    rows = diagnosis.EXPERIMENT.values(run_of(constant, split(), tmp_path))
    assert only(rows, "prediction_entropy").value == 0
    p = math.e / (1 + math.e)
    assert only(rows, "output_entropy").value == pytest.approx(-(p * math.log(p) + (1 - p) * math.log(1 - p)))
    assert entropy(torch.tensor([0.5, 0.5, 0.0])) == pytest.approx(math.log(2))


@pytest.mark.parametrize("backend", ["spikingjelly", "snntorch"])
def test_a_gain_of_1_minus_k_silences_k_1_and_leaves_k_0_as_it_is(backend: str, tmp_path: Path) -> None:
    test = Fixed((torch.rand(6, 5, 4, generator=torch.Generator().manual_seed(0)) < 0.9).float(), torch.arange(5) % 2)

    def rate(name: str) -> float:
        torch.manual_seed(0)
        network = FCNet(4, 2, SMOKE, describe(name) or Variant("normal", leakage=0.0), backend, "fused")
        with torch.no_grad():
            network.linear[0].weight_t.abs_().mul_(4)
        return only(diagnosis.EXPERIMENT.values(run_of(network, test, tmp_path)), "spike_rate").value

    assert rate("k=1+gain=1-k") == 0
    assert rate("k=0+gain=1-k") == rate("k=0") > 0.1


def test_learnt_and_fixed_k(tmp_path: Path) -> None:
    test = Fixed(torch.zeros(3, 4, 5), torch.arange(4) % 2)
    network = FCNet(5, 2, SMOKE, Variant("learnt", leakage=Learnable()), "snntorch", "fused")
    with torch.no_grad():
        network.hidden[0].leak.logit.copy_(torch.logit(torch.linspace(0.1, 0.9, 16)))
    run = run_of(network, test, tmp_path, experiment="leak_sweep")
    rows = leak_sweep.EXPERIMENT.values(run)
    assert only(rows, "k", "layer=1").value == pytest.approx(0.5)
    assert only(rows, "k", "layer=1, quantile=0.5").value == pytest.approx(0.5)
    assert only(rows, "k", "layer=1, quantile=0.25").value == pytest.approx(0.3)
    table = run.tables["k"]
    assert len(table) == 16  # the readout's leaks are not in it
    assert table["k"].iloc[-1] == pytest.approx(0.9)
    fixed = FCNet(5, 2, SMOKE, Variant("k=0.7", leakage=0.7), "snntorch", "fused")
    run = run_of(fixed, test, tmp_path)
    rows = leak_sweep.EXPERIMENT.values(run)
    assert only(rows, "k", "layer=1").value == 0.7
    assert [row.metric for row in rows].count("k") == 1
    assert not run.tables


def test_where_there_is_nothing_to_measure(tmp_path: Path) -> None:
    for experiment in EXPERIMENTS:
        (value,) = experiment.values(run_of(by_hand(), split(), tmp_path, best=0))
        assert value.value is None
    for experiment in EXPERIMENTS[:2]:
        assert experiment.why_not(BASELINES["rnn"], SMOKE) == "rnn has no spikes"


def test_the_eight_combinations_are_all_there_are() -> None:
    made = [variants[name] for name in factorial.COMBINATIONS]
    found = {(one.leakage, one.reset, one.recurrent) for one in made}
    assert found == set(itertools.product(("normal", 1.0), ("zero", "none"), (False, True)))
