"""The CUDA kernels and all that leads to them, on CPU tensors: `lif.cu` compiled by g++ (see cuda_on_cpu.py)."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from cuda_on_cpu import Launcher, why_not
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_cases import ALL_VARIANTS, leaves_of, oracle
from torch import Tensor

from neurons import BACKENDS, SURROGATES, make_neuron, rectangle
from neurons.kernels import autograd, cpu, cuda
from neurons.kernels.autograd import fused_lif
from neurons.reference import simulate

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

RESETS = ("zero", "subtract", "none")
HALVES = (torch.float16, torch.bfloat16)


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    return Launcher(tmp_path_factory.mktemp("lif"))


@pytest.fixture(scope="module", autouse=True)
def _emulated(launcher: Launcher) -> Iterator[None]:
    """CPU tensors go to the CUDA kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "launch", launcher)
        use(patch, cuda)
        yield


def use(patch: pytest.MonkeyPatch, kernels: ModuleType) -> None:
    patch.setattr(autograd, "_kernels", lambda _device: kernels)


def current(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.5).to(dtype)


def results(
    x: Tensor, k: Any, weight: Tensor | None = None, *, steps: int = 0, expanded: bool = False, **options: Any
) -> list[Tensor]:
    """Spikes, potentials, final state, and all gradients of a sum that weighs each of them.

    steps: x is [B, n], the current at each of so many steps. expanded: the spikes' gradient is the same at every step.
    """
    names = ("v0", "o0")
    leaves = [t.detach().clone().requires_grad_() for t in (x, k, weight) if isinstance(t, Tensor)]
    initial = {name: options.pop(name).clone().requires_grad_() for name in names if options.get(name) is not None}
    rest = leaves[1:]
    leak = rest.pop(0) if isinstance(k, Tensor) else k
    spikes, u, v = fused_lif(
        leaves[0],
        leak,
        steps=steps or None,
        recurrent_weight=rest[0] if rest else None,
        **initial,
        **{"threshold": 0.3, "reset": "zero", "surrogate": rectangle(0.5), **options},
    )
    outputs = [t for t in (spikes, u, v) if t is not None]
    grads = [current(*t.shape, seed=7 + i, dtype=t.dtype) for i, t in enumerate(outputs)]
    if expanded:
        grads[0] = grads[0][:1].expand_as(spikes)
    gradients = torch.autograd.grad(outputs, [*leaves, *initial.values()], grads)
    return [t.detach() for t in (*outputs, *gradients)]


def on_both(*arguments: Any, **options: Any) -> list[tuple[Tensor, Tensor]]:
    """`results` of the CUDA kernels and of the CPU's."""
    ours = results(*arguments, **options)
    with pytest.MonkeyPatch.context() as patch:
        use(patch, cpu)
        return list(zip(ours, results(*arguments, **options), strict=True))


def assert_near(one: Tensor, other: Tensor) -> None:
    tolerance = 1e-10 if one.dtype == torch.float64 else 1e-4
    assert (one - other).abs().max() <= tolerance * max(1.0, float(other.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 150), (16, 3, 7), (17, 2, 64), (40, 33, 5)], ids=str)
def test_spikes_and_potentials_are_the_cpu_kernels_bit_for_bit(shape, learnable, reset, dtype):
    """Blocks that are full and not, segments that are whole and not."""
    k = torch.linspace(0.05, 0.95, shape[-1], dtype=dtype) if learnable else 0.3
    pairs = on_both(current(*shape, dtype=dtype), k, reset=reset, record=True)
    for ours, theirs in pairs[:3]:
        assert torch.equal(ours, theirs)
    for ours, theirs in pairs[3:]:
        assert_near(ours, theirs)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=str)
