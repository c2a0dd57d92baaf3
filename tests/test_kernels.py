"""The fused layer as one differentiable operation."""

import math

import numba
import pytest
import torch

from neurons import SURROGATES, Variant, make_neuron, rectangle
from neurons.kernels import lif_numba
from neurons.kernels.autograd import constant_current, fused_lif
from neurons.reference import simulate

RESETS = ("zero", "subtract", "none")


def current(*shape, seed=0, dtype=torch.float64):
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.5).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 1, 1500), (3, 300, 7), (40, 33, 64), (2, 1025, 1), (4, 300, 90)], ids=str
)
def test_blocks_of_any_size_equal_the_oracle(shape, reset, learnable, dtype):
    """Shapes that fill no block, many blocks, and blocks with a remainder. Same arithmetic, same order, so the very
    same bits."""
    n = shape[-1]
    x = current(*shape, dtype=dtype).requires_grad_()
    k = torch.linspace(0.05, 0.95, n, dtype=dtype).requires_grad_() if learnable else 0.3
    weight = current(*shape, seed=1, dtype=dtype)
    results = []
    for run in (fused_lif, simulate):
        inputs = [x, k] if learnable else [x]
        keyword = {"k": k} if run is fused_lif else {"leak": k}
        options = {"record": True} if run is fused_lif else {}
        spikes, u, *_ = run(x, **keyword, threshold=0.3, reset=reset, surrogate=rectangle(0.5), **options)
        gradients = torch.autograd.grad((spikes * weight).sum() + (u * weight).sum(), inputs)
        results.append((spikes, u, *gradients))
    (spikes, u, *gradients), (expected_spikes, expected_u, *expected) = results
    assert torch.equal(spikes, expected_spikes)
    assert torch.equal(u, expected_u)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    for gradient, other in zip(gradients, expected, strict=True):
        assert (gradient - other).abs().max() <= tolerance * other.abs().max()


def test_float32_is_not_computed_in_float64():
    """A constant of the wrong type turns whole loops to float64, at half the speed and unseen in the results."""
    row = numba.float32[::1]
    number = numba.float32
    whole, boolean = numba.int64, numba.boolean
    cases = {
        lif_numba._charge: (row, row, row, number, whole, row),
        lif_numba._charge_and_fire: (row, row, row, number, whole, row),
        lif_numba._fire: (row, number, row),
        lif_numba._surrogate: (row, number, whole, row, row),
        lif_numba._backward_step: (row, row, row, row, row, number, whole, boolean, whole, row, row, row),
        lif_numba._add_grad_k: (row, row, number, whole, row),
    }
    for function, signature in cases.items():
        compiled = numba.njit(function.py_func, **_options(function))
        compiled.compile(signature)
        assert "fpext" not in compiled.inspect_llvm(signature), function.__name__


def _options(function):
    return {"error_model": function.targetoptions["error_model"]} if "error_model" in function.targetoptions else {}


@pytest.mark.parametrize("density", ["silent", "sparse", "dense"])
@pytest.mark.parametrize("surrogate", ["rectangle", "arctan"])
@pytest.mark.parametrize("shape", [(5, 2, 3), (12, 9, 64), (4, 3, 300)], ids=str)
def test_recurrence_at_any_density_equals_the_oracle(shape, surrogate, density):
    n = shape[-1]
    x = (current(*shape) + {"silent": -30.0, "sparse": -0.3, "dense": 1.0}[density]).requires_grad_()
    k = torch.linspace(0.05, 0.95, n, dtype=torch.float64).requires_grad_()
    v = (current(n, n, seed=2) / n**0.5).requires_grad_()
    weight = current(*shape, seed=1)
    spikes, u, _ = fused_lif(
        x, k, threshold=0.3, reset="zero", surrogate=SURROGATES[surrogate], recurrent_weight=v, record=True
    )
    expected_spikes, expected_u = simulate(
        x, leak=k, threshold=0.3, surrogate=SURROGATES[surrogate], recurrent_weight=v
    )
    rate = expected_spikes.mean()
    assert {"silent": rate == 0, "sparse": 0 < rate < 0.4, "dense": rate > 0.6}[density]
    assert torch.equal(spikes, expected_spikes)
    torch.testing.assert_close(u, expected_u, rtol=1e-12, atol=1e-12)
    gradients = torch.autograd.grad((spikes * weight + u).sum(), [x, k, v])
    expected = torch.autograd.grad((expected_spikes * weight + expected_u).sum(), [x, k, v])
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("scalar_k", [False, True])
def test_potentials_pass_gradcheck(reset, recurrent, scalar_k):
    """Finite differences see only the smooth pieces between spikes: of o they find zero, whatever the surrogate says.
    So the surrogate here is so narrow that it is zero too, and the check is on u and the final state, through charge,
    resets and V."""
    x = current(5, 2, 3) + 0.2
    k = torch.tensor(0.6) if scalar_k else torch.tensor([0.2, 0.6, 0.9])
    v0 = current(2, 3, seed=3)
    weight = current(3, 3, seed=4) if recurrent else None
    o0 = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]).double() if recurrent else None

    def potentials(x, k, v0, weight, o0):
        spikes, u, v = fused_lif(
            x,
            k,
            threshold=0.3,
            reset=reset,
            surrogate=rectangle(1e-4),
            recurrent_weight=weight,
            v0=v0,
            o0=o0,
            record=True,
        )
        assert 0.2 < spikes.mean() < 0.9
        return u, v

    inputs = [None if t is None else t.double().requires_grad_() for t in (x, k, v0, weight, o0)]
    assert torch.autograd.gradcheck(potentials, inputs)


