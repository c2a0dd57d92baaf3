"""The bound on gradients through a hard reset, on the neurons; and the experiment on the surrogate's width."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from experiment_cases import Fixed, only, run_of

from neurons import Variant, make_neuron, rectangle
from suite.experiments.surrogate_width import EXPERIMENT, GRADIENTS, WIDTHS, bound
from suite.models.build import build
from suite.registry import datasets, get_protocol, variants


def largest(
    backend: str, engine: str, threshold: float, a: float, *, detached: bool = False, reset: str = "zero"
) -> float:
    """The largest |du[1]/du[0]| of a neuron with k = 1: u[0] is its first input, over a fine grid."""
    u = torch.linspace(-4, 4, 80_001, dtype=torch.float64)  # the ends of the window are on the grid
    x = torch.stack([u, torch.zeros_like(u)]).unsqueeze(1).requires_grad_()
    neuron = make_neuron(
        Variant("of the test", leakage=1.0, reset=reset),
        len(u),
        backend=backend,
        engine=engine,
        threshold=threshold,
        surrogate=rectangle(a),
        detach_reset=detached,
    )
    potential = neuron.simulate(x).potential
    (gradient,) = torch.autograd.grad(potential[1].sum(), x)
    return float(gradient[0].abs().max())


@pytest.mark.parametrize(("backend", "engine"), [("spikingjelly", "step"), ("snntorch", "step"), ("snntorch", "fused")])
@pytest.mark.parametrize(("threshold", "a"), [(1.0, 0.25), (1.0, 0.5), (0.5, 0.25), (1.0, 1.0), (0.5, 0.5), (1.0, 1.5)])
def test_the_bound_through_a_hard_reset_is_met(backend: str, engine: str, threshold: float, a: float) -> None:
    found = largest(backend, engine, threshold, a)
    assert found == pytest.approx(bound(threshold, a), abs=1e-3)
    assert (found > 1.001) == (a != threshold)


def test_the_bound_by_hand() -> None:
    assert bound(1.0, 0.25) == 2.5
    assert bound(1.0, 0.5) == 1.5
    assert bound(1.0, 1.0) == 1.0
    assert bound(1.0, 1.5) == pytest.approx(7 / 6)


def test_a_detached_reset_a_soft_one_and_none_do_not_expand() -> None:
    """1 - o; 1 - u_th h, with h = 2 at a = 0.25 and u_th = 1 of size 1; 1."""
    assert largest("snntorch", "step", 1.0, 0.25, detached=True) == 1
    assert largest("snntorch", "step", 1.0, 0.25, reset="none") == 1
    assert largest("snntorch", "step", 1.0, 0.5, reset="subtract") == 1


def test_each_width_is_trained_from_the_same_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The width and gradient of the run's own protocol are the run's network; the others are trained, and differ."""
    protocol = get_protocol("smoke+epochs=1+limit=32", "xor_50")
    data = datasets["xor_50"].load(source="auto", n_steps=22, n_train=64, n_validation=32, n_test=32)
    torch.manual_seed(0)
    network = build(data, protocol, variants["with_recurrence"], "snntorch", "auto")
    run = run_of(network, Fixed(torch.zeros(1, 1, 20), torch.zeros(1).long()), tmp_path, protocol=protocol)
    run.data, run.cell = data, type(run.cell)("surrogate_width", "xor_50", "with_recurrence", "snntorch", 0, "smoke")
    starts = []

    def trained(other, *_args, **_options):
        starts.append(torch.cat([p.detach().flatten() for p in other.parameters()]))
        return run.history

    monkeypatch.setattr("suite.experiments.surrogate_width.train", trained)
    values = EXPERIMENT.values(run)
    assert len(starts) == len(WIDTHS) * len(GRADIENTS) - 1
    own = torch.cat([p.detach().flatten() for p in network.parameters()])
    assert all(torch.equal(start, own) for start in starts)
    where = [v.at for v in values if v.metric == "test_accuracy"]
    assert where == [{"width": w, "reset_gradient": g} for w in WIDTHS for g in GRADIENTS]
    assert only(values, "bound", "width=0.25").value == 2.5


def test_a_training_that_diverged_has_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = get_protocol("smoke+limit=32", "xor_50")
    data = datasets["xor_50"].load(source="auto", n_steps=22, n_train=64, n_validation=32, n_test=32)
    network = build(data, protocol, variants["with_recurrence"], "snntorch", "auto")
    run = run_of(network, Fixed(torch.zeros(1, 1, 20), torch.zeros(1).long()), tmp_path, protocol=protocol)
    run.data, run.cell = data, type(run.cell)("surrogate_width", "xor_50", "with_recurrence", "snntorch", 0, "smoke")
    lost = type(run.history)(train=run.history.train, best=0)
    monkeypatch.setattr("suite.experiments.surrogate_width.train", lambda *_a, **_o: lost)
    values = EXPERIMENT.values(run)
    assert only(values, "test_accuracy", "width=0.25, reset_gradient=through").value is None
    assert only(values, "test_accuracy", "width=1, reset_gradient=through").value is not None
