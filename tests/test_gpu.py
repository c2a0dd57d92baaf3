"""The fused layer on a real GPU: `pytest -m gpu`."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from neuron_cases import ALL_VARIANTS, leaves_of, oracle
from torch import Tensor, nn

from neurons import BACKENDS, SURROGATES, make_neuron, rectangle
from neurons.kernels import cuda, resolve_engine
from neurons.kernels.autograd import fused_lif

GPU = torch.device("cuda", 0)
WHY_NOT = cuda.why_not() if torch.cuda.is_available() else "PyTorch finds no CUDA device"
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]

DTYPES = (torch.float32, torch.float64)
HALVES = (torch.float16, torch.bfloat16)


def current(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.5).to(dtype)


def results(device: torch.device, tensors: dict[str, Any], steps: int = 0, **options: Any) -> list[Tensor]:
    """Spikes, potentials, final state and gradients, brought to the CPU."""
    leaves = {
        name: t.to(device).requires_grad_() if isinstance(t, Tensor) else t
        for name, t in tensors.items()
        if t is not None
    }
    x = leaves.pop("x")
    outputs = fused_lif(
        x,
        **leaves,
        steps=steps or None,
        **{"threshold": 0.3, "reset": "zero", "surrogate": rectangle(0.5), "record": True, **options},
    )
    grads = [current(*t.shape, seed=7 + i, dtype=t.dtype).to(device) for i, t in enumerate(outputs)]
    wanted = [t for t in (x, *leaves.values()) if isinstance(t, Tensor)]
    return [t.detach().cpu() for t in (*outputs, *torch.autograd.grad(outputs, wanted, grads))]


def assert_same(tensors: dict[str, Any], *, exact: bool = True, tolerance: float, **options: Any) -> None:
    """The GPU's results are the CPU's; spikes, potentials and state to the bit if `exact`."""
    for i, (one, other) in enumerate(
        zip(results(GPU, tensors, **options), results(torch.device("cpu"), tensors, **options), strict=True)
    ):
        if i == 0 or (i < 3 and exact):
            assert torch.equal(one, other)
        else:
            scale = max(1.0, float(other.abs().max()))
            assert (one.double() - other.double()).abs().max() <= tolerance * scale


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (16, 3, 7), (100, 64, 300), (17, 2, 1025)], ids=str)
def test_spikes_are_the_cpus(shape, reset, dtype):
    x, k = current(*shape, dtype=dtype), torch.linspace(0.3, 0.95, shape[-1], dtype=dtype)
    assert_same({"x": x, "k": k}, reset=reset, tolerance=1e-10 if dtype == torch.float64 else 1e-4)
    assert_same({"x": x, "k": 0.3}, reset=reset, tolerance=1e-10 if dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=str)
def test_gradients_are_the_cpus(surrogate, detach_reset, recurrent):
    tensors = {
        "x": current(50, 8, 33, dtype=torch.float64),
        "k": torch.linspace(0.05, 0.95, 33).double(),
        "v0": current(8, 33, seed=3, dtype=torch.float64),
    }
    if recurrent:
        tensors["recurrent_weight"] = current(33, 33, seed=1, dtype=torch.float64) / 6
        tensors["o0"] = (current(8, 33, seed=4) > 0).double()
    options = {"surrogate": surrogate, "detach_reset": detach_reset}
    assert_same(tensors, exact=not recurrent, tolerance=1e-9, **options)
    tensors["x"] = tensors["x"][0]
    assert_same(tensors, exact=not recurrent, tolerance=1e-9, steps=40, **options)


@pytest.mark.parametrize("n", [1, 33, 64, 111, 128, 512, 1024, 1030, 2500])
def test_recurrence_of_any_size(n):
    """In float64, where no spike hangs on the order of a sum."""
    tensors = {"x": current(30, 4, n, dtype=torch.float64), "k": torch.linspace(0.05, 0.95, n).double()}
    tensors["recurrent_weight"] = current(n, n, seed=2, dtype=torch.float64) / n**0.5
    assert_same(tensors, exact=False, tolerance=1e-9)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_half_precisions_give_float32s_spikes(dtype, recurrent):
    # multiples of 1/64, whose sum is the same in any order
    x, k = (torch.round(current(40, 8, 64) * 64) / 64).to(dtype), torch.linspace(0.05, 0.95, 64)
    weight = torch.round(current(64, 64, seed=1) * 16) / 64 if recurrent else None
    assert_same({"x": x, "k": k, "recurrent_weight": weight}, exact=False, tolerance=4 * torch.finfo(dtype).eps)


def test_every_16_bit_number_is_read_and_rounded_as_torch_does():
    for dtype in HALVES:
        numbers = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype).to(GPU)
        k = torch.linspace(0.3, 1.0, len(numbers), device=GPU)
        x = torch.zeros(2, 1, len(numbers), dtype=dtype, device=GPU).requires_grad_()
        _, _, v = fused_lif(x, k, threshold=1.0, reset="none", surrogate=rectangle(1e-3))
        (grad,) = torch.autograd.grad(v, x, numbers[None])
        normal = numbers.float().abs() >= 1e-37  # CuPy compiles with -ftz=true: what is smaller counts as 0
        expected = (k * numbers.float()).to(dtype)
        torch.testing.assert_close(grad[0, 0][normal], expected[normal], rtol=0, atol=0)
        assert torch.equal(torch.isnan(grad[0, 0]), torch.isnan(expected))


@pytest.mark.parametrize("variant", ALL_VARIANTS, ids=lambda v: v.name)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("leakage", [0.3, "learnable"])
@pytest.mark.parametrize("engine", ["step", "fused"])
def test_neurons_of_both_frameworks_equal_the_oracle(variant, backend, leakage, engine):
    torch.manual_seed(0)
    neuron = make_neuron(variant, 6, backend=backend, engine=engine, leakage=leakage).double().to(GPU)
    x = current(50, 8, 6, dtype=torch.float64).to(GPU).requires_grad_()
    spikes = neuron(x)
    expected, _, leaves = oracle(neuron, x, threshold=0.3)
    assert torch.equal(spikes, expected)
    grad = current(50, 8, 6, seed=1, dtype=torch.float64).to(GPU)
    gradients = torch.autograd.grad(spikes, leaves_of(neuron, x), grad)
    for one, other in zip(gradients, torch.autograd.grad(expected, leaves, grad), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_auto_is_the_fused_engine():
    for dtype in (*DTYPES, *HALVES):
        assert resolve_engine("auto", GPU, dtype) == "fused"


def test_kernels_run_on_the_current_stream():
    """Behind work that takes a while: on another stream they would read x before it is written."""
    x = current(50, 64, 512).to(GPU)
    options = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle(0.5)}
    expected = fused_lif(x, 0.5, **options)[0]
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        late = torch.zeros_like(x).requires_grad_()
        torch.cuda._sleep(100_000_000)
        with torch.no_grad():
            late.copy_(x)
        spikes = fused_lif(late, 0.5, **options)[0]
        spikes.sum().backward()
    stream.synchronize()
    assert torch.equal(spikes, expected)
    assert late.grad.any()


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_nothing_waits_for_the_device():
    neuron = make_neuron("with_recurrence", 64, leakage="learnable").to(GPU)
    x = current(50, 8, 64).to(GPU).requires_grad_()
    neuron(x).sum().backward()  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        neuron(x).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one CUDA device")
def test_the_tensors_device_is_used_whatever_the_current_one():
    x = current(20, 4, 8).to("cuda:1").requires_grad_()
    spikes = make_neuron("baseline", 8, engine="fused")(x)
    spikes.sum().backward()
    assert spikes.device == x.grad.device == x.device
    assert torch.cuda.current_device() == 0


@pytest.mark.parametrize("autocast", [False, True])
def test_a_small_net_trains(autocast):
    torch.manual_seed(0)
    layers = [nn.Linear(10, 64), make_neuron("with_recurrence", 64, leakage="learnable"), nn.Linear(64, 2)]
    net = nn.Sequential(*layers).to(GPU)
    before = copy.deepcopy(list(net.parameters()))
    x, labels = current(40, 32, 10).to(GPU), torch.arange(32, device=GPU) % 2
    x[:, ::2] += 0.5
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        with torch.autocast(GPU.type, torch.bfloat16, enabled=autocast):
            loss = nn.functional.cross_entropy(net(x).float().mean(0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert parameter.isfinite().all()
        assert (parameter != old).any()
