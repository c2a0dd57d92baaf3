"""A copy of somebody's model with the variants as its neurons: what is the same, what is changed, what is refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
import snntorch
import torch
from snntorch import surrogate as snn_surrogate
from snntorch import utils
from spikingjelly.activation_based import functional, layer, monitor, neuron, surrogate
from spikingjelly.activation_based.model import spiking_resnet, spiking_vgg
from torch import Tensor, nn

from neurons import NotAblatable, Variant, VariantLeaky, VariantLIFNode, ablate, make_neuron, rectangle, sigmoid
from neurons.ablation import lif_neurons

DENSE = torch.rand(7, 3, 5, dtype=torch.float64) * 3
"""An input current [T, B, n], or seven of one step."""

Forward = Callable[[nn.Module, Tensor], Tensor]


def whole(model: nn.Module, x: Tensor) -> Tensor:
    functional.reset_net(model)
    return model(x)


def by_steps(model: nn.Module, x: Tensor) -> Tensor:
    functional.reset_net(model)
    return torch.stack([model(x_t) for x_t in x])


def result(model: nn.Module, x: Tensor, forward: Forward = whole) -> tuple[Tensor, list[Tensor]]:
    """Output, and the gradients of the input and of all weights, in the order of their names without the neurons'."""
    x = x.clone().requires_grad_()
    output = forward(model, x)
    score = (output * torch.linspace(0.5, 1.5, output.numel(), dtype=output.dtype).view_as(output)).sum()
    return output.detach(), list(torch.autograd.grad(score, [x, *model.parameters()], allow_unused=True))


def assert_same(model: nn.Module, x: Tensor, forward: Forward = whole, least: float = 0.01) -> nn.Module:
    """`ablate(model, "baseline")` computes what the model does, in which something happens."""
    ours = ablate(model, "baseline")
    (expected, slopes), (found, own) = result(model, x, forward), result(ours, x, forward)
    assert expected.abs().mean() > least
    assert torch.equal(found, expected) if set(expected.unique().tolist()) <= {0.0, 1.0} else True
    torch.testing.assert_close(found, expected)
    assert any(slope is not None and bool(slope.any()) for slope in slopes)
    for a, b in zip(slopes, own, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(b, a)
    return ours


# SpikingJelly: every attribute of a neuron

SPIKINGJELLY: dict[type[nn.Module], dict[str, Any]] = {
    kind: {
        **own,
        "v_threshold": 0.75,
        "v_reset": None,
        "surrogate_function": surrogate.ATan(3.0),
        "detach_reset": True,
        "step_mode": "s",
        "store_v_seq": True,
    }
    for kind, own in (
        (neuron.LIFNode, {"tau": 3.0, "decay_input": False}),
        (neuron.IFNode, {}),
        (neuron.ParametricLIFNode, {"init_tau": 3.0, "decay_input": False}),
    )
}
"""Another value than the default for each option of the constructors: all of them are carried over."""


@pytest.mark.parametrize("kind", SPIKINGJELLY)
def test_every_option_of_a_spikingjelly_neuron_is_known(kind: type[nn.Module]) -> None:
    assert set(signature(kind).parameters) == set(SPIKINGJELLY[kind])


@pytest.mark.parametrize(("kind", "option"), [(kind, name) for kind, own in SPIKINGJELLY.items() for name in own])
def test_an_option_of_a_spikingjelly_neuron_is_carried_over(kind: type[nn.Module], option: str) -> None:
    value = SPIKINGJELLY[kind][option]
    multi = {} if option == "step_mode" else {"step_mode": "m"}
    forward = by_steps if option == "step_mode" else whole
    usual, node = kind(step_mode="m").double(), kind(**{option: value, **multi}).double()
    ours = assert_same(node, DENSE, forward)
    assert isinstance(ours, VariantLIFNode)
    if option == "step_mode":
        assert ours.step_mode == "s"
    elif option == "store_v_seq":
        torch.testing.assert_close(ours.v_seq, node.v_seq)
    else:  # the option says something here: without it the result is another
        (output, slopes), (other, others) = result(node, DENSE), result(usual, DENSE)
        assert not torch.equal(output, other) or not torch.allclose(slopes[0], others[0])


@pytest.mark.parametrize("kind", SPIKINGJELLY)
@pytest.mark.parametrize("shape", [(4,), (2, 5), (3, 4, 4)])
@pytest.mark.parametrize("engine", ["auto", "step", "fused"])
def test_any_shape_on_any_engine(kind: type[nn.Module], shape: tuple[int, ...], engine: str) -> None:
    x = torch.rand(6, 2, *shape, dtype=torch.float64) * (1 if kind is neuron.IFNode else 3)
    node = kind(step_mode="m", v_reset=None).double()
    (expected, slopes), (found, own) = result(node, x), result(ablate(node, "baseline", engine=engine), x)
    assert 0.05 < expected.mean() < 0.95
    assert torch.equal(found, expected)
    for a, b in zip(slopes, own, strict=True):
        torch.testing.assert_close(b, a)


@pytest.mark.parametrize(
    ("own", "kernel"),
    [
        (surrogate.Sigmoid(), sigmoid(4.0)),
        (surrogate.Sigmoid(alpha=2.5), sigmoid(2.5)),
        (surrogate.Rect(alpha=2.0), rectangle(0.25)),
        (surrogate.Erf(), None),
        (surrogate.PiecewiseQuadratic(alpha=0.5), None),
        (surrogate.Sigmoid(spiking=False), None),  # graded: its primitive function
    ],
    ids=repr,
)
def test_surrogates_are_carried_over_and_those_that_kernels_know_run_in_one(own: Any, kernel: Any) -> None:
    node = neuron.LIFNode(surrogate_function=own, step_mode="m")
    ours = assert_same(node, DENSE)
    if kernel is None:
        assert type(ours.surrogate_function) is type(own)
        assert ours.surrogate_function is not own  # a copy shares nothing
    else:
        assert ours.surrogate_function == kernel


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda node: setattr(node, "v_reset", -0.5), r"its v_reset is -0\.5, and a variant resets to 0"),
        (lambda node: setattr(node, "v_threshold", nn.Parameter(torch.tensor(1.0))), "its v_threshold is trained"),
        (lambda node: setattr(node, "v_threshold", 0.0), r"threshold u_th = 0\.0 must be positive"),
        (lambda node: setattr(node, "tau", torch.tensor(2.0)), "its tau is tensor"),
        (lambda node: setattr(node, "tau", 0.5), r"its tau is 0\.5, which is no number from 1"),
        (lambda node: node.set_reset_value("v", 0.25), r"its v starts at 0\.25, and a variant at 0"),
        (lambda node: setattr(node, "_neuron_precision", ("fp16",) * 3), "its precision is set"),
        (lambda node: monitor.OutputMonitor(node, neuron.LIFNode), "it has a hook, as a monitor gives one"),
    ],
)
def test_what_a_spikingjelly_neuron_has_beyond_a_variant_is_refused(change: Any, message: str) -> None:
    model = nn.Sequential(nn.Linear(5, 5), neuron.LIFNode())
    ablate(model, "baseline")
    kept = change(model[1])
    with pytest.raises(NotAblatable, match=rf"^1 \(LIFNode\) cannot be 'baseline': {message}") as refused:
        ablate(model, "baseline")
    assert "leave it as it is by naming the others" in str(refused.value)
    del kept


