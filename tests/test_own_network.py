"""A user's own network: what it is given, and what it must give."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import snntorch
import torch
from own_networks import (
    CLASSES,
    SHAPE,
    Loop,
    T,
    cnn,
    data,
    dense,
    loop,
    named,
    one_layer,
)
from spikingjelly.activation_based import functional, neuron
from torch import nn

from neurons import VARIANTS, NotAblatable, VariantLeaky, VariantLIFNode
from suite.datasets.base import Data
from suite.errors import PluginError
from suite.inputs import Events, Static
from suite.models import own
from suite.models.build import build
from suite.models.own import OwnNetwork, own_network
from suite.registry import get_protocol


def made(function: Any, variant: str = "baseline", backend: str = "spikingjelly", scale: str = "1") -> OwnNetwork:
    torch.manual_seed(0)
    protocol = get_protocol(f"smoke+network={named(function)}+recurrent_scale={scale}", "mnist")
    return own_network(protocol, data(), VARIANTS[variant], backend, "auto")


# what it is given and what it gives


@pytest.mark.parametrize("variant", ["baseline", "without_leakage", "complete_leakage", "without_reset"])
@pytest.mark.parametrize(("function", "backend"), [(cnn, "spikingjelly"), (loop, "snntorch")])
def test_outputs_and_hidden_spikes_at_every_step(function: Any, backend: str, variant: str) -> None:
    network = made(function, variant, backend)
    x = torch.rand(T, 2, *SHAPE) * 4
    output, spikes = network(x)
    assert output.shape == (T, 2, CLASSES)
    hidden = [(T, 2, 4, 6, 6), (T, 2, 6)] if function is cnn else [(T, 2, 6)]  # the last neurons are the output layer
    assert [s.shape for s in spikes] == hidden
    assert all(set(s.unique().tolist()) <= {0.0, 1.0} for s in spikes)
    assert any(bool(s.any()) for s in spikes)
    output.sum().backward()
    again, _ = network(x)
    assert torch.equal(again, output)  # every call begins at rest
    (model,) = network.children()
    plain = {type(part) for part in model.modules()} & {VariantLIFNode, VariantLeaky}
    assert plain == {VariantLIFNode if function is cnn else VariantLeaky}


def test_the_hidden_spikes_are_the_neurons_own() -> None:
    """By hand: one weight of 2 to two neurons of tau 2, which halves it, x = 1, 0, 1: both fire when x is 1."""
    network = made(dense)
    with torch.no_grad():
        network.model[1].weight.zero_()
        network.model[1].bias.zero_()
        network.model[1].weight[:2, 0] = 2.0
    x = torch.zeros(3, 1, 64)
    x[[0, 2], 0, 0] = 1.0
    output, (spikes,) = network(x)
    assert spikes[:, 0].tolist() == [[1, 1, 0, 0, 0, 0], [0] * 6, [1, 1, 0, 0, 0, 0]]
    torch.testing.assert_close(output, network.model[3](spikes))


def test_every_kind_of_input_comes_in_the_data_s_shape() -> None:
    network = made(cnn)
    image = torch.rand(2, *SHAPE)
    expected, _ = network(image.expand(T, *image.shape))
    assert torch.equal(network(Static(image, T))[0], expected)
    assert torch.equal(network(image.flatten(1).expand(T, 2, 64))[0], expected)  # as the attack has it
    events = Events(torch.tensor([3, 60]), torch.tensor([0, 1, 2]), None, (1, 2, 64))
    assert torch.equal(network(events)[0], network(events.dense())[0])


def test_recurrence_is_in_the_hidden_layers_only() -> None:
    network = made(loop, "with_recurrence", "snntorch")
    assert [name for name, _ in network.named_parameters() if "recurrent" in name] == ["model.lif1.recurrent.weight"]
    assert [type(neuron) for neuron in network.hidden] == [VariantLeaky]
    v, half = (made(loop, "with_recurrence", "snntorch", scale).hidden[0].recurrent.weight for scale in ("1", "0.5"))
    torch.testing.assert_close(half, v / 2)  # the protocol's factor
    with pytest.raises(
        NotAblatable, match=r"1 \(LIFNode\) cannot be 'with_recurrence': its neurons lie in \[4, 6, 6\]"
    ):
        made(cnn, "with_recurrence")


def test_one_layer_is_an_output_layer() -> None:
    network = made(one_layer)
    output, (spikes,) = network(torch.rand(T, 2, 64) * 3)
    assert torch.equal(output, spikes)
    with pytest.raises(NotAblatable, match="is its output layer, which is never recurrent"):
        made(one_layer, "with_recurrence")


def test_weights_follow_the_seed_and_nothing_is_kept_alive() -> None:
    before = list(snntorch.SpikingNeuron.instances)
    one, other = made(loop, backend="snntorch"), made(loop, backend="snntorch")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert list(map(id, snntorch.SpikingNeuron.instances)) == list(map(id, before))


# what is refused


def more_classes(data: Data) -> nn.Module:
    return cnn(replace(data, n_classes=data.n_classes + 1))


def averaged(data: Data) -> nn.Module:
    class Mean(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(0)

    return nn.Sequential(dense(data), Mean())


class Both(Loop):
    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x), None


def a_pair(data: Data) -> nn.Module:
    return Both(math.prod(data.input_shape), data.n_classes)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lif, self.fc = neuron.LIFNode(step_mode="m"), nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        functional.reset_net(self)
        return self.fc(self.lif(self.lif(x.flatten(2))))


def shared(_data: Data) -> nn.Module:
    return Twice()


def mixed(data: Data) -> nn.Module:
    return nn.ModuleList([loop(data), cnn(data)])


def silent(_data: Data) -> nn.Module:
    return nn.Flatten(2)


def no_module(_data: Data) -> str:
    return "a net"


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (
            more_classes,
            ValueError,
            r"gives \[2, 3, 4\] .*must give .*\[T, B, classes\] = \[2, 3, 3\]: made has 3 classes",
        ),
        (averaged, ValueError, r"gives \[3, 3\] .* the mean over time is the protocol's"),
        (a_pair, ValueError, "gives a tuple for an input"),
        (shared, ValueError, "calls its neuron lif 2 times in 2 steps; give each place a neuron of its own"),
        (mixed, NotAblatable, "has neurons of snntorch and spikingjelly; a network is of one framework"),
        (silent, NotAblatable, "Flatten has no LIF neuron among its modules"),
        (no_module, ValueError, r"is a torch\.nn\.Module, not 'a net'"),
    ],
)
def test_what_a_network_must_be(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(function, backend="snntorch" if function is a_pair else "spikingjelly")


def test_a_model_runs_on_its_own_framework_only() -> None:
    with pytest.raises(NotAblatable, match=r"cnn is a model of spikingjelly, .*\(--backend spikingjelly\)"):
        made(cnn, backend="snntorch")
    with pytest.raises(NotAblatable, match="loop is a model of snntorch"):
        made(loop)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("nowhere:make", r"nowhere:make cannot be made: ModuleNotFoundError: .*; where it is a file, .* --plugin"),
        ("own_networks:nothing", "cannot be made: AttributeError: .* 'nothing'"),
        ("math:sqrt", "cannot be made: TypeError"),
    ],
)
def test_a_network_that_is_not_there_is_named(network: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        own_network(
            get_protocol(f"smoke+network={network}", "mnist"), data(), VARIANTS["baseline"], "spikingjelly", "auto"
        )


def test_operations_of_a_convolution_over_all_steps() -> None:
    """By hand: an image of ones, 8 x 8, meets 3 x 3 weights of 4 channels at 6 x 6 places, in T steps."""
    from suite.experiments.spike_rate import counted

    network = made(cnn)
    with counted(network) as operations:
        network(torch.ones(T, 2, *SHAPE))
    first = T * 2 * 4 * 9 * 36
    assert operations["effective_acs"] >= first
    assert operations["dense_operations"] == first + T * 2 * (144 * 6 + 6 * CLASSES)


def test_a_network_of_the_suite_s_own_is_what_it_was() -> None:
    assert not isinstance(
        build(data(), get_protocol("smoke", "mnist"), VARIANTS["baseline"], "snntorch", "auto"), OwnNetwork
    )
    assert own.STEPS > 1  # or a neuron called once a step would look like one called once
