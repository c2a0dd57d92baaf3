"""One truth for a neuron: whatever a framework's user may set on it, every engine honours, or it is refused."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import snntorch
import torch
from spikingjelly.activation_based import lynxi_exchange, neuron, op_counter, surrogate
from torch import nn
from torch.nn.utils import prune

from neurons import BACKENDS, Learnable, Variant, VariantLeaky, VariantLIFNode, arctan, make_neuron, rectangle
from neurons.kernels import resolve_engine
from neurons.leak import Leak
from neurons.recurrent import Recurrent

CPU = torch.device("cpu")
VARIANTS = ("baseline", "with_recurrence", Variant("scaled", leakage=0.5, input_gain="1-k", reset="subtract"))


def current(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.7


def layer(backend, engine, variant="baseline", n=4, **options):
    torch.manual_seed(0)
    return make_neuron(variant, n, backend=backend, engine=engine, **options)


def both(backend, change, variant="baseline"):
    """Spikes, potentials and gradients with engine "step" and "auto" after `change` was made to the layer."""
    found = []
    for engine in ("step", "auto"):
        one = layer(backend, engine, variant)
        change(one)
        x = current(30, 3, 4).requires_grad_()
        output = one.simulate(x)
        (output.spikes * current(30, 3, 4, seed=1)).sum().backward()
        found.append([output.spikes.detach(), output.potential.detach(), x.grad, *(p.grad for p in one.parameters())])
    return found


def assert_alike(found):
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        assert one is not None


def parameter(name, value):
    """As SpikingJelly's authors advise to train a constant."""

    def change(one):
        delattr(one, name)
        setattr(one, name, nn.Parameter(torch.as_tensor(value)))

    return change


def setting(name, value):
    return lambda one: setattr(one, name, value)


THRESHOLD = {"spikingjelly": "v_threshold", "snntorch": "threshold"}
SURROGATE = {"spikingjelly": "surrogate_function", "snntorch": "spike_grad"}
ANY = [
    *((backend, parameter(THRESHOLD[backend], 0.4)) for backend in BACKENDS),
    *((backend, parameter(THRESHOLD[backend], [0.2, 0.3, 0.4, 0.5])) for backend in BACKENDS),
    *((backend, setting(THRESHOLD[backend], torch.tensor(0.45))) for backend in BACKENDS),
    *((backend, setting(SURROGATE[backend], arctan(3.0))) for backend in BACKENDS),
    *((backend, setting(SURROGATE[backend], surrogate.ATan())) for backend in BACKENDS),
    *((backend, setting(SURROGATE[backend], snntorch.surrogate.fast_sigmoid())) for backend in BACKENDS),
    *((backend, setting("detach_reset", 1)) for backend in BACKENDS),
    *((backend, setting("leak", Leak(0.8, 4))) for backend in BACKENDS),
    *((backend, setting("leak", Leak(Learnable(), 4))) for backend in BACKENDS),
    ("spikingjelly", setting("v_threshold", 0.45)),
    ("snntorch", setting("beta", 0.8)),
    ("snntorch", setting("beta", torch.tensor(0.8))),
    ("snntorch", setting("graded_spikes_factor", torch.tensor(2.0))),
    ("snntorch", setting("inhibition", True)),
    ("snntorch", setting("state_quant", lambda mem: (mem * 8).round() / 8)),
    ("snntorch", setting("reset_delay", False)),
]


@pytest.mark.parametrize(("backend", "change"), ANY)
def test_what_is_set_holds_on_every_engine(backend, change):
    found = both(backend, change)
    assert_alike(found)
    unchanged = both(backend, lambda _: None)
    same = all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(found[0][:3], unchanged[0][:3], strict=True))
    assert not same  # the change is one


def with_bias(one):
    one.recurrent = nn.Linear(4, 4)


def pruned(one):
    prune.random_unstructured(one.recurrent, "weight", 0.5)


def normalised(one):
    nn.utils.parametrizations.weight_norm(one.recurrent)


def hooked(one):
    one.recurrent.register_forward_hook(lambda _module, _input, output: output * 0.5)