# snnTorch: every attribute of a neuron


def loop(model: nn.Module, x: Tensor) -> Tensor:
    """One neuron in the user's loop over time: spikes and potentials."""
    mem, spikes, potentials = model.reset_mem(), [], []
    for x_t in x:
        spk, mem = model(x_t, mem)
        spikes.append(spk)
        potentials.append(mem)
    return torch.stack([torch.stack(spikes), torch.stack(potentials)])


def hidden_loop(model: nn.Module, x: Tensor) -> Tensor:
    """One neuron that keeps its state."""
    utils.reset(nn.Sequential(model))
    outputs = [model(x_t) for x_t in x]
    return torch.stack([torch.stack(out) if isinstance(out, tuple) else out for out in outputs])


CURRENT = DENSE.float()
STEP_SIZES = torch.rand(5)

SNNTORCH_CARRIED: dict[str, tuple[Any, Forward]] = {
    "beta": (0.6, loop),
    "threshold": (0.75, loop),
    "spike_grad": (snn_surrogate.fast_sigmoid(slope=5), loop),
    "surrogate_disable": (True, loop),
    "init_hidden": (True, hidden_loop),
    "learn_beta": (True, loop),
    "reset_mechanism": ("zero", loop),
    "output": (True, loop),
}
SNNTORCH_REFUSED: dict[str, Any] = {
    "inhibition": True,
    "learn_threshold": True,
    "state_quant": lambda mem: mem.round(),
    "graded_spikes_factor": 0.5,
    "learn_graded_spikes_factor": True,
    "reset_delay": False,
}


