from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons import VARIANTS, Variant, multi_gaussian
from suite.datasets.base import Data
from suite.datasets.xor import load
from suite.inputs import Events, Static
from suite.models.build import build, why_not
from suite.models.fc import FCNet, InputLinear
from suite.models.readout import logits, loss
from suite.protocols import Curriculum, StepLR
from suite.registry import datasets, get_protocol, protocols_of, variants


def events(T: int, B: int, N: int, seed: int, weighted: bool) -> Events:
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 4, (T * B,), generator=generator)
    offset = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
    unit = torch.randint(0, N, (int(offset[-1]),), generator=generator)
    weight = torch.rand(len(unit), generator=generator) if weighted else None
    return Events(unit, offset, weight, (T, B, N))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_first_layer_gives_the_same_for_events_and_dense_input(
    T: int, B: int, N: int, H: int, weighted: bool, seed: int
) -> None:
    layer = InputLinear(N, H).double()
    sparse = events(T, B, N, seed, weighted)
    if sparse.weight is not None:
        sparse = replace(sparse, weight=sparse.weight.double())
    gradients = []
    for x in (sparse, sparse.dense().double()):
        layer.zero_grad()
        current = layer(x)
        assert current.shape == (T, B, H)
        current.pow(2).sum().backward()
        gradients.append((current.detach(), layer.weight_t.grad.clone(), layer.bias.grad.clone()))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_first_layer_multiplies_a_static_image_once() -> None:
    layer = InputLinear(12, 3)
    static = Static(torch.randn(5, 3, 4), n_steps=7)
    current = layer(static)
    assert current.shape == (5, 3)
    torch.testing.assert_close(current.expand(7, 5, 3), layer(static.dense()))


def test_first_layer_starts_as_torch_linear_does() -> None:
    torch.manual_seed(1)
    ours = InputLinear(6, 4)
    torch.manual_seed(1)
    theirs = torch.nn.Linear(6, 4)
    x = torch.randn(2, 3, 6)
    torch.testing.assert_close(ours(x), theirs(x))


def dataset(shape: tuple[int, ...], n_classes: int, n_steps: int) -> Data:
    empty: Any = None
    return Data("made", "generated", "0", n_classes, shape, n_steps, empty, empty, empty)


TABLE_4 = {
    "shd": ((700,), 20, [700 * 64, 64, 64, 64 * 20, 20, 20]),
    "ssc": ((700,), 35, [700 * 200, 200, 200, 200 * 35, 35, 35]),
    "n_mnist": ((2312,), 10, [2312 * 512, 512, 512 * 10, 10]),
    "dvs128_gesture": ((2048,), 11, [2048 * 512, 512, 512 * 512, 512, 512 * 11, 11]),
    "mnist": ((1, 28, 28), 10, [784 * 512, 512, 512 * 10, 10]),  # and, in the suite's protocol, the readout's leaks
}


@pytest.mark.parametrize("name", TABLE_4)
@pytest.mark.parametrize("protocol", ["suite", "paper"])
def test_table_4_sizes(name: str, protocol: str) -> None:
    shape, n_classes, sizes = TABLE_4[name]
    net = build(dataset(shape, n_classes, 4), get_protocol(protocol, name), variants["baseline"], "snntorch", "auto")
    leaks = [n_classes] if (name, protocol) == ("mnist", "suite") else []
    assert sorted(p.numel() for p in net.parameters()) == sorted(sizes + leaks)


@pytest.mark.parametrize("backend", ["spikingjelly", "snntorch"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["xor", "n_mnist"])
def test_every_variant_learns_in_every_layer(name: str, variant: str, backend: str) -> None:
    """Every parameter of the networks with either readout gets a gradient."""
    torch.manual_seed(0)
    protocol = replace(get_protocol("smoke", name), surrogate=multi_gaussian(), threshold=0.3)
    net = build(dataset((12,), 3, 9), protocol, variants[variant], backend, "auto")
    output, spikes = net(torch.rand(9, 4, 12) * 2)
    assert output.shape == (9, 4, 3)
    assert [s.shape for s in spikes] == [(9, 4, n) for n in protocol.hidden]
    loss(logits(output, protocol), torch.tensor([0, 1, 2, 0]), protocol).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for _, p in net.named_parameters())