def test_gradients_equal_the_oracles(surrogate, reset, detach_reset, recurrent):
    x = current(35, 2, 5).requires_grad_()
    k = torch.linspace(0.05, 0.95, 5, dtype=torch.float64).requires_grad_()
    weight = current(5, 5, seed=1).requires_grad_() if recurrent else None
    leaves = [leaf for leaf in (x, k, weight) if leaf is not None]
    options = {"threshold": 0.3, "reset": reset, "surrogate": surrogate, "detach_reset": detach_reset}
    spikes, u, _ = fused_lif(x, k, recurrent_weight=weight, record=True, **options)
    expected_spikes, expected_u = simulate(x, leak=k, recurrent_weight=weight, **options)
    assert torch.equal(spikes, expected_spikes)
    torch.testing.assert_close(u, expected_u, rtol=1e-12, atol=1e-12)
    grad_o, grad_u = current(35, 2, 5, seed=2), current(35, 2, 5, seed=3)
    gradients = torch.autograd.grad([spikes, u], leaves, [grad_o, grad_u])
    expected = torch.autograd.grad([expected_spikes, expected_u], leaves, [grad_o, grad_u])
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [1, 31, 64, 77, 111, 1030])
@pytest.mark.parametrize("density", ["silent", "sparse", "dense"])
def test_recurrence_of_any_size_and_density(launcher, n, density):
    """Half a warp, whole ones, weights that fit into shared memory and not, more neurons than threads. In either order
    of the threads."""
    x = current(4, 2, n) + {"silent": -30.0, "sparse": -0.3, "dense": 1.0}[density]
    k = torch.linspace(0.05, 0.95, n, dtype=torch.float64)
    weight = current(n, n, seed=2) / n**0.5
    pairs = on_both(x, k, weight, record=True)
    rate = pairs[0][0].mean()
    assert n == 1 or {"silent": rate == 0, "sparse": 0 < rate < 0.4, "dense": rate > 0.6}[density]
    assert torch.equal(*pairs[0])
    for ours, theirs in pairs[1:]:
        assert_near(ours, theirs)
    launcher.backward = True
    try:
        again = results(x, k, weight, record=True)
    finally:
        launcher.backward = False
    for ours, (other, _) in zip(again, pairs, strict=True):
        assert torch.equal(ours, other)
    _, case = launcher.launched[-1]
    assert case["WEIGHTS_SHARED"] == (n < 111)
    assert case["PER_THREAD"] == (2 if n > 1024 else 1)


@pytest.mark.parametrize("recurrent", [False, True])
def test_a_state_to_start_from(recurrent):
    state = {"v0": current(2, 5, seed=3), "o0": torch.tensor([1.0, 0, 1, 1, 0]).double().repeat(2, 1)}
    if not recurrent:
        del state["o0"]
    weight = current(5, 5, seed=4) if recurrent else None
    for ours, theirs in on_both(current(20, 2, 5), torch.rand(5).double(), weight, **state):
        assert_near(ours, theirs)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("steps", [1, 16, 37])
def test_a_constant_current_is_read_once_and_its_gradient_summed(launcher, steps, recurrent):
    weight = current(5, 5, seed=4) if recurrent else None
    for ours, theirs in on_both(current(2, 5), 0.6, weight, steps=steps):
        assert_near(ours, theirs)
    (_, forward), (_, backward) = launcher.launched[-2:]
    assert forward["X_MOVES"] == 0
    assert recurrent or backward["GRAD_X"] == (1 if steps == 1 else 2)


@pytest.mark.parametrize("recurrent", [False, True])
def test_an_expanded_gradient_is_read_as_it_is(launcher, recurrent):
    weight = current(5, 5, seed=4) if recurrent else None
    for ours, theirs in on_both(current(20, 2, 5), 0.6, weight, expanded=True):
        assert_near(ours, theirs)
    assert launcher.launched[-1][1]["O_MOVES"] == 0


