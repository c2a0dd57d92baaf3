from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from experiment_cases import Fixed, Table, only, run_of
from torch import Tensor

from neurons import VARIANTS
from suite.experiments.base import NotDefined
from suite.experiments.robustness import EXPERIMENT, attack, perturb, random_flips, spikes_of, summarise
from suite.inputs import Batch, Events, Static
from suite.models.fc import FCNet
from suite.registry import get_protocol

SMOKE = get_protocol("smoke", "xor")


def column(*values: float) -> Tensor:
    """One sample of one step, [1, 1, N]."""
    return torch.tensor([[values]], dtype=torch.float64)


def linear(weights: list[float], bias: float, other: float) -> Table:
    """Class 0 has the logit `other`, class 1 weights . x + bias, at every step."""

    def output(x: Tensor) -> Tensor:
        one = x @ torch.tensor(weights, dtype=x.dtype) + bias
        return torch.stack([torch.full_like(one, other), one], -1)

    return Table(output)


def test_gradient_to_spike_by_hand() -> None:
    """p = 0, 1/2, 1, 1, 3/4; the draws pass the third (sign -), the fourth (+) and the last (+, on a spike)."""
    gradient = column(0.2, -0.6, -1.0, 1.0, 0.8)
    draw = column(0.0, 0.5, 0.99, 0.99, 0.74)
    assert perturb(column(0, 1, 1, 0, 1), gradient, draw).tolist() == column(0, 1, 0, 1, 1).tolist()


def test_a_gradient_of_zero_flips_at_random() -> None:
    draw = column(0.049, 0.051, 0.0, 0.9)
    assert perturb(column(0, 0, 1, 1), column(0, 0, 0, 0), draw).tolist() == column(1, 0, 0, 1).tolist()


def test_a_gradient_that_is_the_same_everywhere_takes_every_element() -> None:
    assert perturb(column(0, 1), column(-2, -2), column(0.9, 0.9)).tolist() == column(0, 0).tolist()


def test_each_sample_has_its_own_scale() -> None:
    """The largest gradient of a sample has p = 1, however large the others' are; and one sample's zeros are its own."""
    gradient = torch.cat([column(1e-6, 0.0), column(1e6, 0.0), column(0, 0)], 1)
    draw = torch.cat([column(0.9, 0.9), column(0.9, 0.9), column(0.9, 0.01)], 1)
    moved = perturb(torch.zeros_like(gradient), gradient, draw)
    assert moved[0].tolist() == [[1, 0], [1, 0], [0, 1]]


def test_attack_by_hand() -> None:
    """Class 1's logit is 0.1 + x0, so that the only gradient is at x0, and one flip takes it over 0.6."""
    x = torch.zeros(1, 2, 3, dtype=torch.float64)
    found = attack(linear([1.0, 0.0, 0.0], 0.1, 0.6), SMOKE, x, torch.tensor([0, 0]), [1, 2], cap=5)
    assert found.success.tolist() == [True, True]
    assert found.iterations.tolist() == [1, 1]
    assert found.x.tolist() == [[[1, 0, 0], [1, 0, 0]]]
    assert x.sum() == 0  # the caller's is left as it was


def test_no_iterations_leave_the_input_alone() -> None:
    x = torch.zeros(1, 1, 3, dtype=torch.float64)
    found = attack(linear([1.0, 0.0, 0.0], 0.1, 0.6), SMOKE, x, torch.tensor([0]), [1], cap=0)
    assert (found.success.tolist(), found.iterations.tolist(), found.right.tolist()) == ([False], [0], [True])
    assert torch.equal(found.x, x)


def test_a_constant_classifier_outlasts_the_cap_by_random_flips() -> None:
    x = torch.zeros(10, 1, 100, dtype=torch.float64)
    constant = Table(lambda x: torch.stack([0 * x[..., 0] + 1, 0 * x[..., 0]], -1))
    found = attack(constant, SMOKE, x, torch.tensor([0]), [1], cap=4)
    assert (found.success.tolist(), found.iterations.tolist()) == ([False], [4])
    assert 0.1 < float(found.x.mean()) < 0.25  # 1 - (1 - 2 * 0.05)^4 over 2 = 0.172 of the elements
    detached = Table(lambda x: torch.stack([torch.ones_like(x[..., 0]), torch.zeros_like(x[..., 0])], -1).detach())
    assert torch.equal(attack(detached, SMOKE, x, torch.tensor([0]), [1], cap=4).x, found.x)


