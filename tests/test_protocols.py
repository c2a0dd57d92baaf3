"""A protocol holds no value that it cannot have, and no two that do not fit; one protocol has one name."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from neurons import VARIANTS, Learnable
from suite.datasets import load_for
from suite.datasets.base import limited
from suite.models.build import build
from suite.models.readout import loss
from suite.protocols import CHANGEABLE, Cosine, Curriculum, Protocol, StepLR
from suite.registry import datasets, get_protocol, protocol_name, protocols_of
from suite.selection import select
from suite.training import optimizer_of

MNIST, CIFAR10, XOR = (get_protocol("suite", name) for name in ("mnist", "cifar10", "xor"))


@pytest.mark.parametrize(
    ("name", "dataset", "message"),
    [
        ("suite+readout=linear", "mnist", r"protocol 'suite\+readout=linear' of mnist: readout = 'linear' does not go"),
        ("suite+readout=spikes", "cifar10", r"readout = 'spikes' .* network = 'resnet18', which takes 'linear'"),
        ("suite+loss=msee", "mnist", "unknown loss 'msee'; did you mean 'mse'"),
        ("suite+chunk=2", "cifar10", "chunk = 2 is for network = 'fc' only"),
    ],
)
def test_no_row_lies_about_its_protocol(name: str, dataset: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_protocol(name, dataset)
    with pytest.raises(ValueError, match=message):
        select("accuracy", dataset=dataset, protocol=name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "resnet"}, "unknown network 'resnet'; did you mean 'resnet18'"),
        ({"network": "resnet18"}, "readout = 'integrator' does not go with network = 'resnet18'"),
        ({"readout": "linear"}, "takes 'integrator' or 'spikes'"),
        ({"readout": None}, "unknown readout None"),
        ({"loss": "msee"}, "unknown loss 'msee'"),
        ({"precision": "float16"}, "unknown precision 'float16'.* Known: float32, bfloat16"),
        ({"epochs": 0}, "epochs is a whole number from 1, not 0"),
        ({"epochs": True}, "epochs is a whole number from 1, not True"),
        ({"epochs": None}, "epochs is a whole number from 1, not None"),
        ({"batch_size": 2.5}, "batch_size is a whole number from 1, not 2.5"),
        ({"batch_size": 2**64}, "batch_size is a whole number from 1"),
        ({"limit": 0}, "limit is a whole number from 1"),
        ({"last_steps": -1}, "last_steps is a whole number from 1"),
        ({"chunk": "all"}, "chunk is a whole number from 1, not 'all'"),
        ({"learning_rate": 0}, "learning_rate is a number above 0, not 0"),
        ({"learning_rate": math.nan}, "learning_rate is a number above 0, not nan"),
        ({"threshold": math.inf}, "threshold is a number above 0, not inf"),
        ({"threshold": "1"}, "threshold is a number above 0, not '1'"),
        ({"clip": -1.0}, "clip is a number above 0"),
        ({"clip": 10**400}, "clip is a number above 0"),
        ({"leak_rate": False}, "leak_rate is a number above 0, not False"),
        ({"hidden": ()}, r"hidden is the sizes of the hidden layers, such as \(64,\), not \(\)"),
        ({"hidden": 64}, "hidden is the sizes"),
        ({"hidden": (64, 0)}, "hidden is a whole number from 1, not 0"),
        ({"leakage": 1.5}, r"leakage: leak coefficient k = 1.5 is outside \[0, 1\]"),
        ({"schedule": "cosine"}, "schedule is a StepLR or Cosine, not 'cosine'"),
        ({"surrogate": "rectangle"}, "surrogate is a Surrogate, not 'rectangle'"),
        ({"readout_leak": 0.5}, "readout_leak is a Learnable, not 0.5"),
        ({"curriculum": 20}, "curriculum is a Curriculum or NoneType, not 20"),
        ({"detach_reset": 1}, "detach_reset is a bool, not 1"),
        ({"data": [1]}, "data is a mapping of loader options"),
        ({"data": {"augment": abs}}, "data is a mapping of loader options to numbers, text"),
    ],
)
def test_what_a_field_cannot_have(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(MNIST, **changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepLR(0, 0.5), "schedule: every is a whole number from 1, not 0"),
        (lambda: StepLR(5, math.nan), "schedule: gamma is a number above 0"),
        (lambda: Curriculum(0), "curriculum: start is a whole number from 1"),
        (lambda: Curriculum(5, growth=0.5), "curriculum: growth is a number from 1, not 0.5"),
        (lambda: Curriculum(5, accuracy=1.5), "curriculum: accuracy is a number from 0 to 1, not 1.5"),
        (lambda: Curriculum(5, rate_power=math.inf), "curriculum: rate_power is a number from 0"),
    ],
)
def test_what_a_schedule_cannot_have(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_resnet_has_one_width() -> None:
    with pytest.raises(ValueError, match=r"hidden = \(64, 64\): network = 'resnet18' takes one number"):
        replace(CIFAR10, hidden=(64, 64))


def test_numbers_are_the_same_however_they_are_written() -> None:
    written = replace(MNIST, clip=1, threshold=np.float32(0.5), epochs=np.int64(3), hidden=[512], leakage="learnable")
    assert written == replace(MNIST, clip=1.0, threshold=0.5, epochs=3, hidden=(512,), leakage=Learnable())
    assert written.as_dict() == replace(written, clip=1.0).as_dict()
    assert [type(value) for value in (written.clip, written.epochs, written.hidden)] == [float, int, tuple]
    assert repr(StepLR(5, 1)) == repr(StepLR(5, 1.0))
    assert Curriculum(5, growth=2) == Curriculum(5, growth=2.0)


@pytest.mark.parametrize("network", ["fc", "resnet18"])
def test_every_other_combination_is_still_a_protocol(network: str) -> None:
    base = MNIST if network == "fc" else CIFAR10
    readouts = ("integrator", "spikes") if network == "fc" else ("linear",)
    for readout in readouts:
        for kind in ("mse", "cross_entropy"):
            made = replace(base, readout=readout, loss=kind, schedule=Cosine(), precision="bfloat16")
            assert (made.readout, made.loss) == (readout, kind)


# names


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("suite", "suite"),
        ("suite+clip=1.0+epochs=20", "suite+epochs=20+clip=1"),
        ("suite+epochs=20+clip=1", "suite+epochs=20+clip=1"),
        ("suite+epochs=10", "suite"),  # as it is
        ("suite+learning_rate=0.001", "suite"),
        ("suite+epochs=10+loss=mse", "suite+loss=mse"),
        ("suite+learning_rate=0.00001", "suite+learning_rate=1e-5"),
        ("suite+clip=1e22", "suite+clip=1e22"),
        ("suite+clip=0.1", "suite+clip=0.1"),
        ("suite+epochs=0020", "suite+epochs=20"),
    ],
)
def test_one_protocol_has_one_name(name: str, full: str) -> None:
    assert protocol_name(name, "mnist") == full
    assert get_protocol(full, "mnist") == get_protocol(name, "mnist")
    assert protocol_name(full, "mnist") == full


def test_names_keep_every_digit() -> None:
    name = protocol_name(f"suite+clip={1 / 3!r}+learning_rate={2**-40!r}", "mnist")
    assert (get_protocol(name, "mnist").clip, get_protocol(name, "mnist").learning_rate) == (1 / 3, 2**-40)
    assert name.count("+") == 2


def test_what_may_be_changed_by_name() -> None:
    assert set(CHANGEABLE) == {
        *("epochs", "batch_size", "limit", "last_steps", "chunk", "learning_rate", "threshold", "clip", "leak_rate"),
        *("label_smoothing", "recurrent_scale", "weight_decay", "order"),
        *("readout", "loss", "precision", "network"),
    }


# with their data


def test_last_steps_are_no_more_than_all() -> None:
    with pytest.raises(ValueError, match="xor_50: last_steps = 51 of 50 steps"):
        load_for(get_protocol("suite+last_steps=51", "xor_50"), "xor_50")
    assert load_for(get_protocol("suite+last_steps=50", "xor_50"), "xor_50").n_steps == 50


def test_a_curriculum_needs_sequences_that_grow() -> None:
    with pytest.raises(ValueError, match="shd: its protocol has a curriculum, but its sequences have one length only"):
        load_for(replace(get_protocol("smoke", "shd"), curriculum=Curriculum(5)), "shd", source="standin")


def test_a_limit_keeps_sequences_that_grow() -> None:
    """suite+limit=N on XOR was refused, as if it had one length."""
    data = load_for(get_protocol("suite+limit=7", "xor_50"), "xor_50")
    short = data.train.at(20)  # type: ignore[attr-defined]
    (batch,) = short.epoch(100, shuffle_seed=0)
    assert batch.x.shape == (20, 7, 20)
    fixed = limited(datasets["shd"].load(source="standin"), 3)
    assert not hasattr(fixed.train, "at")


def test_protocols_are_the_dataset_s_own_and_those_that_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    from suite.registry import protocols

    monkeypatch.setattr(protocols, "_items", {})
    assert list(protocols_of("shd")) == ["smoke", "suite", "paper"]
    protocols.register("mine/shd", get_protocol("suite+epochs=1", "shd"))
    assert get_protocol("mine", "shd").epochs == 1
    assert list(protocols_of("shd")) == ["smoke", "suite", "paper", "mine"]
    with pytest.raises(ValueError, match=r"protocol 'bad/shd' must be a suite\.protocols\.Protocol, not 3"):
        protocols.register("bad/shd", 3)  # type: ignore[arg-type]
    assert isinstance(get_protocol("mine+epochs=2", "shd"), Protocol)


def test_label_smoothing_is_of_the_cross_entropy() -> None:
    with pytest.raises(ValueError, match=r"label_smoothing = 0\.1 with loss = 'mse'"):
        get_protocol("suite+loss=mse+label_smoothing=0.1", "mnist")
    with pytest.raises(ValueError, match=r"label_smoothing = 1 with loss = 'cross_entropy'; it is below 1"):
        get_protocol("suite+label_smoothing=1", "mnist")


def test_the_new_numbers_reach_the_network_and_the_optimizer() -> None:
    protocol = get_protocol("smoke+recurrent_scale=0.1+weight_decay=0.01+label_smoothing=0.2", "xor")
    data = load_for(protocol, "xor")
    network = build(data, protocol, VARIANTS["with_recurrence"], "spikingjelly", "fused")
    weight = network.hidden[0].recurrent.weight
    assert torch.allclose(weight @ weight.T, 0.01 * torch.eye(len(weight)), atol=1e-6)
    optimizer = optimizer_of(network, protocol)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert decays[id(parameter)] == (0.01 if parameter.ndim > 1 else 0), name
    logit, y = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    # 0.9 of the first class and 0.1 of the second: log(1 + e^-2) + 0.1 * 2
    assert float(loss(logit, y, protocol)) == pytest.approx(math.log(1 + math.exp(-2)) + 0.2, abs=1e-6)