def test_every_option_of_a_leaky_is_known() -> None:
    assert set(signature(snntorch.Leaky).parameters) == {*SNNTORCH_CARRIED, *SNNTORCH_REFUSED}


@pytest.mark.parametrize("option", SNNTORCH_CARRIED)
def test_an_option_of_a_leaky_is_carried_over(option: str) -> None:
    value, forward = SNNTORCH_CARRIED[option]
    lif = snntorch.Leaky(**{"beta": 0.9, option: value})
    if option == "surrogate_disable":
        ours = ablate(lif, "baseline")
        with torch.no_grad():
            assert torch.equal(loop(ours, CURRENT), loop(lif, CURRENT))
        return
    ours = assert_same(lif, CURRENT, forward)
    assert isinstance(ours, VariantLeaky)
    if option == "init_hidden":
        with pytest.raises(TypeError, match="init_hidden"):
            ours(CURRENT[0], CURRENT[0])
    elif option == "learn_beta":
        assert [name for name, _ in ours.named_parameters()] == ["leak.beta"]
    elif option != "output":
        (output, slopes), (other, others) = result(lif, CURRENT, loop), result(snntorch.Leaky(0.9), CURRENT, loop)
        assert not torch.equal(output, other) or not torch.allclose(slopes[0], others[0])


@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@pytest.mark.parametrize(
    "beta",
    [0.9, 1.5, torch.tensor([0.9]), STEP_SIZES, STEP_SIZES[:, None, None]],
    ids=["number", "clamped to 1", "one in a list", "one a neuron", "one a channel"],
)
def test_a_leaky_of_any_leak_and_reset(mechanism: str, beta: Any) -> None:
    x = torch.rand(9, 2, 5, 3, 3) * 2 if isinstance(beta, Tensor) and beta.ndim == 3 else CURRENT
    lif = snntorch.Leaky(beta, reset_mechanism=mechanism)
    ours = assert_same(lif, x, loop)
    torch.testing.assert_close(ours.beta.float(), lif.beta.clamp(0, 1).reshape(ours.beta.shape))


def test_snntorch_s_late_reset_by_hand() -> None:
    """u = 0.5 u + x - o: with 3 at first 3, 0.5, 0.25; before the leak it would be 3, 1, 0."""
    x = torch.tensor([3.0, 0.0, 0.0, 0.0]).view(4, 1, 1)
    lif = snntorch.Leaky(0.5, reset_mechanism="subtract")
    ours = ablate(lif, "baseline")
    assert loop(ours, x)[1].flatten().tolist() == [3.0, 0.5, 0.25, 0.125]
    assert loop(ours, x)[0].flatten().tolist() == [1.0, 0.0, 0.0, 0.0]
    early = ablate(snntorch.Leaky(0.5, reset_mechanism="zero"), Variant("soft", reset="subtract"))
    assert loop(early, x)[1].flatten().tolist() == [3.0, 1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (kind, option)
        for kind in ("Leaky", "RLeaky")
        for option in SNNTORCH_REFUSED
        if option in signature(getattr(snntorch, kind)).parameters
    ],
)
@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
def test_what_an_snntorch_neuron_has_beyond_a_variant_is_refused(kind: str, option: str) -> None:
    model = nn.ModuleDict({"lif1": getattr(snntorch, kind)(0.9, **RLEAKY[kind], **{option: SNNTORCH_REFUSED[option]})})
    said = option.removeprefix("learn_graded_").removeprefix("graded_")
    with pytest.raises(NotAblatable, match=rf"^lif1 \({kind}\) cannot be 'baseline': it.*{said}.*"):
        ablate(model, "baseline")


def test_several_thresholds_are_refused() -> None:
    model = nn.Sequential(snntorch.Leaky(0.9, threshold=torch.ones(5)))
    with pytest.raises(NotAblatable, match=r"^0 \(Leaky\) cannot be 'baseline': it has several thresholds"):
        ablate(model, "baseline")


def test_a_state_from_random_numbers_is_the_caller_s_in_snntorch() -> None:
    uniform = Variant("uniform", initial_state="uniform")
    with pytest.raises(NotAblatable, match="here the first one is the caller's"):
        ablate(snntorch.Leaky(0.9), uniform)
    ours = ablate(neuron.IFNode(step_mode="m"), uniform)
    ours(torch.zeros(1, 2, 400))
    assert 0.4 < float(ours.v.mean()) < 0.6


# RLeaky

RLEAKY: dict[str, dict[str, Any]] = {"Leaky": {}, "RLeaky": {"linear_features": 5}}