@pytest.mark.parametrize("recurrent", [False, True])
def test_only_the_gradients_asked_for_are_made(recurrent):
    """A frozen input, leak or weight gets none, and the others' stay the same."""
    k = torch.tensor([0.2, 0.6, 0.9]).double()
    x = current(5, 2, 3)
    weight = current(3, 3, seed=4) if recurrent else None
    tensors = [t for t in (x, k, weight) if t is not None]

    def gradients(wanted):
        leaves = [t.clone().requires_grad_(i in wanted) for i, t in enumerate(tensors)]
        spikes, _, _ = fused_lif(
            leaves[0],
            leaves[1],
            threshold=0.3,
            reset="zero",
            surrogate=rectangle(1.0),
            recurrent_weight=leaves[2] if recurrent else None,
        )
        spikes.sum().backward()
        return [leaf.grad for leaf in leaves]

    everything = gradients(range(len(tensors)))
    for i in range(len(tensors)):
        alone = gradients([i])
        assert [g is not None for g in alone] == [j == i for j in range(len(tensors))]
        torch.testing.assert_close(alone[i], everything[i])


@pytest.mark.parametrize("steps", [1, 20, 40])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_gradient_of_a_constant_current_is_summed_over_time(recurrent, steps):
    image = current(2, 3).requires_grad_()
    k = torch.tensor([0.2, 0.6, 0.9]).double().requires_grad_()
    weight = current(3, 3, seed=4) if recurrent else None
    grad = current(steps, 2, 3, seed=1)
    results = []
    options = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle(1.0), "recurrent_weight": weight}
    for x, times in ((image, steps), (constant_current(image, steps), None)):
        spikes, _, _ = fused_lif(x, k, steps=times, **options)
        results.append((spikes, *torch.autograd.grad(spikes, [image, k], grad)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_constant_current_is_never_written_out():
    """Neither it nor its gradient: the largest tensor that autograd passes on is one step."""
    image = current(2, 3).requires_grad_()
    spikes, _, _ = fused_lif(image, 0.5, steps=20, threshold=0.3, reset="zero", surrogate=rectangle(1.0))
    shapes = []
    spikes.grad_fn.next_functions[0][0].register_prehook(lambda grads: shapes.append(tuple(grads[0].shape)))
    spikes.sum().backward()
    assert shapes == [(1, 2, 3)]


@pytest.mark.parametrize("leakage", [0.4, "learnable"])
def test_an_input_gain_keeps_a_constant_current_constant(leakage):
    neuron = make_neuron(Variant("gain", input_gain="1-k"), 3, engine="fused", leakage=leakage).double()
    image = current(2, 3).abs().requires_grad_()
    results = []
    for x, steps in ((image, 20), (image.expand(20, 2, 3), None)):
        spikes = neuron(x, steps=steps)
        results.append((spikes, *torch.autograd.grad(spikes.sum(), [image, *neuron.parameters()])))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    shapes = []
    spikes = neuron(image, steps=20)
    spikes.grad_fn.next_functions[0][0].register_prehook(lambda grads: shapes.append(tuple(grads[0].shape)))
    spikes.sum().backward()
    assert shapes == [(1, 2, 3)]


def test_second_derivatives_are_refused():
    """A surrogate is no derivative of anything: its own derivative would be a number without a meaning."""
    x = current(5, 2, 3).requires_grad_()
    spikes, _, _ = fused_lif(x, 0.5, threshold=0.3, reset="zero", surrogate=rectangle(1.0))
    weight = torch.ones_like(spikes).requires_grad_()
    for one, given in ((spikes, weight), (spikes.sum(), None)):
        with pytest.raises(RuntimeError, match=r"differentiable once.*create_graph=True.*use engine='step'"):
            torch.autograd.grad(one, x, given, create_graph=True, retain_graph=True)


def test_what_backward_needs_can_not_be_changed_before_it():
    """The input current without recurrence, the potentials with it; anything else is the caller's."""
    options = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle(1.0), "record": True}
    x = current(5, 2, 3).requires_grad_()
    spikes, u, _ = fused_lif(x, 0.5, **options)
    spikes.detach().zero_()
    u.detach().zero_()
    spikes.sum().backward()
    assert x.grad.any()
    doubled = x * 2
    spikes, u, _ = fused_lif(doubled, 0.5, **options)
    doubled.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        spikes.sum().backward()
    spikes, u, _ = fused_lif(x, 0.5, recurrent_weight=current(3, 3), **options)
    u.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        spikes.sum().backward()


def test_inputs_stay_as_they_are():
    x, v0, o0, weight = current(5, 2, 3), current(2, 3), torch.ones(2, 3).double(), current(3, 3)
    k = torch.tensor([0.2, 0.6, 0.9]).double()
    tensors = [t.requires_grad_() for t in (x, v0, o0, weight, k)]
    before = [t.clone() for t in tensors]
    spikes, _, v = fused_lif(
        x, k, threshold=0.3, reset="zero", surrogate=rectangle(1.0), recurrent_weight=weight, v0=v0, o0=o0
    )
    grad_spikes, grad_v = current(5, 2, 3, seed=7), current(2, 3, seed=8)
    kept = grad_spikes.clone(), grad_v.clone()
    torch.autograd.backward([spikes, v], [grad_spikes, grad_v])
    assert torch.equal(grad_spikes, kept[0])
    assert torch.equal(grad_v, kept[1])
    assert all(torch.equal(a, b) for a, b in zip(tensors, before, strict=True))


@pytest.mark.parametrize("leak", [0.7, "learnable"])
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_a_neuron_that_never_fires_integrates(leak, surrogate):
    """Infinite threshold: no spikes are written, and the potential is the leaky sum of the current."""
    x = current(37, 4, 5).requires_grad_()
    k = (
        torch.linspace(0.1, 0.9, 5, dtype=torch.float64).requires_grad_()
        if leak == "learnable"
        else torch.tensor(leak).double()
    )
    options = {"reset": "none", "surrogate": SURROGATES[surrogate]}
    spikes, u, v = fused_lif(x, k, threshold=math.inf, record=True, **options)
    assert (spikes.shape, spikes.stride(0), spikes.sum().item()) == (x.shape, 0, 0.0)
    expected, state = [], torch.zeros(4, 5, dtype=torch.float64)
    for x_t in x:
        state = k * state + x_t
        expected.append(state)
    assert torch.equal(u, torch.stack(expected))
    assert torch.equal(v, state)
    leaves = [x, k] if leak == "learnable" else [x]
    weight = current(37, 4, 5, seed=1)
    for loss in (lambda t: (t * weight).sum(), lambda t: t.sum(0).square().sum()):  # the latter the same at every step
        gradients = torch.autograd.grad(loss(u) + spikes.sum(), leaves, retain_graph=True)
        for gradient, other in zip(
            gradients, torch.autograd.grad(loss(torch.stack(expected)), leaves, retain_graph=True), strict=True
        ):
            torch.testing.assert_close(gradient, other)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("record", [False, True])
def test_at_the_threshold_and_at_the_edge_of_the_rectangle(reset, record):
    """u = u_th fires; |u - u_th| = a is outside. Numbers that are exact in binary, two steps, so that a spike shows."""
    x = torch.tensor([0.25, 0.5, 0.75, 0.375]).double().expand(2, 1, 4).clone().requires_grad_()
    options = {"threshold": 0.5, "reset": reset, "surrogate": rectangle(0.25)}
    spikes, u, v = fused_lif(x, 0.5, record=record, **options)
    expected, potential = simulate(x, leak=0.5, **options)
    assert torch.equal(spikes, expected)
    assert spikes[0, 0].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert u is None or torch.equal(u, potential)
    weight = torch.tensor([[[1.0, 2.0, 4.0, 8.0]], [[16.0, 32.0, 64.0, 128.0]]]).double()
    (gradient,) = torch.autograd.grad((spikes * weight).sum() + v.sum(), x)
    last = {"none": lambda u, _o: u, "zero": lambda u, o: u * (1 - o), "subtract": lambda u, o: u - 0.5 * o}[reset]
    (other,) = torch.autograd.grad((expected * weight).sum() + last(potential[-1], expected[-1]).sum(), x)
    assert torch.equal(gradient, other)


def test_an_input_that_is_not_contiguous_is_copied_once():
    """The copy that forward made is the one that backward reads."""
    x = current(4, 20, 3).transpose(0, 1).requires_grad_()
    saved = []

    def keep(tensor):
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        spikes, _, _ = fused_lif(x, 0.5, threshold=0.3, reset="zero", surrogate=rectangle(1.0))
    assert all(tensor.is_contiguous() for tensor in saved)
    (gradient,) = torch.autograd.grad(spikes.sum(), x)
    again = x.detach().contiguous().requires_grad_()
    expected, _, _ = fused_lif(again, 0.5, threshold=0.3, reset="zero", surrogate=rectangle(1.0))
    assert torch.equal(gradient, torch.autograd.grad(expected.sum(), again)[0])


def test_an_input_changed_in_place_before_backward_is_noticed():
    x = current(5, 2, 3).requires_grad_()
    doubled = 2 * x
    spikes, _, _ = fused_lif(doubled, 0.5, threshold=0.3, reset="zero", surrogate=rectangle(1.0))
    doubled.detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        spikes.sum().backward()
