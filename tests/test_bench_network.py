"""The networks that are timed beside ours do the same work; how fast anything is, is not asserted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from suite.bench import network, ops
from suite.bench.cases import NETWORKS, Network, load
from suite.bench.network import CONTENDERS, Training, dense, reference
from suite.bench.profile import profile
from suite.cli import app

CPU = torch.device("cpu")
HERE = [name for name, about in CONTENDERS.items() if ops.why_not(about.package, CPU) is None]
OURS = HERE[:2]


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))


def small(name: str, **changes: Any) -> Network:
    """The network with few neurons and steps."""
    protocol = NETWORKS[name].protocol
    steps = "n_frames" if "n_frames" in protocol.data else "n_steps"
    data = {**protocol.data, steps: 4 if protocol.network == "resnet18" else 25}
    hidden = (4,) if protocol.network == "resnet18" else (16,) * len(protocol.hidden)
    return replace(NETWORKS[name], protocol=replace(protocol, data=data, hidden=hidden, **changes))


def trained(asked: Network, names: list[str]) -> Iterator[tuple[str, Training, float]]:
    """Each contender after one training step, and its loss."""
    _, batch = load(asked, 4)
    ours = reference(asked, batch.x)
    for linear in getattr(ours, "linear", ()):
        torch.nn.init.zeros_(linear.bias)  # norse's recurrent cell has none
    for name in names:
        about = CONTENDERS[name]
        training = Training(about.make(ours, asked, CPU), asked.protocol, fused=about.ours)
        x = batch.x if about.package == "lif-roles" else dense(batch.x)
        yield name, training, float(training(x, batch.y))


@pytest.mark.parametrize("name", NETWORKS)
def test_contenders_have_the_same_loss(name: str) -> None:
    losses = {contender: loss for contender, _, loss in trained(small(name), HERE)}
    for contender, loss in losses.items():
        assert loss == pytest.approx(losses[OURS[0]], rel=1e-4), contender


@pytest.mark.parametrize("name", ["shd", "shd_recurrent", "n_mnist", "mnist"])
def test_contenders_have_the_same_gradients(name: str) -> None:
    """SpikingJelly's are ours; snnTorch's are ours with a detached reset, and with any reset in its recurrent layer."""
    for other, detached in (("SpikingJelly", False), ("snnTorch", name != "shd_recurrent")):
        gradients = []
        for _, training, _ in trained(small(name, detach_reset=detached), [OURS[0], other]):
            model = training.model
            linear = model.linear if hasattr(model, "linear") else [m for m in model.layers if hasattr(m, "weight")]
            first, last = linear[0], linear[-1]
            weight = first.weight_t.grad.t() if hasattr(first, "weight_t") else first.weight.grad
            gradients.append((weight, first.bias.grad, last.weight.grad, last.bias.grad))
        for ours, theirs in zip(*gradients, strict=True):
            assert ours.abs().sum() > 0
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(ours.abs().max()), msg=other)


def test_the_hidden_layers_fire_as_in_a_trained_network() -> None:
    asked = small("dvs128_gesture")
    _, batch = load(asked, 8)
    rates = network.spike_rates(reference(asked, batch.x), batch.x)
    assert len(rates) == 2
    assert min(rates) >= network.SPIKE_RATE


def test_a_step_is_the_same_work_every_time() -> None:
    asked = small("shd")
    _, batch = load(asked, 4)
    training = Training(reference(asked, batch.x), asked.protocol, fused=True)
    losses = [float(training(batch.x, batch.y)) for _ in range(5)]
    assert losses == pytest.approx([losses[0]] * 5, rel=1e-5)
    assert training.optimizer.state


@pytest.mark.parametrize("name", ["shd", "dvs128_gesture", "mnist", "xor"])
def test_the_first_small_step_takes_a_part_of_the_batch(name: str) -> None:
    asked = small(name)
    _, batch = load(asked, 4)
    x, y = network.tiny(batch.x, batch.y)
    steps = network.size(x)[0]
    assert len(y) == 2
    torch.testing.assert_close(dense(x), dense(batch.x)[:steps, :2])


def test_random_events_have_the_density_asked_for() -> None:
    source, batch = load(NETWORKS["n_mnist"], 32)
    assert source == "random events, density 0.017"
    assert dense(batch.x).mean() == pytest.approx(0.017, rel=0.05)
    _, counted = load(NETWORKS["dvs128_gesture"], 2)
    assert dense(counted.x).max() > 1


def test_rows() -> None:
    (frame,) = network.run(["mnist"], device=CPU, rounds=2, with_memory=False, batch_size=4)
    assert list(frame["contender"]) == list(CONTENDERS)
    assert set(frame["network"]) == {"mnist"}
    assert set(frame["data"]) == {"random images"}
    ran = frame[frame["contender"].isin(HERE)]
    assert ran["rounds"].eq(2).all()
    assert (ran["median_ms"] > 0).all()
    assert (ran["times_bound"] > 0).all()
    assert frame["times_lif_roles"][:2].min() == 1.0


def test_memory_holds_the_batch_and_the_step() -> None:
    """Ours does not make the dense input, which is most of SpikingJelly's memory here."""
    asked, (_, batch) = NETWORKS["n_mnist"], load(NETWORKS["n_mnist"], 256)
    names = [OURS[0], "SpikingJelly"]
    ours, theirs = network._peaks("n_mnist", names, batch, reference(asked, batch.x), CPU).values()
    assert ours is not None
    assert theirs is not None
    held = dense(batch.x).nbytes / 1e6
    assert theirs > held
    assert 0 < ours < theirs


def test_a_missing_framework_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ops.find_spec
    monkeypatch.setattr(ops, "find_spec", lambda name: None if name == "norse" else real(name))
    (frame,) = network.run(["mnist"], device=CPU, rounds=1, with_memory=False, batch_size=4)
    last = frame.iloc[-1]
    assert last["contender"] == "norse"
    assert "norse is not installed" in last["note"]
    assert pd.isna(last["median_ms"])


def test_profile_s_parts_follow_each_other() -> None:
    frame = profile("dvs128_gesture", device=CPU, rounds=1, batch_size=2)
    first = frame[frame["contender"] == OURS[0]]
    forward = ["input linear", "LIF 1", "linear 1", "LIF 2", "linear 2", "readout"]
    parts = [f"{p}, forward" for p in forward] + ["loss"] + [f"{p}, backward" for p in reversed(forward)]
    assert list(first["part"]) == [*parts, "optimizer"]
    assert first["share"].sum() == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match="ResNet18"):
        profile("cifar10", device=CPU, rounds=1)


def test_network_command(tmp_path: Path) -> None:
    out = tmp_path / "network.csv"
    small_run = ["bench", "network", "--network", "mnist", "--batch-size", "2", "--rounds", "1"]
    result = CliRunner().invoke(app, [*small_run, "--no-memory", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    assert list(pd.read_csv(out)["contender"]) == list(CONTENDERS)
    result = CliRunner().invoke(app, [*small_run, "--profile"], catch_exceptions=False)
    assert "LIF 1, backward" in result.output


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="shd_recurrent"):
        CliRunner().invoke(app, ["bench", "network", "--network", "shd_recurent"], catch_exceptions=False)
