"""What a neuron of the frameworks has is carried over to the variant in its place, or refused."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest
import snntorch
import torch
from ablate_cases import (
    CURRENT,
    DENSE,
    Forward,
    assert_same,
    by_steps,
    loop,
    result,
    whole,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch import surrogate as snn_surrogate
from snntorch import utils
from spikingjelly.activation_based import monitor, neuron, surrogate
from torch import Tensor, nn

from neurons import NotAblatable, Variant, VariantLeaky, VariantLIFNode, ablate, rectangle, sigmoid

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


def hidden_loop(model: nn.Module, x: Tensor) -> Tensor:
    """One neuron that keeps its state."""
    utils.reset(nn.Sequential(model))
    outputs = [model(x_t) for x_t in x]
    return torch.stack([torch.stack(out) if isinstance(out, tuple) else out for out in outputs])


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


# together


@settings(max_examples=60, deadline=None)
@given(
    tau=st.floats(1.05, 20),
    decay_input=st.booleans(),
    v_threshold=st.floats(0.1, 2),
    v_reset=st.sampled_from([0.0, None]),
    own=st.sampled_from([surrogate.Sigmoid(), surrogate.ATan(), surrogate.Rect(), surrogate.Erf()]),
    detach_reset=st.booleans(),
    trained=st.booleans(),
    shape=st.sampled_from([(4,), (2, 3), (2, 3, 2)]),
    engine=st.sampled_from(["step", "fused", "auto"]),
    seed=st.integers(0, 99),
)
def test_all_options_of_a_spikingjelly_neuron_at_once(
    tau: float,
    decay_input: bool,
    v_threshold: float,
    v_reset: float | None,
    own: Any,
    detach_reset: bool,
    trained: bool,
    shape: tuple[int, ...],
    engine: str,
    seed: int,
) -> None:
    kind, k = (neuron.ParametricLIFNode, "init_tau") if trained else (neuron.LIFNode, "tau")
    options = {k: tau, "decay_input": decay_input, "v_threshold": v_threshold, "v_reset": v_reset, "step_mode": "m"}
    node = kind(**options, surrogate_function=own, detach_reset=detach_reset).double()
    x = torch.randn(8, 2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 4
    ours = ablate(node, "baseline", engine="auto" if isinstance(own, surrogate.Erf) else engine)
    (expected, slopes), (found, gradients) = result(node, x), result(ours, x)
    assert torch.equal(found, expected)
    for a, b in zip(slopes, gradients, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("node", "variant", "same"),
    [
        (neuron.LIFNode(tau=3.0, decay_input=False), "without_leakage", neuron.IFNode()),
        (neuron.LIFNode(tau=3.0, decay_input=False, v_reset=None), "without_leakage", neuron.IFNode(v_reset=None)),
        (
            neuron.ParametricLIFNode(decay_input=False, detach_reset=True),
            "without_leakage",
            neuron.IFNode(detach_reset=True),
        ),
        (neuron.LIFNode(), Variant("mine", leakage=0.75, input_gain="1-k"), neuron.LIFNode(tau=4.0)),
        (neuron.LIFNode(decay_input=False), Variant("mine", leakage=0.75), neuron.LIFNode(tau=4.0, decay_input=False)),
        (neuron.IFNode(), Variant("mine", reset="subtract"), neuron.IFNode(v_reset=None)),
    ],
    ids=str,
)
def test_a_variant_that_spikingjelly_has_too_is_its_own(node: Any, variant: Any, same: Any) -> None:
    node.step_mode = same.step_mode = "m"
    (expected, slopes), (found, own) = result(same, DENSE), result(ablate(node, variant), DENSE)
    assert expected.any()
    assert torch.equal(found, expected)
    torch.testing.assert_close(own[0], slopes[0])


@pytest.mark.parametrize(
    ("options", "variant", "same"),
    [
        ({}, "without_leakage", {"beta": 1.0}),
        ({"learn_beta": True}, "complete_leakage", {"beta": 0.0}),
        ({}, "without_reset", {"reset_mechanism": "none"}),
        ({"reset_mechanism": "zero"}, Variant("mine", leakage=0.25), {"beta": 0.25, "reset_mechanism": "zero"}),
    ],
    ids=str,
)
def test_a_variant_that_snntorch_has_too_is_its_own(options: Any, variant: Any, same: Any) -> None:
    ours, theirs = ablate(snntorch.Leaky(0.9, **options), variant), snntorch.Leaky(**{"beta": 0.9, **options, **same})
    (expected, slopes), (found, own) = result(theirs, CURRENT, loop), result(ours, CURRENT, loop)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(own[0], slopes[0])