def recurrent_loop(model: nn.Module, x: Tensor) -> Tensor:
    spk, mem = model.reset_mem()
    outputs = []
    for x_t in x:
        spk, mem = model(x_t, spk, mem)
        outputs.append(torch.stack([spk, mem]))
    return torch.stack(outputs)


@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@pytest.mark.parametrize("options", [{"linear_features": 5}, {"all_to_all": False, "V": 0.5}], ids=str)
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_an_rleaky_keeps_its_recurrence(mechanism: str, options: dict[str, Any], variant: str) -> None:
    lif = snntorch.RLeaky(0.8, reset_mechanism=mechanism, learn_beta=True, **options)
    ours = ablate(lif, variant)
    for a, b in zip(result(lif, CURRENT, recurrent_loop), result(ours, CURRENT, recurrent_loop), strict=True):
        torch.testing.assert_close(b, a)


@pytest.mark.parametrize(
    ("variant", "same"),
    [
        ("without_leakage", {"beta": 1.0}),
        ("complete_leakage", {"beta": 0.0}),
        ("without_reset", {"reset_mechanism": "none"}),
        ("without_leakage+without_reset+with_recurrence", {"beta": 1.0, "reset_mechanism": "none"}),
    ],
)
def test_what_a_variant_changes_of_an_rleaky(variant: str, same: dict[str, Any]) -> None:
    lif = snntorch.RLeaky(0.8, linear_features=5, learn_beta=True)
    other = snntorch.RLeaky(**{"beta": 0.8, **same}, linear_features=5)
    other.recurrent.load_state_dict(lif.recurrent.state_dict())
    assert torch.equal(recurrent_loop(ablate(lif, variant), CURRENT), recurrent_loop(other, CURRENT))
    assert lif.reset_mechanism == "subtract"
    assert isinstance(lif.beta, nn.Parameter)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (Variant("learnt", leakage="learnable"), "an RLeaky has no learnable leak for each neuron"),
        (Variant("scaled", input_gain="1-k"), "an RLeaky does not scale its input"),
        (Variant("soft", reset="subtract"), "an RLeaky has no reset 'subtract' before the leak"),
    ],
)
def test_what_an_rleaky_cannot_be(variant: Variant, message: str) -> None:
    lif = snntorch.RLeaky(0.8, linear_features=5, reset_mechanism="zero")
    with pytest.raises(NotAblatable, match=f"^the model, a RLeaky, cannot be .*{message}"):
        ablate(lif, variant, example=CURRENT[0])


def test_an_rleaky_in_use_is_copied_at_rest() -> None:
    lif = snntorch.RLeaky(0.8, linear_features=5)
    recurrent_loop(lif, CURRENT.clone().requires_grad_())  # leaves a graph in its states
    ours = ablate(lif, "baseline")
    assert ours.mem.numel() == ours.spk.numel() == 0
    assert lif.mem.numel() == 15


# whole models, as the frameworks' tutorials build them


class CSNN(nn.Module):
    """SpikingJelly's tutorial "Convolutional SNN to classify FMNIST", smaller."""

    def __init__(self, T: int = 4, channels: int = 8, node: type[nn.Module] = neuron.IFNode) -> None:
        super().__init__()
        self.T = T
        self.conv_fc = nn.Sequential(
            layer.Conv2d(1, channels, kernel_size=3, padding=1, bias=False),
            layer.BatchNorm2d(channels),
            node(surrogate_function=surrogate.ATan()),
            layer.MaxPool2d(2, 2),
            layer.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            layer.BatchNorm2d(channels),
            node(surrogate_function=surrogate.ATan()),
            layer.MaxPool2d(2, 2),
            layer.Flatten(),
            layer.Linear(channels * 4 * 4, 32, bias=False),
            node(surrogate_function=surrogate.ATan()),
            layer.Linear(32, 10, bias=False),
            node(surrogate_function=surrogate.ATan()),
        )
        functional.set_step_mode(self, step_mode="m")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_fc(x.unsqueeze(0).repeat(self.T, 1, 1, 1, 1)).mean(0)


def lively(model: nn.Module) -> nn.Module:
    """In float64, with weights so large that the last layer's neurons fire too."""
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.BatchNorm2d):
            with torch.no_grad():
                part.weight.mul_(15)
    return model.double()


@pytest.mark.parametrize("node", [neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode])
def test_a_csnn(node: type[nn.Module]) -> None:
    model = lively(CSNN(node=node))
    image = torch.rand(3, 1, 16, 16, dtype=torch.float64)
    assert_same(model, image)
    model.eval()
    assert_same(model, image)