def test_recurrence_is_in_the_hidden_layers_only() -> None:
    net = build(
        dataset((12,), 3, 9), get_protocol("suite", "dvs128_gesture"), variants["with_recurrence"], "snntorch", "auto"
    )
    assert [tuple(p.shape) for name, p in net.named_parameters() if "recurrent" in name] == [(512, 512), (512, 512)]


@pytest.mark.parametrize("variant", ["baseline", "without_leakage", "complete_leakage", "without_reset"])
def test_both_backends_and_engines_are_the_same_network(variant: str) -> None:
    data = dataset((12,), 3, 9)
    protocol = get_protocol("smoke", "n_mnist")
    x = torch.rand(9, 4, 12) * 2
    outputs = []
    for backend in ("spikingjelly", "snntorch"):
        for engine in ("step", "fused"):
            torch.manual_seed(0)
            outputs.append(build(data, protocol, variants[variant], backend, engine)(x)[0])
    assert outputs[0].sum() > 0
    assert all(torch.equal(outputs[0], other) for other in outputs[1:])


def test_resnet18_runs_on_both_backends_and_counts_its_layers() -> None:
    protocol = replace(get_protocol("suite", "cifar10"), hidden=(4,))
    image = Static(torch.randn(2, 3, 32, 32), n_steps=3)
    outputs = []
    for backend in ("spikingjelly", "snntorch"):
        torch.manual_seed(0)
        net = build(dataset((3, 32, 32), 10, 3), protocol, variants["without_reset"], backend, "auto")
        output, spikes = net(image)
        assert output.shape == (3, 2, 10)
        assert len(spikes) == 17
        assert spikes[-1].shape == (3, 2, 32, 4, 4)
        outputs.append(output)
        torch.testing.assert_close(output, net(image.dense())[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(outputs[0], outputs[1])
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 1 + 16 + 3  # ResNet18: stem, eight blocks of two, three shortcuts


def test_resnet18_has_the_published_number_of_weights() -> None:
    """11.17 million, as every CIFAR ResNet18 with a 3x3 stem."""
    net = build(dataset((3, 32, 32), 10, 4), get_protocol("suite", "cifar10"), variants["baseline"], "snntorch", "auto")
    assert sum(p.numel() for p in net.parameters()) == 11_173_962


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (VARIANTS["with_recurrence"], "is recurrent, and a convolutional ResNet18"),
        (variants["lstm"], "lstm replaces fully connected"),
        (Variant("mine", leakage="learnable"), "learnable leak per neuron"),
    ],
)
def test_what_a_resnet_cannot_be(model: Any, message: str) -> None:
    protocol = get_protocol("suite", "cifar10")
    assert message in (why_not(model, protocol) or "")
    with pytest.raises(ValueError, match=message):
        build(dataset((3, 32, 32), 10, 4), protocol, model, "snntorch", "auto")