@pytest.mark.parametrize("recurrent", [False, True])
def test_strided_tensors(recurrent):
    """An input current, gradients and weights that are not contiguous."""
    x = current(2, 5, 40).permute(2, 0, 1)[::2].requires_grad_()
    weight = current(5, 5, seed=4).t().requires_grad_() if recurrent else None
    grad_o, grad_u = current(2, 20, 5, seed=1).transpose(0, 1), current(40, 2, 5, seed=2)[::2]
    leaves = [leaf for leaf in (x, weight) if leaf is not None]
    options = {"threshold": 0.3, "surrogate": rectangle(0.5), "recurrent_weight": weight}
    spikes, u, _ = fused_lif(x, 0.6, reset="zero", record=True, **options)
    gradients = torch.autograd.grad([spikes, u], leaves, [grad_o, grad_u])
    expected_spikes, expected_u = simulate(x, leak=0.6, **options)
    expected = torch.autograd.grad([expected_spikes, expected_u], leaves, [grad_o, grad_u])
    assert torch.equal(spikes, expected_spikes)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_kernels_write_only_what_is_asked_for(launcher):
    x = current(20, 2, 5)
    options = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle(0.5)}
    fused_lif(x, 0.6, **options)
    name, case = launcher.launched[-1]
    assert (name, case["KEEP"], case["RECORD"]) == ("forward", 0, 0)
    k = torch.tensor(0.6).double().requires_grad_()
    fused_lif(x, k, **options)[0].sum().backward()
    assert launcher.launched[-2][1]["KEEP"] == 1
    assert {"GRAD_X": 0, "GRAD_K": 1, "GRAD_U": 0}.items() <= launcher.launched[-1][1].items()


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("scalar_k", [False, True])
def test_potentials_pass_gradcheck(reset, recurrent, scalar_k):
    """With a surrogate that is zero, as finite differences of spikes are (see test_kernels)."""
    x = current(18, 1, 3) + 0.2
    k = torch.tensor(0.6) if scalar_k else torch.tensor([0.2, 0.6, 0.9])
    weight = current(3, 3, seed=4) if recurrent else None
    o0 = torch.tensor([[1.0, 0.0, 1.0]]) if recurrent else None

    def potentials(x, k, v0, weight, o0):
        options = {"threshold": 0.3, "reset": reset, "surrogate": rectangle(1e-5), "record": True}
        spikes, u, v = fused_lif(x, k, recurrent_weight=weight, v0=v0, o0=o0, **options)
        assert 0 < spikes.mean() < 1
        return u, v

    inputs = [None if t is None else t.double().requires_grad_() for t in (x, k, current(1, 3, seed=3), weight, o0)]
    assert torch.autograd.gradcheck(potentials, inputs)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_case_equals_the_cpu_kernels(data):
    draw = data.draw
    B, n = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 5, 31, 32, 33, 70]))
    T = draw(st.one_of(st.integers(1, 50), st.sampled_from([15, 16, 17, 31, 32, 33])))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    constant, recurrent = draw(st.booleans()), draw(st.booleans())
    # sums of small multiples of 1/64 are exact in any order, so that spikes agree in float32 with recurrence too
    leak = draw(st.sampled_from([0.0, 0.5, 1.0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))

    def exact(*shape: int) -> Tensor:
        return torch.randint(-64, 64, shape, generator=generator).to(dtype) / 64

    options: dict[str, Any] = {
        "reset": draw(st.sampled_from(RESETS)),
        "surrogate": draw(st.sampled_from(list(SURROGATES.values()))),
        "detach_reset": draw(st.booleans()),
        "record": draw(st.booleans()),
        "expanded": draw(st.booleans()),
        "threshold": draw(st.sampled_from([0.25, 0.5, 2.0])),
        "v0": exact(B, n) if draw(st.booleans()) else None,
        "o0": (exact(B, n) > 0).to(dtype) if recurrent and draw(st.booleans()) else None,
    }
    if leak == 0.5 and dtype == torch.float32:
        T = min(T, 12)  # each halving takes a bit
    k = draw(st.sampled_from([leak, torch.tensor(leak, dtype=dtype), torch.full((n,), leak, dtype=dtype)]))
    x = exact(B, n) if constant else exact(T, B, n)
    weight = exact(n, n) / 16 if recurrent else None
    pairs = on_both(x, k, weight, steps=T if constant else 0, **options)
    assert torch.equal(*pairs[0])
    for ours, theirs in pairs[1:]:
        scale = max(1.0, float(theirs.abs().max()))
        assert (ours - theirs).abs().max() <= (1e-9 if dtype == torch.float64 else 1e-3) * scale


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_half_precisions_are_float32_inside(dtype, recurrent):
    """Spikes are those of float32; what leaves a kernel is float32's result, rounded once."""
    x, k = current(40, 3, 33, dtype=dtype), torch.linspace(0.05, 0.95, 33)
    weight = current(33, 33, seed=1, dtype=torch.float32) / 6 if recurrent else None
    ours = results(x, k, weight, record=True)
    dtypes = (dtype, dtype, torch.float32, dtype)  # the state is for the next call, in float32
    grads = [current(*t.shape, seed=7 + i, dtype=t.dtype).float() for i, t in enumerate(ours[:3])]
    leaves = [leaf.detach().clone().float().requires_grad_() for leaf in (x, k, weight) if leaf is not None]
    options = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle(0.5), "record": True}
    outputs = fused_lif(*leaves[:2], recurrent_weight=leaves[2] if recurrent else None, **options)
    gradients = torch.autograd.grad(outputs, leaves, grads)
    for one, other, kept in zip(ours[:4], [*outputs, gradients[0]], dtypes, strict=True):
        assert one.dtype == kept
        assert torch.equal(one, other.to(kept))
    assert torch.equal(ours[4], gradients[1])
    if recurrent:
        scale = float(gradients[2].abs().max())
        assert (ours[5] - gradients[2]).abs().max() <= 2 * torch.finfo(dtype).eps * scale


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_16_bit_number_is_read_and_rounded_as_torch_does(dtype):
    """Two steps without spikes: dL/dx[0] = k dL/dv, rounded; u[0] = x[0]."""
    numbers = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype)
    k = torch.linspace(0.3, 1.0, len(numbers))
    k.view(torch.int32)[numbers == 1] = 0x7FFFFFFF  # the NaN that CUDA makes, which must not be rounded up to -0
    x = torch.zeros(2, 1, len(numbers), dtype=dtype).requires_grad_()
    options = {"threshold": 1.0, "reset": "none", "surrogate": rectangle(1e-3)}
    _, _, v = fused_lif(x, k, **options)
    (grad,) = torch.autograd.grad(v, x, numbers[None])
    torch.testing.assert_close(grad[1, 0], numbers, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(grad[0, 0], (k * numbers.float()).to(dtype), rtol=0, atol=0, equal_nan=True)
    _, u, _ = fused_lif(numbers[None, None], 0.0, record=True, **options)
    torch.testing.assert_close(u[0, 0], numbers, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("variant", ALL_VARIANTS, ids=lambda v: v.name)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("leakage", [0.3, "learnable"])
def test_neurons_of_both_frameworks_equal_the_oracle(launcher, variant, backend, leakage):
    torch.manual_seed(0)
    neuron = make_neuron(variant, 6, backend=backend, engine="fused", leakage=leakage).double()
    x = current(21, 3, 6).requires_grad_()
    before = len(launcher.launched)
    spikes = neuron(x)
    expected, _, leaves = oracle(neuron, x, threshold=0.3)
    assert torch.equal(spikes, expected)
    grad = current(21, 3, 6, seed=1)
    gradients = torch.autograd.grad(spikes, leaves_of(neuron, x), grad)
    for one, other in zip(gradients, torch.autograd.grad(expected, leaves, grad), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    assert len(launcher.launched) == before + 2


def test_a_training_step_moves_every_parameter():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 8), make_neuron("with_recurrence", 8, leakage="learnable", surrogate="arctan")
    )
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(current(20, 3, 4, dtype=torch.float32)).mean().backward()
    optimizer.step()
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert parameter.isfinite().all()
        assert (parameter != old).any()


def test_an_infinite_potential_leaves_a_nan():
    x = torch.zeros(3, 1, 2)
    x[0, 0, 1] = torch.inf
    assert torch.isnan(fused_lif(x, 0.5, threshold=0.3, reset="zero", surrogate=rectangle())[2]).tolist() == [
        [False, True]
    ]


def test_more_recurrent_neurons_than_shared_memory_holds_are_refused():
    n = 6145
    weight = torch.empty(1).expand(n, n)
    with pytest.raises(ValueError, match=r"6145 recurrent neurons in torch.float32.*6144.*engine='step'"):
        cuda.forward_recurrent(
            *(torch.empty(1, n), torch.zeros(1), weight, torch.empty(n), torch.empty(n)),
            autograd.Rule(0.3, "zero", rectangle(), False),
            *(torch.empty(1, n), torch.empty(1, n)),
        )