def test_a_csnn_that_is_stepped() -> None:
    """As in the tutorial "Classify MNIST": a loop over time around a model in step mode s."""
    model = lively(CSNN(node=neuron.LIFNode)).conv_fc
    functional.set_step_mode(model, "s")
    assert_same(model, torch.rand(5, 3, 1, 16, 16, dtype=torch.float64), by_steps)


def test_seq_to_ann_and_step_containers() -> None:
    model = nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)),
        neuron.LIFNode(tau=2.0, step_mode="m", detach_reset=True),
        layer.MultiStepContainer(nn.Conv2d(4, 4, 3), neuron.LIFNode(v_reset=None)),
        layer.SeqToANNContainer(nn.Flatten(), nn.Linear(64, 6)),
        neuron.ParametricLIFNode(step_mode="m"),
    )
    assert_same(lively(model), torch.rand(5, 2, 2, 6, 6, dtype=torch.float64))


def vgg() -> nn.Module:
    options = {"spiking_neuron": neuron.LIFNode, "surrogate_function": surrogate.ATan(), "detach_reset": True}
    model = spiking_vgg.SpikingVGG([8, "M", 16, 16], batch_norm=True, norm_layer=layer.BatchNorm2d, **options)
    model.avgpool, model.classifier = nn.Identity(), nn.Identity()  # whose 120 million weights show nothing here
    model.avgpool.step_mode = "none"
    return model


def resnet() -> nn.Module:
    block = spiking_resnet.BasicBlock
    return spiking_resnet.SpikingResNet(block, [1, 1, 1, 1], num_classes=5, spiking_neuron=neuron.IFNode)


@pytest.mark.parametrize("make", [vgg, resnet])
def test_spikingjelly_s_own_models(make: Callable[[], nn.Module]) -> None:
    model = make()
    functional.set_step_mode(model, "m")
    ours = assert_same(lively(model), torch.rand(4, 2, 3, 32, 32, dtype=torch.float64))
    assert not any(type(part) in (neuron.LIFNode, neuron.IFNode) for part in ours.modules())


class Net(nn.Module):
    """snnTorch's tutorial 5, "Training Spiking Neural Networks", smaller."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.fc1 = nn.Linear(12, 20)
        self.lif1 = snntorch.Leaky(beta=0.95, **options)
        self.fc2 = nn.Linear(20, 4)
        self.lif2 = snntorch.Leaky(beta=0.95, **options)

    def forward(self, x: Tensor) -> Tensor:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spk2_rec, mem2_rec = [], []
        for x_t in x:
            spk1, mem1 = self.lif1(self.fc1(x_t), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)
        return torch.stack([torch.stack(spk2_rec), torch.stack(mem2_rec)])


def plain(model: nn.Module, x: Tensor) -> Tensor:
    return model(x)


@pytest.mark.parametrize("options", [{}, {"reset_mechanism": "zero", "learn_beta": True}], ids=str)
def test_an_snntorch_net_with_its_loop_over_time(options: dict[str, Any]) -> None:
    model = Net(**options)
    ours = assert_same(model, torch.rand(10, 3, 12) * 3, plain)
    assert ours(torch.rand(4, 2, 12)).shape == (
        2,
        4,
        2,
        4,
    )  # another batch: init_leaky is at rest, whatever came before


def sequential() -> nn.Module:
    """Tutorial 6's way: nn.Sequential, init_hidden, the last with output=True."""
    grad = snn_surrogate.fast_sigmoid(slope=25)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.MaxPool2d(2),
        snntorch.Leaky(beta=0.5, spike_grad=grad, init_hidden=True),
        nn.Flatten(),
        nn.Linear(4 * 4 * 4, 10),
        snntorch.Leaky(beta=0.5, spike_grad=grad, init_hidden=True, output=True),
    )


def forward_pass(model: nn.Module, x: Tensor) -> Tensor:
    utils.reset(model)
    return torch.stack([torch.stack(model(x_t)) for x_t in x])


def test_an_snntorch_sequential_with_hidden_states_and_utils_reset() -> None:
    x = torch.rand(6, 2, 1, 12, 12) * 4
    ours = assert_same(sequential(), x, forward_pass)
    assert torch.equal(forward_pass(ours, x), forward_pass(ours, x))  # utils.reset reaches the copy


# what stays, and what is shared