@pytest.mark.parametrize(("name", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
def test_recurrent_baselines(name: str, gates: int) -> None:
    net = build(dataset((2312,), 10, 15), get_protocol("suite", "n_mnist"), variants[name], "torch", "auto")
    expected = gates * 512 * (2312 + 512 + 2) + 512 * 10 + 10
    assert sum(p.numel() for p in net.parameters()) == expected
    sparse = events(15, 2, 2312, 0, weighted=False)
    output, spikes = net(sparse)
    assert output.shape == (15, 2, 10)
    assert spikes == []
    torch.testing.assert_close(output, net(sparse.dense())[0])


def test_logits_and_losses_by_hand() -> None:
    output = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]], [[0.0, 4.0]]])  # [3, 1, 2]
    protocol = get_protocol("suite", "mnist")
    assert logits(output, protocol).tolist() == [[pytest.approx(1 / 3), 2.0]]
    last = replace(protocol, last_steps=2)
    assert logits(output, last).tolist() == [[0.0, 3.0]]
    y = torch.tensor([1])
    assert loss(torch.tensor([[0.25, 0.5]]), y, replace(protocol, loss="mse")).item() == pytest.approx(
        (0.25**2 + 0.5**2) / 2
    )
    entropy = loss(torch.tensor([[0.0, 1.0]]), y, replace(protocol, loss="cross_entropy")).item()
    assert entropy == pytest.approx(0.31326, abs=1e-5)  # log(1 + e^-1)


def test_protocols_have_table_5_s_values() -> None:
    """Epochs, batch size, learning rate, threshold, surrogate width, schedule."""
    spatial = {"n_mnist": 1024, "dvs128_gesture": 1024, "mnist": 512, "cifar10": 512}
    for name, batch in spatial.items():
        p = get_protocol("paper", name)
        assert (p.epochs, p.batch_size, p.learning_rate, p.threshold) == (100, batch, 1e-4, 0.3)
        assert (str(p.surrogate), p.schedule.factor(25, 100)) == ("rectangle(0.25)", pytest.approx(0.1))
        assert p.leakage == 0.3
    for name in ("shd", "ssc"):
        p = get_protocol("paper", name)
        assert (p.epochs, p.batch_size, p.learning_rate, p.threshold) == (100, 512, 1e-2, 0.5)
        assert (str(p.surrogate), p.schedule.factor(20, 100)) == ("rectangle(0.5)", 0.5)
        assert p.leakage != 0.3


def test_unknown_protocols_and_datasets() -> None:
    with pytest.raises(ValueError, match="unknown protocol 'suit'; did you mean 'suite'"):
        get_protocol("suit", "xor")
    with pytest.raises(ValueError, match="unknown dataset 'xorr'; did you mean 'xor'"):
        get_protocol("suite", "xorr")
    with pytest.raises(ValueError, match=r"dataset 'fsdd' has no protocol 'paper' \(it has: smoke, suite\)"):
        get_protocol("paper", "fsdd")


def test_every_protocol_is_json() -> None:
    import json

    for name in datasets:
        for protocol in protocols_of(name).values():
            assert json.dumps(protocol.as_dict())


def test_a_protocol_s_identity_leaves_out_defaults_and_keeps_every_change() -> None:
    suite = get_protocol("suite", "mnist")
    assert "clip" not in suite.as_dict()
    for change in ({"clip": 1.0}, {"leakage": 0.5}, {"curriculum": Curriculum(9)}, {"schedule": StepLR(2, 0.5)}):
        assert replace(suite, **change).as_dict() != suite.as_dict()


def test_xor_network_is_20_16_2() -> None:
    net = build(load(), get_protocol("suite", "xor"), variants["baseline"], "spikingjelly", "auto")
    assert isinstance(net, FCNet)
    assert sorted(p.numel() for p in net.parameters()) == sorted([20 * 16, 16, 16, 16 * 2, 2, 2])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler's own doing
@pytest.mark.parametrize("name", ["mnist", "fsdd"])
def test_torch_compile_leaves_the_kernels_alone(name: str) -> None:
    """They are breaks in the graph, and no errors; events and static images alike."""
    protocol = get_protocol("smoke", name)
    x = Static(torch.rand(3, 20), 4) if name == "mnist" else events(4, 3, 20, 0, False)
    dataset = replace(load(), input_shape=(20,))
    net = build(dataset, protocol, variants["with_recurrence"], "spikingjelly", "fused")
    compiled = torch.compile(net, backend="eager")
    gradients = []
    for call in (net, compiled):
        output, _ = call(x)
        gradients.append((output, *torch.autograd.grad(output.sum(), list(net.parameters()))))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
