"""The trained network on the other framework: what the comparison sees, and what it must not overlook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from experiment_cases import Fixed, only, run_of

from neurons import BACKENDS, VARIANTS, Variant, VariantLeaky, make_neuron, rectangle
from suite.experiments import consistency, cross_check
from suite.experiments.base import Run
from suite.models.build import build
from suite.models.record import first_differences, layers, recorded
from suite.models.stock import Stock, why_not
from suite.protocols import Protocol
from suite.registry import get_protocol

T, N = 12, 6


def protocol(**changes) -> Protocol:
    return replace(get_protocol("smoke", "n_mnist"), hidden=(8, 7), threshold=0.3, **changes)


def trained(tmp_path: Path, x: torch.Tensor, variant: str = "baseline", engine: str = "fused", **changes) -> Run:
    """A run of a freshly initialised network on x [T, n, N], with two classes."""
    own = protocol(**changes)
    y = torch.arange(x.shape[1]) % 2
    run = run_of(torch.nn.Identity(), Fixed(x, y), tmp_path, train=Fixed(x, y), variant=variant, protocol=own)
    run.cell = replace(run.cell, engine=engine)
    torch.manual_seed(0)
    run.network = build(run.data, own, VARIANTS[variant], run.cell.backend, engine)
    with torch.no_grad():
        for parameter in run.network.parameters():
            parameter.mul_(3)  # so that they fire
    return run


def current(n: int = 20) -> torch.Tensor:
    return torch.rand(T, n, N, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sound_network_is_the_same_everywhere(tmp_path: Path, variant: str) -> None:
    run = trained(tmp_path, current(), variant)
    values = cross_check.EXPERIMENT.values(run)
    names = {value.at["neuron"] for value in values}
    assert {"spikingjelly-step", "snntorch-step"} <= names
    for name in names:
        where = f"neuron={name}"
        assert only(values, "unexplained", where).value == 0
        assert only(values, "differing_spikes", where).value < 1e-3
        assert only(values, "accuracy", where).n == 20
    with recorded(run.network) as calls:
        run.network(current())
    assert all(0.01 < float(call.output.spikes.detach().mean()) < 0.99 for call in calls.values())


def test_what_it_was_trained_with_is_not_compared_with_itself(tmp_path: Path) -> None:
    values = cross_check.EXPERIMENT.values(trained(tmp_path, current(), engine="step"))
    assert {value.at["neuron"] for value in values} == {"snntorch-step", "spikingjelly-stock", "snntorch-stock"}


def test_a_wrong_implementation_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: VariantLeaky, mem: torch.Tensor) -> torch.Tensor:
        self.previous_spike = torch.zeros_like(mem)
        return self.previous_spike

    run = trained(tmp_path, current())
    monkeypatch.setattr(VariantLeaky, "mem_reset", never)
    values = cross_check.EXPERIMENT.values(run)
    assert only(values, "unexplained", "neuron=spikingjelly-step").value == 0
    assert only(values, "unexplained", "neuron=snntorch-step").value > 0
    assert only(values, "differing_spikes", "neuron=snntorch-step").value > 0
    assert only(values, "first_difference", "neuron=snntorch-step").value > 1


def test_a_tie_is_a_difference_that_is_explained(tmp_path: Path) -> None:
    """u = u_th exactly: SpikingJelly fires, snnTorch's own Leaky does not."""
    run = trained(tmp_path, torch.ones(T, 4, N), "complete_leakage")
    first = run.network.linear[0]
    with torch.no_grad():
        first.weight_t.zero_()
        first.bias.fill_(0.3)
    values = cross_check.EXPERIMENT.values(run)
    stock = "neuron=snntorch-stock"
    assert only(values, "differing_spikes", stock).value >= 8 / 15  # all of the first layer's
    assert only(values, "unexplained", stock).value == 0
    assert only(values, "first_difference", stock).value == 1
    assert only(values, "differing_spikes", "neuron=snntorch-step").value == 0


def test_where_spikes_first_differ_by_hand() -> None:
    """Neuron 0 parts at step 2, neuron 1 because of it at step 3: in a recurrent layer the latter is no first one."""
    a = torch.tensor([[[0, 0]], [[1, 0]], [[0, 1]], [[1, 1]]])
    b = torch.tensor([[[0, 0]], [[0, 0]], [[1, 0]], [[1, 0]]])
    first, until = first_differences(a, b, recurrent=False)
    assert first.nonzero().tolist() == [[1, 0, 0], [2, 0, 1]]
    assert until[:, 0].tolist() == [[True, True], [True, True], [False, True], [False, False]]
    first, until = first_differences(a, b, recurrent=True)
    assert first.nonzero().tolist() == [[1, 0, 0]]
    assert until[:, 0].tolist() == [[True, True], [True, True], [False, False], [False, False]]


def test_what_follows_from_a_near_tie_in_a_recurrent_layer_is_explained() -> None:
    """One neuron is at the threshold to rounding; the others part because of its spike."""
    torch.manual_seed(0)
    ours = make_neuron("with_recurrence", N, engine="fused")
    other = make_neuron("with_recurrence", N, engine="step", threshold=0.3 + 1e-6)
    other.recurrent.load_state_dict(ours.recurrent.state_dict())
    x = 0.4 * current(20)
    x[0, :, 0] = 0.3
    with torch.no_grad(), recorded(ours) as one, recorded(other) as two:
        ours(x)
        other(x)
    found = cross_check._Sums()
    assert bool((one[""].output.spikes[1:, :, 1:] != two[""].output.spikes[1:, :, 1:]).any())
    cross_check._compare_neurons(one[""], two[""], ours, other, found)
    assert found.unexplained == 0
    assert found.potential < 1e-5


