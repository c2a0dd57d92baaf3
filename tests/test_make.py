"""Every variant on every backend and engine, against traces worked by hand and against the float64 oracle."""

import copy
import math
import os
import subprocess
import sys

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from neuron_cases import ALL_VARIANTS, IMPLEMENTATIONS, TRACES, build, build_traced, leaves_of, oracle

import neurons
from neurons import (
    BACKENDS,
    SURROGATES,
    VARIANTS,
    Learnable,
    NonFiniteError,
    Output,
    Variant,
    make_neuron,
    multi_gaussian,
    rectangle,
)

implementations = pytest.mark.parametrize("implementation", IMPLEMENTATIONS, ids="-".join)
variants = pytest.mark.parametrize("variant", ALL_VARIANTS, ids=lambda v: v.name)
THRESHOLD = 0.3


def current(*shape, seed=0, dtype=torch.float64):
    """A current that makes about a third of the neurons fire."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype) * 0.5


def assert_same_gradients(leaves, expected, tolerance):
    """Every element to within `tolerance`, relative to the largest."""
    assert len(leaves) == len(expected)
    for leaf, other in zip(leaves, expected, strict=True):
        assert leaf.grad is not None
        assert other.grad.abs().max() > 0, "a gradient of zero proves nothing"
        error = (leaf.grad.double() - other.grad).abs().max() / other.grad.abs().max()
        assert error < tolerance


@implementations
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", TRACES)
def test_traces_worked_by_hand(name, implementation, dtype):
    trace = TRACES[name]
    spikes, u, _ = build_traced(trace, implementation, dtype).simulate(trace.column(trace.x, dtype))
    assert torch.equal(spikes, trace.column(trace.o, dtype))
    exact = trace.leakage != 0.9
    torch.testing.assert_close(u, trace.column(trace.u, dtype), rtol=0 if exact else 1e-6, atol=0)


@implementations
@variants
@pytest.mark.parametrize("leakage", [0.3, "learnable"])
@pytest.mark.parametrize("detach_reset", [False, True], ids=["", "detached"])
def test_float64_equals_the_oracle(variant, implementation, leakage, detach_reset):
    torch.manual_seed(1)
    neuron = build(variant, 6, implementation, torch.float64, leakage=leakage, detach_reset=detach_reset)
    x = current(12, 3, 6).requires_grad_()
    spikes, u, _ = neuron.simulate(x)
    expected_spikes, expected_u, expected = oracle(neuron, x, threshold=THRESHOLD, detach_reset=detach_reset)
    assert torch.equal(spikes, expected_spikes)
    torch.testing.assert_close(u, expected_u, rtol=1e-12, atol=1e-14)
    # a loss on both outputs, every element with its own weight
    on_spikes, on_u = current(12, 3, 6, seed=2), current(12, 3, 6, seed=3)
    (spikes * on_spikes + u * on_u).sum().backward()
    (expected_spikes * on_spikes + expected_u * on_u).sum().backward()
    assert_same_gradients(leaves_of(neuron, x), expected, 1e-8)


@implementations
@variants
@pytest.mark.parametrize("leakage", [0.3, "learnable"])
def test_float32_equals_the_oracle_up_to_rounding(variant, implementation, leakage):
    torch.manual_seed(1)
    neuron = build(variant, 6, implementation, torch.float32, leakage=leakage)
    x = current(12, 3, 6, dtype=torch.float32).requires_grad_()
    spikes = neuron(x)
    expected_spikes, expected_u, expected = oracle(neuron, x, threshold=THRESHOLD)
    assert ((expected_u - THRESHOLD).abs() > 1e-5).all(), (
        "the input has no near tie, so that the spikes must be the same"
    )
    assert torch.equal(spikes.double(), expected_spikes)
    weight = current(12, 3, 6, seed=2)
    (spikes * weight).sum().backward()
    (expected_spikes * weight).sum().backward()
    assert_same_gradients(leaves_of(neuron, x), expected, 1e-4)


@implementations
def test_float32_leaves_the_oracle_only_at_a_near_tie(implementation):
    """2000 neurons over 50 steps: whoever differs was within 1e-5 of its threshold when it began to."""
    neuron = build("baseline", 2000, implementation, torch.float32)
    x = current(50, 1, 2000, dtype=torch.float32)
    with torch.no_grad():
        differs = neuron(x).double() != oracle(neuron, x, threshold=THRESHOLD)[0]
        u = oracle(neuron, x, threshold=THRESHOLD)[1]
    first = differs.cumsum(0).eq(1) & differs
    assert ((u - THRESHOLD).abs()[first] < 1e-5).all()
    assert differs.any(0).float().mean() < 0.01


@implementations
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "surrogate", [*SURROGATES.values(), rectangle(1.0), multi_gaussian(0.3, 2.0, 0.0, 1.0)], ids=str
)
def test_every_surrogate_has_the_oracles_gradient(variant, implementation, surrogate, dtype):
    torch.manual_seed(1)
    neuron = build(variant, 5, implementation, dtype, leakage="learnable", surrogate=surrogate)
    x = current(10, 2, 5, dtype=dtype).requires_grad_()
    spikes = neuron(x)
    expected_spikes, _, expected = oracle(neuron, x, threshold=THRESHOLD, surrogate=surrogate)
    weight = current(10, 2, 5, seed=2)
    (spikes * weight).sum().backward()
    (expected_spikes * weight).sum().backward()
    assert_same_gradients(leaves_of(neuron, x), expected, 1e-8 if dtype == torch.float64 else 1e-4)


@st.composite
def problems(draw):
    """Any variant on currents, weights and thresholds that are multiples of 1/8, so that exact ties are frequent."""
    n = draw(st.integers(1, 5))
    return {
        "variant": Variant(
            "drawn",
            leakage=draw(st.sampled_from([0.0, 0.5, 0.75, 0.875, 1.0])),
            reset=draw(st.sampled_from(["zero", "subtract", "none"])),
            recurrent=draw(st.booleans()),
            input_gain=draw(st.sampled_from(["1", "1-k"])),
        ),
        "threshold": draw(st.integers(1, 12)) / 8,
        "shape": (draw(st.integers(1, 10)), draw(st.integers(1, 3)), n),
        "seed": draw(st.integers(0, 2**31)),
    }


@implementations
@given(problem=problems())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_ties_and_all_equal_the_oracle_exactly(implementation, problem):
    """In these numbers every sum is exact in float64, ties included. (SpikingJelly's charge, v - v / tau, is for k
    whose tau = 1 / (1 - k) is exact.)"""
    generator = torch.Generator().manual_seed(problem["seed"])
    variant, threshold, shape = problem["variant"], problem["threshold"], problem["shape"]
    neuron = build(variant, shape[-1], implementation, torch.float64, threshold=threshold)
    x = (torch.randint(-8, 17, shape, generator=generator).double() / 8).requires_grad_()
    if variant.recurrent:
        with torch.no_grad():
            neuron.recurrent.weight.copy_(torch.randint(-8, 9, (shape[-1],) * 2, generator=generator) / 8)
    spikes, u, _ = neuron.simulate(x)
    expected_spikes, expected_u, expected = oracle(neuron, x, threshold=threshold)
    assert torch.equal(spikes, expected_spikes)
    assert torch.equal(u, expected_u)
    weight = torch.randint(-4, 5, shape, generator=generator) / 4
    (spikes * weight).sum().backward()
    (expected_spikes * weight).sum().backward()
    for leaf, other in zip(leaves_of(neuron, x), expected, strict=True):
        torch.testing.assert_close(leaf.grad, other.grad, rtol=1e-9, atol=1e-9)


@implementations
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_every_call_starts_from_rest(variant, implementation):
    neuron = build(variant, 4, implementation, torch.float32)
    x = current(5, 2, 4, dtype=torch.float32) + 0.2
    first = neuron(x)
    assert first.any()
    neuron(torch.ones(7, 3, 4))  # another length and batch in between
    assert torch.equal(neuron(x), first)


@implementations
@variants
@pytest.mark.parametrize("leakage", [0.3, "learnable"])
def test_a_sequence_in_parts_is_the_whole_sequence(variant, implementation, leakage):
    """The state hands on all that the next part needs, and the gradient finds its way back through it."""
    backend, engine = implementation
    torch.manual_seed(0)
    neuron = make_neuron(variant, 5, backend=backend, engine=engine, leakage=leakage).double()
    x = (4 * current(12, 3, 5)).requires_grad_()
    weight = current(12, 3, 5, seed=1)
    leaves = [x, *neuron.parameters()]
    spikes, u, _ = neuron.simulate(x)
    expected = torch.autograd.grad(((spikes + u) * weight).sum(), leaves)
    parts, state = [], None
    for part in x.split([1, 7, 4]):
        *out, state = neuron.simulate(part, state=state)
        parts.append(out)
    spikes_in_parts, u_in_parts = (torch.cat(out) for out in zip(*parts, strict=True))
    assert torch.equal(spikes_in_parts, spikes)
    torch.testing.assert_close(u_in_parts, u, rtol=1e-12, atol=1e-12)  # sums of V o[t-1] in another order
    assert spikes.sum() > 10
    gradients = torch.autograd.grad(((spikes_in_parts + u_in_parts) * weight).sum(), leaves)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other)


@implementations
def test_any_layout_of_the_input_is_the_same_current(implementation):
    """Batch-first data transposed, one image at every step, every other step: views, not copies."""
    neuron = build("baseline", 3, implementation, torch.float64, leakage=0.9)
    transposed = current(2, 6, 3).transpose(0, 1)
    static = current(1, 2, 3).expand(6, 2, 3)
    strided = current(12, 2, 3)[::2]
    for x in (transposed, static, strided):
        weight = current(6, 2, 3, seed=1)
        grads = []
        for view in (x, x.contiguous()):
            leaf = view.detach().requires_grad_()
            spikes = neuron(leaf)
            (spikes * weight).sum().backward()
            grads.append((spikes, leaf.grad))
        assert torch.equal(grads[0][0], grads[1][0])
        assert torch.equal(grads[0][1], grads[1][1])


@implementations
def test_the_gradient_of_a_static_input_is_summed_over_time(implementation):
    neuron = build("baseline", 3, implementation, torch.float64, leakage=0.9)
    image = current(2, 3).requires_grad_()
    weight = current(6, 2, 3, seed=1)
    (neuron(image.expand(6, 2, 3)) * weight).sum().backward()
    spikes, _, (expanded,) = oracle(neuron, image.expand(6, 2, 3), threshold=THRESHOLD)
    (spikes * weight).sum().backward()
    torch.testing.assert_close(image.grad, expanded.grad.sum(0))


@implementations
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
@pytest.mark.parametrize(
    "loss",
    [lambda s, _: s.mean(), lambda s, _: s.sum(0).pow(2).sum(), lambda s, _: s[-1].sum(), lambda _, u: u.sum()],
    ids=["mean", "rate", "last", "potential"],
)
def test_the_gradients_that_losses_send_back(implementation, variant, loss):
    """Constant, the same at every step, mostly zero, or on the potential alone."""
    torch.manual_seed(1)
    neuron = build(variant, 3, implementation, torch.float64, leakage="learnable", surrogate="arctan")
    x = current(6, 2, 3).requires_grad_()
    loss(*neuron.simulate(x)[:2]).backward()
    spikes, u, expected = oracle(neuron, x, threshold=THRESHOLD, surrogate="arctan")
    loss(spikes, u).backward()
    assert_same_gradients(leaves_of(neuron, x), expected, 1e-8)


@implementations
def test_backward_twice_over_the_same_graph(implementation):
    neuron = build("with_recurrence", 3, implementation, torch.float64, leakage="learnable")
    x = current(6, 2, 3).requires_grad_()
    loss = neuron(x).sum()
    loss.backward(retain_graph=True)
    once = [leaf.grad.clone() for leaf in leaves_of(neuron, x)]
    loss.backward()
    for leaf, grad in zip(leaves_of(neuron, x), once, strict=True):
        torch.testing.assert_close(leaf.grad, 2 * grad)


@implementations
def test_two_calls_before_one_backward(implementation):
    """Each call keeps its own potentials for its backward."""
    neuron = build("baseline", 3, implementation, torch.float64)
    x, y = current(6, 2, 3).requires_grad_(), current(6, 2, 3, seed=5).requires_grad_()
    neuron(x).sum().backward()
    alone = x.grad.clone()
    x.grad = None
    (neuron(x).sum() + neuron(y).sum()).backward()
    torch.testing.assert_close(x.grad, alone)


@implementations
def test_no_gradient_is_asked_for_where_none_is_needed(implementation):
    neuron = build("with_recurrence", 3, implementation, torch.float32, leakage="learnable")
    with torch.no_grad():
        spikes, u, _ = neuron.simulate(torch.ones(4, 2, 3))
    assert not spikes.requires_grad
    assert not u.requires_grad
    neuron.requires_grad_(False)
    assert not neuron(torch.ones(4, 2, 3)).requires_grad


@implementations
def test_without_n_the_neurons_may_have_any_shape(implementation):
    x = current(5, 2, 3, 4, 4)
    spikes, u, _ = build("baseline", None, implementation, torch.float64).simulate(x)
    flat, flat_u, _ = build("baseline", 48, implementation, torch.float64).simulate(x.reshape(5, 2, 48))
    assert torch.equal(spikes.reshape(5, 2, 48), flat)
    assert torch.equal(u.reshape(5, 2, 48), flat_u)


@implementations
@pytest.mark.parametrize("input_gain", ["1", "1-k"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_uniform_initial_state(implementation, input_gain, recurrent):
    """u[-1] ~ U(0, 1), whatever the threshold, is forgotten but for k u[-1] in the first step; o[-1] = 0."""
    variant = Variant("uniform", initial_state="uniform", input_gain=input_gain, recurrent=recurrent)
    torch.manual_seed(0)
    neuron = build(variant, 2, implementation, torch.float64, leakage=0.5, threshold=0.25)
    rest = torch.zeros(1, 500, 2, dtype=torch.float64)
    u = neuron.simulate(rest).potential
    assert 0 <= u.min() < 0.02
    assert 0.48 < u.max() <= 0.5
    assert abs(u.mean() - 0.25) < 0.03
    again = neuron.simulate(rest).potential
    assert not torch.equal(u, again)


@implementations
@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_are_the_leak_and_the_recurrent_weights(variant, implementation):
    neuron = build(variant, 5, implementation, torch.float32, leakage="learnable")
    expected = {}
    if VARIANTS[variant].recurrent:
        expected["recurrent.weight"] = (5, 5)
    if VARIANTS[variant].leakage == "normal":
        expected["leak.logit"] = (5,)
    assert {name: tuple(p.shape) for name, p in neuron.named_parameters()} == expected


def test_initial_parameters():
    torch.manual_seed(0)
    neuron = make_neuron("with_recurrence", 100, leakage=Learnable(init=(3.0, 7.0)))
    w = neuron.recurrent.weight
    torch.testing.assert_close(w @ w.T, torch.eye(100), atol=1e-5, rtol=0)
    logit = neuron.leak.logit
    assert 3 <= logit.min() < 3.3
    assert 6.7 < logit.max() <= 7
    torch.testing.assert_close(neuron.leak(), torch.sigmoid(logit))


@pytest.mark.parametrize("backend", BACKENDS)
def test_auto_is_fused_where_it_can_be_and_step_elsewhere(backend):
    x = current(6, 2, 3)
    node = make_neuron("baseline", 3, backend=backend)
    assert type(node(x.requires_grad_()).grad_fn).__name__ == "_FusedLIFBackward"
    assert node(x.detach().bfloat16()).dtype == torch.bfloat16


@implementations
def test_state_dict_round_trip(implementation):
    torch.manual_seed(0)
    one = build("with_recurrence", 4, implementation, torch.float32, leakage="learnable")
    other = build("with_recurrence", 4, implementation, torch.float32, leakage="learnable")
    x = current(8, 2, 4, dtype=torch.float32)
    before = other.simulate(x).potential
    other.load_state_dict(one.state_dict())
    assert not torch.equal(before, one.simulate(x).potential)
    assert torch.equal(other.simulate(x).potential, one.simulate(x).potential)


@implementations
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_simulate_returns_one_type(variant, implementation):
    """Whatever is recorded; and a call returns its spikes."""
    neuron = build(variant, 3, implementation, torch.float64)
    x = current(6, 2, 3)
    output, bare = neuron.simulate(x), neuron.simulate(x, record=False)
    assert isinstance(output, Output)
    assert isinstance(bare, Output)
    assert output.potential.shape == x.shape
    assert bare.potential is None
    assert all(part.shape == (2, 3) for part in output.state)
    for spikes in (bare.spikes, neuron(x)):
        assert torch.equal(spikes, output.spikes)
    assert all(torch.equal(a, b) for a, b in zip(output.state, bare.state, strict=True))


@implementations
def test_a_layer_that_has_run_can_be_copied(implementation):
    neuron = build("with_recurrence", 3, implementation, torch.float64)
    x = current(6, 2, 3).requires_grad_()
    assert torch.equal(neuron(x), copy.deepcopy(neuron)(x))


def test_no_framework_is_imported_before_it_is_asked_for():
    code = (
        "import sys, neurons\n"
        "def loaded(): return {'spikingjelly', 'snntorch'} & set(sys.modules)\n"
        "assert loaded() == set()\n"
        "neurons.make_neuron('baseline', 3)\n"
        "assert loaded() == {'spikingjelly'}\n"
        "assert neurons.VariantLeaky.__name__ == 'VariantLeaky'\n"
        "assert loaded() == {'spikingjelly', 'snntorch'}\n"
        "assert all(getattr(neurons, name) is not None for name in neurons.__all__)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    with pytest.raises(AttributeError, match="'neurons' has no attribute 'VariantLeeky'"):
        _ = neurons.VariantLeeky


# What goes wrong, and what is said about it.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "basline"}, r"unknown variant 'basline'; did you mean 'baseline'\? Known: baseline, without_leak"),
        (
            {"backend": "snntorhc"},
            r"unknown backend 'snntorhc'; did you mean 'snntorch'\? Known: spikingjelly, snntorch",
        ),
        ({"engine": "fussed"}, r"unknown engine 'fussed'; did you mean 'fused'\? Known: auto, step, fused"),
        ({"surrogate": "sigmoyd"}, r"unknown surrogate 'sigmoyd'; did you mean 'sigmoid'\? Known: rectangle"),
        ({"leakage": 1.5}, r"k = 1.5 is outside \[0, 1\]"),
        ({"leakage": -0.1}, r"k = -0.1 is outside \[0, 1\]"),
        ({"threshold": 0.0}, "u_th = 0.0 must be positive"),
        ({"threshold": -1.0}, "u_th = -1.0 must be positive"),
        ({"threshold": math.nan}, "u_th = nan must be positive and finite"),
        ({"threshold": math.inf}, "one that never fires, at infinity, has reset='none'"),
        ({"n": 0}, "n, the number of neurons, is a positive integer, not 0"),
        ({"n": 2.5}, "n, the number of neurons, is a positive integer, not 2.5"),
        ({"variant": "with_recurrence", "n": None}, "'with_recurrence' is recurrent: give the number of neurons n"),
        ({"leakage": "learnable", "n": None}, "learnable leak .*: give the number of neurons n"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_options_are_refused(backend, options, message):
    with pytest.raises(ValueError, match=message):
        make_neuron(**{"variant": "baseline", "n": 3, "backend": backend, **options})


@pytest.mark.parametrize(("options", "message"), [({"leakage": "fast"}, "'fast'"), ({"threshold": "1"}, "not '1'")])
def test_bad_types_are_refused(options, message):
    with pytest.raises(TypeError, match=message):
        make_neuron("baseline", 3, **options)


@implementations
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.ones(4, 2, 5), ValueError, r"must be \[T, B, 3\] \(time first\), got \[4, 2, 5\]"),
        (torch.ones(4, 3), ValueError, r"must be \[T, B, 3\] \(time first\), got \[4, 3\]"),
        (torch.ones(4, 2, 3, 3), ValueError, r"must be \[T, B, 3\]"),
        (torch.ones(0, 2, 3), ValueError, r"is empty: \[0, 2, 3\]"),
        (torch.ones(4, 0, 3), ValueError, r"is empty: \[4, 0, 3\]"),
        (torch.ones(4, 2, 3, dtype=torch.int64), TypeError, "must be floating point, not torch.int64"),
        (torch.ones(4, 2, 3, dtype=torch.bool), TypeError, "must be floating point, not torch.bool"),
        ([[[1.0, 2.0, 3.0]]], TypeError, "is a torch tensor .*, not list"),
    ],
    ids=["width", "2-d", "4-d", "no steps", "no samples", "integers", "booleans", "list"],
)
def test_bad_input_is_refused(implementation, x, error, message):
    with pytest.raises(error, match=message):
        build("baseline", 3, implementation, torch.float32)(x)


@implementations
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("t", [1, 5])
def test_input_that_is_not_finite_is_refused(variant, implementation, value, t):
    """Also +inf, which fires and so is reset: it must not pass for a spike like any other."""
    x = current(6, 2, 3, dtype=torch.float32)
    x[t, 1, 2] = value
    message = rf"1 values that are NaN or infinite, the first at \[{t}, 1, 2\]: {value}"
    with pytest.raises(NonFiniteError, match=message):
        build(variant, 3, implementation, torch.float32)(x)


@implementations
def test_an_overflow_of_the_potential_is_not_blamed_on_the_input(implementation):
    neuron = build("without_leakage+without_reset+with_recurrence", 2, implementation, torch.float32)
    with pytest.raises(NonFiniteError, match="the membrane potential overflowed: the input current is finite"):
        neuron(torch.full((4, 1, 2), 2e38))


@implementations
def test_large_potentials_are_no_overflow(implementation):
    """Each is finite, though their sum is not."""
    neuron = build("without_leakage+without_reset+with_recurrence", 2, implementation, torch.float32)
    with torch.no_grad():
        neuron.recurrent.weight.zero_()
    assert neuron(torch.full((1, 2, 2), 2e38)).sum() == 4


@implementations
def test_a_recurrent_weight_in_another_precision_is_refused(implementation):
    neuron = build("with_recurrence", 3, implementation, torch.float32)
    with pytest.raises((TypeError, RuntimeError), match=r"dtype|precision"):
        neuron(torch.ones(4, 2, 3, dtype=torch.float64))


@pytest.mark.parametrize("backend", BACKENDS)
def test_fused_says_why_it_cannot_run(backend):
    neuron = make_neuron("baseline", 3, backend=backend, engine="fused")
    with pytest.raises(ValueError, match=r"engine='fused': .*float32, .*not torch.float8_e5m2; use engine='step'"):
        neuron(torch.ones(4, 2, 3).to(torch.float8_e5m2))
    with pytest.raises(ValueError, match=r"engine='fused': .*no kernel for meta devices"):
        neuron(torch.ones(4, 2, 3, device="meta"))