def test_the_model_is_left_as_it_was() -> None:
    model = lively(CSNN(node=neuron.LIFNode))
    image = torch.rand(3, 1, 16, 16, dtype=torch.float64)
    model.eval()
    before, output = copy.deepcopy(model.state_dict()), whole(model, image)
    functional.reset_net(model)
    draws = torch.get_rng_state()
    ours = ablate(model, {"conv_fc.10": "with_recurrence"}, example=image)
    assert {name: type(m) for name, m in lif_neurons(model).items()} == dict.fromkeys(
        ("conv_fc.2", "conv_fc.6", "conv_fc.10", "conv_fc.12"), neuron.LIFNode
    )
    assert all(m.v == 0.0 for m in lif_neurons(model).values())  # the example was run on a copy
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    torch.manual_seed(0)
    with torch.no_grad():
        for p in ours.parameters():
            p.add_(1)
    assert torch.equal(whole(model, image), output)
    torch.set_rng_state(draws)


def test_names_and_weights_are_the_model_s() -> None:
    model = CSNN(node=neuron.ParametricLIFNode)
    state, ours = model.state_dict(), ablate(model, "baseline").state_dict()
    changed = {name for name in state if name.endswith(".w")}
    assert set(ours) - set(state) == {name.removesuffix("w") + "leak.w" for name in changed}
    assert set(state) - set(ours) == changed
    assert all(torch.equal(ours[name], state[name]) for name in set(state) & set(ours))
    assert all(torch.equal(ours[name.removesuffix("w") + "leak.w"], state[name]) for name in changed)
    assert set(ablate(Net(), "baseline").state_dict()) < set(Net().state_dict())


def test_a_stock_checkpoint_loads_into_a_net_with_trained_leaks() -> None:
    model, other = Net(learn_beta=True), Net(learn_beta=True)
    with torch.no_grad():
        model.lif1.beta.fill_(0.25)
    ours = ablate(other, "baseline")
    ours.load_state_dict(model.state_dict(), strict=False)
    assert ours.lif1.beta.item() == 0.25


@pytest.mark.parametrize("training", [True, False])
def test_mode_and_frozen_weights_stay(training: bool) -> None:
    model = CSNN(node=neuron.ParametricLIFNode).train(training).requires_grad_(False)
    ours = ablate(model, "baseline")
    assert all(part.training is training for part in ours.modules())
    assert not any(p.requires_grad for p in ours.parameters())


def test_what_is_shared_stays_shared() -> None:
    once, w = neuron.ParametricLIFNode(step_mode="m"), neuron.ParametricLIFNode(step_mode="m")
    w.w = once.w
    model = nn.ModuleDict({"a": once, "b": nn.Sequential(once), "c": w})
    model.favourite = [once]
    ours = ablate(model, "baseline")
    assert ours["a"] is ours["b"][0] is ours.favourite[0]
    assert ours["c"] is not ours["a"]
    assert ours["c"].leak.w is ours["a"].leak.w is not w.w
    named = ablate(model, {"b.0": "without_reset"})
    assert named["a"] is named["b"][0]
    assert type(named["c"]) is neuron.ParametricLIFNode
    with pytest.raises(ValueError, match=r"a and b\.0 are the same neuron, which cannot be two variants"):
        ablate(model, {"a": "baseline", "b.0": "without_reset"})


def test_a_copy_can_be_pickled() -> None:
    model = nn.Sequential(neuron.ParametricLIFNode(step_mode="m"), neuron.LIFNode(step_mode="m", v_reset=None)).double()
    ours = ablate(model, "baseline")
    assert torch.equal(whole(pickle.loads(pickle.dumps(ours)), DENSE), whole(ours, DENSE))


def test_one_neuron_can_be_the_model() -> None:
    assert isinstance(ablate(neuron.LIFNode(), "without_reset"), VariantLIFNode)


def test_a_model_in_use_is_copied_at_rest() -> None:
    model = nn.Sequential(nn.Linear(5, 4), neuron.LIFNode())
    model(DENSE[0].float())
    assert model[1].v.grad_fn is not None
    assert ablate(model, "baseline")[1].v == 0.0
    held = nn.Sequential(neuron.LIFNode(), neuron.KLIFNode())
    held(torch.rand(2, 3, requires_grad=True))
    with pytest.raises(NotAblatable, match=r"cannot be copied, as it holds a state: .* Reset it first"):
        ablate(held, {"0": "baseline"})


# the variants

LIF = {"tau": 4.0, "step_mode": "m"}