def test_a_start_at_random_is_the_same_start() -> None:
    """Of a layer behind others, whose input has parted: it is run again, from the state that ours began with."""
    variant = Variant("random", initial_state="uniform")
    ours, other = make_neuron(variant, N, engine="fused"), make_neuron(variant, N, engine="step")
    found = cross_check._Sums()
    with torch.no_grad(), recorded(ours) as one, recorded(other) as two:
        ours(current(3))
        other(current(3) + 0.1)
        cross_check._compare_neurons(one[""], two[""], ours, other, found)
    assert found.unexplained == 0
    assert found.potential < 1e-5


def test_it_costs_a_small_share_of_the_training(tmp_path: Path) -> None:
    run = trained(tmp_path, current(600))
    run.history.train *= 2
    assert cross_check.samples(run) == cross_check.FEWEST
    run.history.train *= 30
    assert cross_check.samples(run) == 180  # 0.5 % of 600 samples in 60 epochs
    run.history.train *= 10
    assert cross_check.samples(run) == cross_check.MOST
    assert only(cross_check.measure(run), "accuracy", "neuron=snntorch-step").n == cross_check.MOST


OTHERS = (
    *VARIANTS.values(),
    Variant("soft", reset="subtract"),
    Variant("scaled", leakage=0.6, input_gain="1-k"),
    Variant("learnt", leakage="learnable"),
    Variant("learnt, scaled", leakage="learnable", input_gain="1-k"),
    Variant("random", initial_state="uniform"),
)
STOCK = {
    "spikingjelly": {"baseline", "without_leakage", "soft", "scaled"},
    "snntorch": {"baseline", "without_leakage", "complete_leakage", "without_reset", "learnt"},
}


@pytest.mark.parametrize("variant", OTHERS, ids=lambda v: v.name)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stock_neuron_is_ours_or_says_why_not(backend: str, variant: Variant) -> None:
    torch.manual_seed(0)
    ours = make_neuron(variant, N, backend=backend, engine="step")
    x = current() * 0.7
    assert (why_not(backend, ours) is None) == (variant.name in STOCK[backend])
    if variant.name not in STOCK[backend]:
        with pytest.raises(ValueError, match=r"\w"):
            Stock(backend, ours)
        return
    stock = Stock(backend, ours)
    for _ in range(2):  # from rest each time
        torch.testing.assert_close(stock(x), ours(x))
    torch.testing.assert_close(stock(x[0], steps=5), ours(x[0], steps=5))


def test_recording_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    run = trained(tmp_path, current())
    before = run.network(current())
    with recorded(run.network) as calls:
        during = run.network(current())
    assert list(calls) == list(layers(run.network))
    assert all("simulate" not in vars(layer) for layer in layers(run.network).values())
    assert torch.equal(during[0], before[0])
    assert torch.equal(calls["hidden.0"].output.spikes, before[1][0])


@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_implementations_train_alike(tmp_path: Path, variant: str) -> None:
    values = consistency.EXPERIMENT.values(run := trained(tmp_path, current(64), variant, batch_size=16, epochs=20))
    table = run.tables["updates"]
    assert len(table) == 2 * 2 * consistency.SMOKE_UPDATES
    for dtype, most in (("float32", 1e-4), ("float64", 1e-12)):
        for backend in BACKENDS:
            where = f"implementation={backend}-step, dtype={dtype}"
            assert only(values, "updates_alike", where).value == consistency.SMOKE_UPDATES
            assert only(values, "updates_same_surrogates", where).value == consistency.SMOKE_UPDATES
            assert only(values, "gradient_difference", f"{where}, update=10").value < most
    assert table["loss"].iloc[0] != table["loss"].iloc[-1]


def test_no_more_updates_are_said_than_there_were(tmp_path: Path) -> None:
    values = consistency.EXPERIMENT.values(trained(tmp_path, current(64), batch_size=16, epochs=1))
    assert only(values, "updates_alike", "implementation=snntorch-step, dtype=float64").value == 4


def test_a_potential_over_an_edge_of_the_surrogate_is_told_from_a_spike() -> None:
    """Two neurons and two steps, threshold 1, rectangle of half-width 1/4: one potential leaves the window."""
    window = rectangle(0.25)

    def update(above: list[float], gradient: float) -> consistency._Update:
        u = torch.tensor(above).reshape(2, 1, 2)
        return consistency._Update(1.0, torch.tensor([gradient]), [((u >= 0).float(), u, window.derivative(u), False)])

    found = consistency._differences(update([0.2, -0.2, -0.2499, 1.0], 2.0), update([0.2, -0.2, -0.2501, 1.0], 1.0))
    assert found["differing_surrogates"] == 0.25
    assert found["differing_spikes"] == 0
    assert found["gradient_difference"] == 0.5


def test_a_wrong_gradient_parts_at_the_first_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(tmp_path, current(64), batch_size=16, epochs=20)
    monkeypatch.setattr(VariantLeaky, "detach_reset", property(lambda _: True, lambda *_: None), raising=False)
    values = consistency.EXPERIMENT.values(run)
    where = "dtype=float64, update=1"
    assert only(values, "gradient_difference", f"implementation=snntorch-step, {where}").value > 1e-3
    assert only(values, "gradient_difference", f"implementation=spikingjelly-step, {where}").value < 1e-12
    parted = f"implementation=snntorch-step, {where.partition(',')[0]}"
    assert only(values, "updates_alike", parted).value < consistency.SMOKE_UPDATES