def test_a_misclassified_sample_is_not_attacked() -> None:
    x = torch.zeros(1, 2, 3, dtype=torch.float64)
    found = attack(linear([1.0, 0.0, 0.0], 0.1, 0.6), SMOKE, x, torch.tensor([1, 0]), [1, 2], cap=5)
    assert found.right.tolist() == [False, True]
    assert found.success.tolist() == [False, True]
    assert found.iterations.tolist() == [0, 1]
    assert found.x[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_a_sample_s_company_does_not_matter(variant: str) -> None:
    torch.manual_seed(3)
    network = FCNet(12, 2, SMOKE, VARIANTS[variant], "spikingjelly", "fused").double()
    with torch.no_grad():
        network.linear[0].weight_t.mul_(6)
        network.linear[1].weight.mul_(6)
    x = (torch.rand(15, 9, 12) < 0.3).double()
    with torch.no_grad():
        y = network(x)[0][-9:].mean(0).argmax(1)
    seeds = list(range(9))
    together = attack(network, SMOKE, x, y, seeds, cap=12)
    assert together.success.any()
    assert len(set(together.iterations.tolist())) > 1  # they end at different times
    for i in range(9):
        alone = attack(network, SMOKE, x[:, i : i + 1], y[i : i + 1], [seeds[i]], cap=12)
        assert torch.equal(alone.x[:, 0], together.x[:, i])
        assert alone.iterations[0] == together.iterations[i]


def test_random_flips_by_hand() -> None:
    """Class 1 wins from 4 spikes of 8 on: 3 flips do not suffice, 4 do."""
    network = linear([1.0] * 8, 0.0, 3.5)
    x = torch.zeros(1, 2, 8, dtype=torch.float64)
    y = torch.tensor([0, 0])
    matched, enough = random_flips(network, SMOKE, x, y, [1, 2], torch.tensor([3, 4]))
    assert matched.tolist() == [False, True]
    assert enough.tolist() == [4, 4]
    assert random_flips(linear([0.0] * 8, 0.0, 1.0), SMOKE, x, y, [1, 2], torch.tensor([8, 8]))[1].tolist() == [0, 0]


def test_summary_with_censored_samples() -> None:
    table = pd.DataFrame(
        {
            "attack": "gradient",
            "success": [1, 1, 0, 1, 0],
            "iterations": [1, 3, 9, 2, 9],
            "flips": [4, 16, 1, 9, 2],
            "l2": [2.0, 4.0, 1.0, 3.0, 2.0**0.5],
            "elements": 100,
        }
    )
    values = {value.metric: (value.value, value.n) for value in summarise(table, "gradient")}
    assert values["attack_success_rate"] == (0.6, 5)
    assert values["censored"] == (2, 5)
    assert values["flips_median"] == (16, 5)  # 4, 9, 16, then the two that outlasted the cap
    assert values["flips"] == (pytest.approx(29 / 3), 3)
    assert values["flip_fraction"] == (pytest.approx(0.29 / 3), 3)
    assert values["l2"] == (3, 3)
    assert values["l2_per_element"] == (pytest.approx(0.03), 3)
    assert values["attack_iterations"] == (2, 3)
    none = {value.metric: value.value for value in summarise(table[table["success"] == 0], "gradient")}
    assert none["flips_median"] is None
    assert none["flips"] is None


def test_a_run_takes_the_first_right_samples_of_each_class(tmp_path: Path) -> None:
    """Class 0 is right where x0 is 0; smoke attacks two samples a class."""
    network = linear([1.0, 0.0], 0.1, 0.6)
    x = torch.zeros(3, 7, 2)
    x[:, [0, 5], 0] = 1  # predicted 1
    y = torch.tensor([0, 0, 0, 1, 0, 1, 1])
    test = Fixed(x, y)
    made = run_of(network, test, tmp_path, experiment="robustness")
    rows = EXPERIMENT.values(made)
    assert test.reads == 1
    assert only(rows, "attack_success_rate", "attack=gradient").n == 3
    assert only(rows, "misclassified_before").value == 3  # samples 0, 3 and 6
    table = made.tables["samples"]
    assert table["sample"].tolist() == [1, 2, 5] * 2
    assert set(table["elements"]) == {6}
    of_class_0 = table[(table["attack"] == "gradient") & (table["label"] == 0)]
    assert (of_class_0["success"].tolist(), of_class_0["flips"].tolist()) == ([1, 1], [3, 3])
    assert of_class_0["l2"].tolist() == pytest.approx([3**0.5] * 2)
    assert only(rows, "attack_success_rate", "attack=random, flips=matched").n == 3


def test_what_cannot_be_attacked(tmp_path: Path) -> None:
    network = linear([1.0, 0.0], 0.1, 0.6)
    counts = Fixed(torch.full((3, 2, 2), 2.0), torch.tensor([0, 1]))
    with pytest.raises(NotDefined, match="not binary"):
        EXPERIMENT.values(run_of(network, counts, tmp_path))
    never_right = Fixed(torch.zeros(3, 2, 2), torch.tensor([1, 1]))
    with pytest.raises(NotDefined, match="none to attack"):
        EXPERIMENT.values(run_of(network, never_right, tmp_path))
    (value,) = EXPERIMENT.values(run_of(network, never_right, tmp_path, best=0))
    assert value.value is None


def test_which_inputs_are_spikes() -> None:
    events = Events(torch.tensor([1, 0]), torch.tensor([0, 1, 2]), None, (2, 1, 2))
    found = spikes_of(events)
    assert found is not None
    assert found.tolist() == [[[0, 1]], [[1, 0]]]
    assert spikes_of(Batch(Static(torch.ones(1, 2), 3), torch.tensor([0])).x) is None
    assert spikes_of(torch.tensor([[[0.5]]])) is None