@pytest.mark.parametrize(
    ("variant", "u"),
    [
        ("baseline", [1.0, 0.25, 0.4375, 0.828125]),  # k = 3/4, gain 1/4, reset to 0
        ("without_leakage", [1.0, 0.25, 0.5, 1.0]),
        ("complete_leakage", [1.0, 0.25, 0.25, 0.5]),
        ("without_reset", [1.0, 1.0, 1.0, 1.25]),
        (Variant("scaled", input_gain="1-k", leakage=0.0), [4.0, 1.0, 1.0, 2.0]),
        (Variant("louder", input_gain=0.5), [2.0, 0.5, 0.875, 1.65625]),
    ],
    ids=str,
)
def test_variants_of_a_lifnode_by_hand(variant: Any, u: list[float]) -> None:
    """x = 4, 1, 1, 2 with tau = 4: the input counts a quarter, whatever the leak is, unless the variant says so."""
    x = torch.tensor([4.0, 1.0, 1.0, 2.0], dtype=torch.float64).view(4, 1, 1)
    for engine in ("step", "fused"):
        ours = ablate(neuron.LIFNode(**LIF), variant, engine=engine)
        o = ours(x).flatten()
        assert o.tolist() == [float(value >= 1) for value in u]
        last = u[-1] if ours.variant.reset == "none" or o[-1] == 0 else 0.0
        assert ours.v.item() == last


def test_what_the_neuron_had_is_what_the_variant_leaves() -> None:
    node = neuron.LIFNode(tau=4.0, v_reset=None, v_threshold=0.5)
    assert ablate(node, "with_recurrence", example=torch.zeros(1, 3)).variant == Variant(
        "with_recurrence", reset="subtract", recurrent=True, input_gain="1-k"
    )
    assert ablate(node, "without_leakage").variant == Variant(
        "without_leakage", leakage=1.0, reset="subtract", input_gain=0.25
    )
    assert ablate(neuron.LIFNode(tau=4.0, decay_input=False), "complete_leakage").variant.input_gain == "1"
    assert ablate(neuron.IFNode(), "baseline").leak.forward() == 1.0
    assert ablate(neuron.IFNode(), "complete_leakage").leak.forward() == 0.0
    plif = neuron.ParametricLIFNode(init_tau=4.0)
    assert ablate(plif, "without_leakage").variant.input_gain == pytest.approx(0.25)
    assert list(ablate(plif, "without_leakage").parameters()) == []


def test_a_trained_leak_is_trained_as_it_would_have_been() -> None:
    plif = neuron.ParametricLIFNode(step_mode="m").double()
    ours = ablate(plif, "baseline")
    for model in (plif, ours):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            (whole(model, DENSE).mean() - 0.9).square().backward()
            optimizer.step()
    assert plif.w.item() != 0.0
    assert ours.leak.w.item() == pytest.approx(plif.w.item(), abs=1e-12)


def test_recurrence_between_the_neurons_of_a_dense_layer() -> None:
    """By hand: V has one connection, 2, from neuron 0 to neuron 1; the input counts in full."""
    node = neuron.LIFNode(tau=2.0, decay_input=False, step_mode="m")
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]).view(3, 1, 2)
    ours = ablate(nn.Sequential(node), "with_recurrence", example=x)[0]
    v = ours.recurrent.weight
    torch.testing.assert_close(v @ v.T, torch.eye(2))  # orthogonal at first
    with torch.no_grad():
        v.copy_(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    assert ours(x)[:, 0].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


def test_recurrence_in_an_snntorch_net_learns() -> None:
    x = torch.rand(8, 3, 12) * 3
    ours = ablate(Net(), "with_recurrence", example=x)
    assert [ours.lif1.recurrent.weight.shape, ours.lif2.recurrent.weight.shape] == [(20, 20), (4, 4)]
    ours(x).sum().backward()
    assert ours.lif1.recurrent.weight.grad.abs().sum() > 0


def test_parameters_come_in_the_model_s_dtype_and_from_the_global_generator() -> None:
    model = nn.Sequential(nn.Linear(5, 6), neuron.LIFNode()).double()
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(ablate(model, Variant("all", leakage="learnable", recurrent=True), example=DENSE[0]))
    for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True):
        assert a.dtype == torch.float64
        assert torch.equal(a, b)
    assert made[0][1].leak.logit.shape == (6,)
    made[0](DENSE[0])


@pytest.mark.parametrize("variant", ["with_recurrence", Variant("mine", leakage="learnable")])
def test_parameters_for_each_neuron_are_for_dense_layers(variant: Any) -> None:
    model, image = CSNN(), torch.rand(2, 1, 16, 16)
    with pytest.raises(
        NotAblatable, match=r"^conv_fc\.2 \(IFNode\): .*give an input: ablate\(model, variant, example="
    ):
        ablate(model, variant)
    with pytest.raises(NotAblatable, match=r"^conv_fc\.2 \(IFNode\) cannot be .* its neurons lie in \[8, 16, 16\]"):
        ablate(model, variant, example=image)
    ours = ablate(model, {"conv_fc.10": variant, "conv_fc.2": "without_reset"}, example=(image,))
    assert ours.conv_fc[10].n == 32
    assert ours.conv_fc[2].n is None
    assert type(ours.conv_fc[6]) is neuron.IFNode