@pytest.mark.parametrize("change", [with_bias, pruned, normalised, hooked])
@pytest.mark.parametrize("backend", BACKENDS)
def test_other_recurrent_weights_hold_on_every_engine(backend, change):
    def seeded(one):
        torch.manual_seed(1)
        change(one)

    assert_alike(both(backend, seeded, "with_recurrence"))
    one = layer(backend, "fused", "with_recurrence")
    seeded(one)
    with pytest.raises(ValueError, match=r"engine='fused': its recurrent weights.*use engine='step'"):
        one(current(5, 3, 4))


@pytest.mark.parametrize(("backend", "name", "value"), [
    ("spikingjelly", "tau", 5.0), ("spikingjelly", "v_reset", 0.1), ("spikingjelly", "decay_input", True),
    ("spikingjelly", "v", torch.ones(3, 4)), ("spikingjelly", "spike", 0.0),
    ("snntorch", "reset_mechanism", "none"), ("snntorch", "reset_mechanism_val", torch.tensor(0)),
    ("snntorch", "state_function", None), ("snntorch", "init_hidden", True), ("snntorch", "output", True),
    ("snntorch", "beta", torch.tensor([0.1, 0.2, 0.3, 0.4])), ("snntorch", "beta", nn.Parameter(torch.tensor(0.5))),
    *((backend, "variant", Variant("other", reset="none")) for backend in BACKENDS),
    *((backend, "n", 5) for backend in BACKENDS),
])  # fmt: skip
@pytest.mark.parametrize("engine", ["step", "auto"])
def test_what_the_variant_settles_cannot_be_set(backend, name, value, engine):
    one = layer(backend, engine)
    before = one(current(20, 3, 4))
    with pytest.raises(ValueError, match=rf"{name} of a .* cannot be set"):
        setattr(one, name, value)
    assert torch.equal(one(current(20, 3, 4)), before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_wrong_surrogate_or_threshold_is_named(backend):
    for engine in ("step", "auto"):
        one = layer(backend, engine)
        for wrong in (3.0, None, surrogate.ATan):
            with pytest.raises(TypeError, match="a surrogate is a name"):
                setattr(one, SURROGATE[backend], wrong)
        setattr(one, SURROGATE[backend], "arctan")
        assert getattr(one, SURROGATE[backend]) == arctan()


HARMLESS = {
    "training", "engine", "step_mode", "store_v_seq", "v_seq", "lava_s_cale", "surrogate_disable",
    "_step_mode", "_store_v_seq", "_memories", "_memories_rv", "_neuron_precision", "_reset_mechanism", "mem",
}  # fmt: skip
"""Attributes that say nothing about what a sequence is turned into (tests of their own), or are the framework's own
room."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_attribute_of_the_frameworks_neuron_is_in_this_file(backend):
    """A new version of a framework may bring one that an engine does not know of."""
    stock = neuron.LIFNode() if backend == "spikingjelly" else snntorch.Leaky(beta=0.5)
    torch_own = set(vars(nn.Module()))
    names = {*vars(stock), *stock._buffers, *stock._parameters, *stock._modules, *getattr(stock, "_memories", ())}
    source = Path(__file__).read_text(encoding="utf-8")
    unknown = {name for name in names - torch_own - HARMLESS if f'"{name}"' not in source}
    assert not unknown


@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_store_v_seq_and_step_mode_s_of_a_node(engine, variant):
    node = VariantLIFNode(variant, 4, step_mode="m", engine=engine, store_v_seq=True)
    x = current(10, 3, 4)
    torch.manual_seed(0)
    spikes = node(x)
    assert node.v_seq.shape == (10, 3, 4)
    node.reset()
    node.step_mode = "s"
    torch.testing.assert_close(torch.stack([node(x_t) for x_t in x]), spikes)
    with pytest.raises(ValueError, match="step_mode"):
        make_neuron(variant, 4, backend="spikingjelly").step_mode = "s"


def test_an_unknown_engine_that_is_set_later_is_refused():
    one = layer("snntorch", "auto")
    one.engine = "fuesd"
    with pytest.raises(ValueError, match="did you mean 'fused'"):
        one(current(5, 3, 4))


# Numbers of NumPy, and what is none.


@pytest.mark.parametrize("make", [make_neuron, VariantLIFNode, VariantLeaky], ids=lambda make: make.__name__)
def test_numpy_numbers_are_numbers(make):
    one = make("with_recurrence", np.prod((2, 3)), leakage=np.float32(0.5), threshold=np.float64(0.25))
    assert one.n == 6
    assert one.leak() == 0.5
    for n in ("3", 3.5, -1, 0, True, np.float64(3.0)):
        with pytest.raises(ValueError, match="number of neurons, is a positive integer"):
            make("baseline", n)
    for leakage in (np.array([0.1, 0.5, 0.9]), torch.tensor(0.5), None, [0.5]):
        if leakage is not None:
            with pytest.raises(TypeError, match=r"leakage is a number in \[0, 1\]"):
                make("baseline", 3, leakage=leakage)
    for threshold in ("0.3", np.array([0.3]), torch.tensor(0.3), None):
        with pytest.raises(TypeError, match="threshold is a positive number"):
            make("baseline", 3, threshold=threshold)
    assert rectangle(np.float32(0.5)) == rectangle(0.5)
    assert Variant("v", recurrent=np.True_).recurrent is True
    for a in ("0.5", torch.tensor(0.5), True, None):
        with pytest.raises(TypeError, match="a is a positive number"):
            rectangle(a)
    for flag in (1, "yes", None):
        with pytest.raises(TypeError, match="detach_reset is True or False"):
            make("baseline", 3, detach_reset=flag)
    with pytest.raises(ValueError, match="outside"):
        make("baseline", 3, leakage=np.float64(1.5))
    with pytest.raises(ValueError, match="both finite"):
        Learnable(("a", 1))


# State.


@pytest.mark.parametrize("first", ["step", "fused"])
@pytest.mark.parametrize("second", ["step", "fused"])
@pytest.mark.parametrize("backends", [("spikingjelly", "snntorch"), ("snntorch", "spikingjelly"), BACKENDS[:1] * 2])
@pytest.mark.parametrize("variant", [*VARIANTS, "without_reset", Variant("random", initial_state="uniform")], ids=str)
def test_a_state_is_any_engines(first, second, backends, variant):
    torch.manual_seed(0)
    a, b = make_neuron(variant, 4, backend=backends[0], engine=first), None
    b = make_neuron(variant, 4, backend=backends[1], engine=second)
    if a.recurrent is not None:
        b.recurrent.load_state_dict(a.recurrent.state_dict())
    x = current(20, 3, 4)
    torch.manual_seed(1)
    whole = a.simulate(x)
    torch.manual_seed(1)
    half = a.simulate(x[:10])
    rest = b.simulate(x[10:], state=half.state)
    torch.testing.assert_close(torch.cat([half.spikes, rest.spikes]), whole.spikes)
    torch.testing.assert_close(torch.cat([half.potential, rest.potential]), whole.potential, rtol=1e-5, atol=1e-5)
    for one, other in zip(rest.state, whole.state, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_a_state_that_does_not_fit_is_refused(backend, engine, variant):
    one = make_neuron(variant, 8, backend=backend, engine=engine)
    x = current(5, 3, 8)
    state = one.simulate(x).state
    for wrong in (
        tuple(part[:1] for part in state),
        tuple(part[0] for part in state),
        tuple(part.double() for part in state),
        tuple(part.bfloat16() for part in state),
        tuple(part.to("meta") for part in state),
        (*state, state[0]),
        state[:-1],
        state[0],
        (None,) * len(state),
        {"v": state[0]},
    ):
        with pytest.raises(ValueError, match="a state "):
            one.simulate(x, state=wrong)
    with pytest.raises(ValueError, match=r"a state for this input current is \[1, 8\], not \[3, 8\]"):
        one.simulate(x[:, :1], state=state)


def test_states_of_the_frameworks_own_classes_that_do_not_fit():
    leaky = VariantLeaky("baseline", 4)
    with pytest.raises(ValueError, match=r"mem must be \[3, 4\]"):
        leaky(current(3, 4), torch.zeros(1, 4))
    assert leaky(current(3, 4), leaky.reset_mem())[0].shape == (3, 4)  # as snnTorch's users begin
    node = VariantLIFNode("with_recurrence", 4)
    node(current(3, 4))
    node.spike = torch.ones(1, 4)
    with pytest.raises(ValueError, match=r"spike.*must be \[3, 4\]"):
        node(current(3, 4))
    node.reset()
    node.v = 0.25  # a number is for all neurons
    node(torch.zeros(3, 4))
    torch.testing.assert_close(node.v, torch.full((3, 4), 0.25 * 0.3))


# 16 bits.


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "variant",
    [*VARIANTS, "without_reset", Variant("all", leakage="learnable", input_gain="1-k", recurrent=True)],
    ids=str,
)
def test_in_16_bits_only_input_and_output_are(backend, engine, dtype, variant):
    """As in float32 with the same input, and rounded at the end: state, drive, leak and threshold are never rounded."""
    torch.manual_seed(0)
    one = make_neuron(variant, 16, backend=backend, engine=engine)
    x = (current(40, 3, 16) * 2).to(dtype)
    half, whole = one.simulate(x), one.simulate(x.float())
    assert half.spikes.dtype == half.potential.dtype == dtype
    torch.testing.assert_close(half.spikes.float(), whole.spikes, rtol=0, atol=0)
    torch.testing.assert_close(half.potential, whole.potential.to(dtype), rtol=0, atol=0)
    for one_state, other in zip(half.state, whole.state, strict=True):
        torch.testing.assert_close(one_state, other, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_leak_and_recurrent_weights_in_16_bits_are_used_in_float32(dtype):
    torch.manual_seed(0)
    variant = Variant("all", leakage="learnable", input_gain="1-k", recurrent=True)
    outputs = []
    for backend in BACKENDS:
        for engine in ("step", "fused"):
            torch.manual_seed(0)
            one = make_neuron(variant, 8, backend=backend, engine=engine).to(dtype)
            outputs.append(one.simulate(current(30, 2, 8).to(dtype)))
            assert one.leak().dtype == torch.float32
    for other in outputs[1:]:
        torch.testing.assert_close(other.spikes, outputs[0].spikes)
        torch.testing.assert_close(other.state, outputs[0].state, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [VariantLIFNode, VariantLeaky], ids=lambda make: make.__name__)
def test_the_frameworks_own_classes_keep_their_state_in_float32(make):
    x = (current(30, 2, 8) * 2).bfloat16()
    one = make("without_leakage", 8)
    state, spikes = None, []
    for x_t in x:
        if make is VariantLeaky:
            spike, state = one(x_t, state)
        else:
            spike, state = one(x_t), one.v
        spikes.append(spike)
    assert state.dtype == torch.float32
    assert spike.dtype == torch.bfloat16
    assert torch.equal(torch.stack(spikes).float(), make_neuron("without_leakage", 8)(x.float()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_under_autocast_every_engine_keeps_recurrence_in_float32(backend):
    found = []
    for engine in ("step", "fused"):
        one = layer(backend, engine, "with_recurrence", 16)
        with torch.autocast("cpu", torch.bfloat16):
            found.append(one.simulate(current(30, 2, 16)).potential)
    torch.testing.assert_close(*found)


# Autograd's rules.


@pytest.mark.parametrize("scale", [0.1, 0.6])
@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_spikes_may_be_changed_in_place_before_the_backward_pass(backend, engine, scale):
    """Above a share of spikes the gradient of V is one product of them."""
    gradients = []
    for inplace in (False, True):
        one = layer(backend, engine, "with_recurrence", 16)
        x = (torch.rand(20, 2, 16, generator=torch.Generator().manual_seed(0)) * scale).requires_grad_()
        spikes = one(x)
        torch.manual_seed(3)
        loss = nn.functional.dropout(spikes, 0.5, inplace=inplace).sum()
        loss.backward()
        gradients.append((x.grad, one.recurrent.weight.grad))
    for plain, other in zip(*gradients, strict=True):
        assert torch.equal(plain, other)


@pytest.mark.parametrize("backend", BACKENDS)
def test_second_derivatives_are_the_step_engines_or_an_error(backend):
    """Of a gradient penalty, whose incoming gradient is a constant, and of a Hessian."""
    weight = current(5, 2, 8, seed=1)
    for engine in ("step", "fused"):
        one = layer(backend, engine, n=8, surrogate="arctan")
        x = torch.rand(5, 2, 8, requires_grad=True)

        def loss(x, one=one):
            return (one(x) * weight).sum()

        if engine == "step":
            assert torch.autograd.functional.hessian(loss, x.detach()).norm() > 0
            continue
        with pytest.raises(RuntimeError, match="use engine='step'"):
            torch.autograd.grad(loss(x), x, create_graph=True)
        with pytest.raises(RuntimeError, match="use engine='step'"):
            torch.autograd.functional.hessian(loss, x.detach())


@pytest.mark.parametrize("backend", BACKENDS)
def test_torch_func_steps(backend):
    one = layer(backend, "auto", "with_recurrence")
    x = current(5, 2, 4)
    gradient = torch.func.grad(lambda y: one.simulate(y, record=False).state[0].sum())(x)
    x.requires_grad_()
    one.simulate(x).state[0].sum().backward()
    torch.testing.assert_close(gradient, x.grad)
    torch.func.functional_call(one, dict(one.named_parameters()), (x,))  # no transformation: fused


@pytest.mark.parametrize("implementation", [(b, e) for b in BACKENDS for e in ("step", "fused")], ids="-".join)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_same_current_at_every_step(implementation, variant):
    one = layer(*implementation, variant)
    image = current(3, 4).requires_grad_()
    results = []
    for x, steps in ((image, 12), (image.expand(12, 3, 4), None), (image.repeat(12, 1, 1), None)):
        output = one.simulate(x, steps=steps)
        results.append((output.spikes, output.potential, *torch.autograd.grad(output.spikes.sum(), image)))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])
    assert torch.equal(one(image, steps=12), results[0][0])
    for steps in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="steps is a positive integer"):
            one(image, steps=steps)
    with pytest.raises(ValueError, match=r"must be \[B, 4\], the same at every step"):
        one(current(5, 3, 4), steps=2)


# Inside the frameworks' other tools.


@pytest.mark.parametrize("engine", ["step", "auto"])
def test_spikingjellys_counters_of_operations_see_what_they_see_of_a_stock_node(engine):
    x = torch.rand(4, 2, 8, generator=torch.Generator().manual_seed(0))
    stock = neuron.LIFNode(decay_input=False, v_threshold=0.3, step_mode="m")
    ours = VariantLIFNode(leakage=0.5, step_mode="m", engine=engine)
    for counter, strict in ((op_counter.ACCounter, False), (op_counter.FlopCounter, True)):
        counts = []
        for node in (stock, ours):
            node.reset()
            counted = counter()
            with op_counter.DispatchCounterMode([counted], strict=strict):
                node(x)
            counts.append(counted.get_total())
        assert counts[0] == counts[1] > 0
    states = []
    for node in (stock, ours):
        node.reset()
        counted = op_counter.NeuronStateCounter()
        with op_counter.DispatchCounterMode([counted], strict=False):
            node(x)
        (name,) = {type(node).__name__} & set(counted.metric_records)
        # reads are left out: the counter knows tensors by addresses, which are used again
        states.append({k: v for k, v in counted.metric_records[name].items() if k != "state_reads"})
    assert states[0] == states[1]
    assert states[0]["state_adds"] > 0


def test_the_fused_engine_says_that_a_counter_sees_nothing_of_it():
    ours = VariantLIFNode(leakage=0.5, step_mode="m", engine="fused")
    with (
        op_counter.DispatchCounterMode([op_counter.ACCounter()]),
        pytest.raises(ValueError, match=r"engine='fused': a TorchDispatchMode is active.*use engine='step'"),
    ):
        ours(torch.rand(4, 2, 8))
    assert resolve_engine("auto", CPU, torch.float32) == "fused"


@pytest.mark.parametrize("variant", [
    "baseline", "complete_leakage", "without_leakage", Variant("decay input", leakage=0.5, input_gain="1-k"),
    Variant("soft", reset="subtract"),
], ids=str)  # fmt: skip
def test_spikingjellys_converters_build_the_same_neuron(variant):
    x = torch.rand(20, 4, 8, generator=torch.Generator().manual_seed(0)) * 2
    node = VariantLIFNode(variant, 8, leakage=0.5, threshold=0.9, step_mode="m")
    converted = lynxi_exchange.to_lynxi_supported_module(node, 20)
    assert int(node(x).sum()) == int(converted(x.flatten(0, 1)).sum()) > 0


@pytest.mark.parametrize("variant", [
    "without_reset", "with_recurrence", Variant("trained", leakage="learnable"),
    Variant("random", initial_state="uniform"),
], ids=str)  # fmt: skip
def test_what_spikingjellys_converters_cannot_express_is_refused(variant):
    node = VariantLIFNode(variant, 8, step_mode="m")
    with pytest.raises(ValueError, match=re.compile("cannot express")):
        lynxi_exchange.to_lynxi_supported_module(node, 20)
    repr(node)
    copy.deepcopy(node)


@pytest.mark.parametrize("stock", [
    snntorch.Leaky(beta=0.9, threshold=0.5, reset_mechanism="zero"),
    snntorch.Leaky(beta=torch.tensor(0.7), threshold=torch.tensor([0.2, 0.3, 0.4]), reset_mechanism="zero"),
    snntorch.Leaky(beta=0.6, reset_mechanism="zero", learn_beta=True),
])  # fmt: skip
def test_a_checkpoint_of_snntorchs_leaky_loads(stock):
    ours = VariantLeaky("baseline", 3)
    ours.load_state_dict(stock.state_dict())
    mem_a = mem_b = torch.zeros(2, 3)
    for x in current(30, 2, 3):
        a, mem_a = stock(x, mem_a)
        b, mem_b = ours(x, mem_b)
        assert torch.equal(a, b)
        torch.testing.assert_close(mem_a, mem_b)
    trained = VariantLeaky("baseline", 3, leakage="learnable")
    trained.load_state_dict(stock.state_dict())
    torch.testing.assert_close(trained.beta, stock.beta.detach().expand(3))


def test_a_checkpoint_of_another_neuron_is_refused():
    for stock, message in (
        (snntorch.Leaky(beta=0.9), "another reset"),
        (snntorch.Leaky(beta=torch.tensor([0.1, 0.2, 0.3]), reset_mechanism="zero"), "beta of a VariantLeaky"),
    ):
        with pytest.raises(RuntimeError, match=message):
            VariantLeaky("baseline", 3).load_state_dict(stock.state_dict())
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        VariantLeaky("baseline", 3, leakage="learnable").load_state_dict(
            snntorch.Leaky(beta=1.0, reset_mechanism="zero").state_dict()
        )
    with pytest.raises(RuntimeError, match="without_leakage"):
        VariantLeaky("without_leakage", 3).load_state_dict(
            snntorch.Leaky(beta=0.9, reset_mechanism="zero").state_dict()
        )


def test_our_own_state_dict_keeps_constants_exact():
    """They are configuration, no buffers that a change of dtype would round."""
    one = VariantLeaky("with_recurrence", 3, leakage=0.3, threshold=0.3)
    assert set(one.state_dict()) == {"graded_spikes_factor", "reset_mechanism_val", "recurrent.weight"}
    one.half().double()
    assert (float(one.threshold), one.leak()) == (0.3, 0.3)
    stock = snntorch.Leaky(beta=0.3, threshold=0.3, reset_mechanism="zero")
    one = VariantLeaky("baseline", 3, leakage=0.3, threshold=0.3)
    one.load_state_dict(stock.state_dict())
    assert (float(one.threshold), one.leak()) == (0.3, 0.3)  # float32's 0.300000012 is the same number


def test_recurrent_weights_of_another_precision_are_named():
    with pytest.raises(TypeError, match=r"neuron\.double\(\)"):
        Recurrent(3, 3, bias=False)(torch.ones(2, 3).double())


def test_an_exporter_gets_the_neuron_or_the_reason(monkeypatch):
    """nirtorch, behind snnTorch's exporter, puts its own call in the place of torch's and reads all outputs."""
    x, called = current(3, 4), []
    original = nn.Module.__call__

    def traced(module, *arguments, **options):
        output = original(module, *arguments, **options)
        assert isinstance(output, torch.Tensor | tuple), f"{type(module).__name__} returned {output!r}"
        called.append(type(module).__name__)
        return output

    monkeypatch.setattr(nn.Module, "__call__", traced)
    VariantLeaky("baseline", 4, init_hidden=True)(x)
    assert called == ["VariantLeaky"]
    for variant in ("with_recurrence", "without_reset", Variant("soft", reset="subtract")):
        with pytest.raises(ValueError, match="cannot express the variant"):
            VariantLeaky(variant, 4, init_hidden=True)(x)