class Branch(nn.Module):
    """Not all of its neurons are used."""

    def __init__(self) -> None:
        super().__init__()
        self.lif, self.spare = neuron.LIFNode(), neuron.LIFNode()

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(x)


def test_what_the_example_must_show() -> None:
    one = neuron.LIFNode()
    wide = nn.Sequential(nn.Linear(5, 4), one, nn.Linear(4, 3), one)
    with pytest.raises(NotAblatable, match=r"1 \(LIFNode\) .*layers of different shapes, \[4\] and \[3\]"):
        ablate(wide, "with_recurrence", example=DENSE[0].float())
    unused = Branch()
    with pytest.raises(NotAblatable, match=r"^spare \(LIFNode\) cannot be .* the example does not reach it"):
        ablate(unused, "with_recurrence", example=DENSE[0])


# what is refused


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (neuron.KLIFNode(), r"^1\.0 \(KLIFNode\) is no LIF neuron that is known \(SpikingJelly's LIFNode"),
        (snntorch.Synaptic(0.9, 0.8), r"^1\.0 \(Synaptic\) is no LIF neuron that is known"),
        (VariantLIFNode(), "one of this package already: ablate the model that it was made of"),
        (make_neuron("baseline", 3, backend="snntorch"), "one of this package already"),
        (type("Mine", (neuron.LIFNode,), {})(), r"\(Mine\) is no LIF neuron that is known"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_another_kind_of_neuron_is_named(module: nn.Module, message: str) -> None:
    model = nn.Sequential(neuron.LIFNode(), nn.Sequential(module))
    with pytest.raises(NotAblatable, match=message):
        ablate(model, "baseline")
    left = ablate(model, {"0": "baseline"})
    assert type(left[1][0]) is type(module)


def test_a_readout_without_spikes_is_left_as_it_is() -> None:
    model = nn.Sequential(neuron.LIFNode(step_mode="m"), neuron.NonSpikingLIFNode(decode="last_mem"))
    ours = ablate(model, "without_leakage")
    assert type(ours[1]) is neuron.NonSpikingLIFNode


def test_a_model_without_lif_neurons() -> None:
    with pytest.raises(
        NotAblatable, match=r"^Sequential has no LIF neuron among its modules; known are SpikingJelly's"
    ):
        ablate(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), "baseline")


def test_neurons_in_a_plain_list_are_not_overlooked() -> None:
    model = nn.Sequential(neuron.LIFNode())
    model.more = [neuron.IFNode()]
    with pytest.raises(NotAblatable, match="holds a IFNode that is none of its modules, as in a plain list"):
        ablate(model, "baseline")


def test_unknown_names() -> None:
    model = CSNN()
    with pytest.raises(ValueError, match="unknown variant 'basline'; did you mean 'baseline'"):
        ablate(model, "basline")
    with pytest.raises(ValueError, match=r"unknown LIF neuron 'conv_fc\.3'; .*Known: conv_fc\.2, conv_fc\.6"):
        ablate(model, {"conv_fc.3": "baseline"})
    with pytest.raises(ValueError, match="unknown engine 'quick'"):
        ablate(model, "baseline", engine="quick")
    with pytest.raises(ValueError, match="no neuron is named"):
        ablate(model, {})


def test_an_engine_that_is_asked_for_is_used() -> None:
    model = nn.Sequential(neuron.LIFNode(surrogate_function=surrogate.Erf(), step_mode="m"))
    ablate(model, "baseline", engine="auto")(DENSE)
    with pytest.raises(ValueError, match="engine='fused': its surrogate Erf"):
        ablate(model, "baseline", engine="fused")(DENSE)


def test_the_list_of_snntorch_s_neurons_has_those_of_the_copies_and_no_others() -> None:
    model = sequential()
    before = list(snntorch.SpikingNeuron.instances)
    utils.reset(model)
    x = torch.rand(2, 1, 12, 12)
    ours = ablate(model, {"5": "with_recurrence"}, example=x)
    new = [one for one in snntorch.SpikingNeuron.instances if not any(one is old for old in before)]
    assert {id(one) for one in new} == {id(ours[2]), id(ours[5])}
