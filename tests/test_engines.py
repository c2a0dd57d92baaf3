"""Which engine runs on which device and dtype, and what the fused one refuses."""

import pytest
import torch

from neurons import Variant, kernels, make_neuron, rectangle
from neurons.kernels import cuda, kernel_name, resolve_engine, why_not_fused
from neurons.kernels.autograd import fused_lif

CPU = torch.device("cpu")
GPU = torch.device("cuda")


def current(*shape, seed=0, dtype=torch.float64):
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.5).to(dtype)


def test_engines():
    meta = torch.device("meta")
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert resolve_engine("auto", CPU, dtype) == "fused"
        assert resolve_engine("step", CPU, dtype) == "step"
        assert why_not_fused(CPU, dtype) is None
        assert resolve_engine("auto", meta, dtype) == "step"
    assert "float8_e5m2" in why_not_fused(CPU, torch.float8_e5m2)
    with pytest.raises(ValueError, match=r"engine='fused'.*use engine='step' or 'auto'"):
        resolve_engine("fused", meta, torch.float32)


@pytest.fixture
def no_cupy(monkeypatch):
    """CuPy is not installed, and nobody has been told."""
    monkeypatch.setattr(cuda, "find_spec", lambda _name: None)
    monkeypatch.setattr(torch.version, "hip", None)
    for cached in (cuda.why_not, kernels._warn):
        cached.cache_clear()
    yield
    for cached in (cuda.why_not, kernels._warn):
        cached.cache_clear()


@pytest.mark.usefixtures("no_cupy")
def test_without_cupy_a_gpu_runs_step_by_step_and_says_so_once():
    with pytest.warns(UserWarning, match=r"runs step by step.*CuPy is not installed.*pip install"):
        assert resolve_engine("auto", GPU, torch.float32) == "step"
    assert resolve_engine("auto", GPU, torch.float32) == "step"  # a second warning would be an error here
    assert resolve_engine("step", GPU, torch.float32) == "step"
    with pytest.raises(ValueError, match=r"engine='fused': CuPy is not installed.*pip install"):
        resolve_engine("fused", GPU, torch.float32)


@pytest.mark.usefixtures("no_cupy")
@pytest.mark.parametrize(
    ("version", "command"), [("13.0", "pip install 'lif-roles[cupy]'"), ("12.8", "pip install 'cupy-cuda12x>=14'")]
)
def test_the_cupy_to_install_is_that_of_torchs_cuda(monkeypatch, version, command):
    monkeypatch.setattr(torch.version, "cuda", version)
    assert command in why_not_fused(GPU, torch.float32)


def test_kernel_names_say_what_computes():
    assert kernel_name("fused", "snntorch", CPU) == "numba-cpu"
    assert kernel_name("fused", "snntorch", GPU) == "cupy-cuda"
    assert kernel_name("step", "snntorch", CPU) == "snntorch-step"


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precisions_compute_in_float32(dtype, recurrent):
    x = current(20, 2, 3, dtype=dtype).requires_grad_()
    k = torch.tensor([0.2, 0.6, 0.9])
    weight = current(3, 3, seed=1, dtype=torch.float32) if recurrent else None
    options = {"threshold": 0.3, "reset": "zero", "surrogate": rectangle(0.5), "recurrent_weight": weight}
    outputs = fused_lif(x, k, record=True, **options)
    expected = fused_lif(x.float(), k, record=True, **options)
    for one, other in zip(outputs[:2], expected[:2], strict=True):
        assert one.dtype == dtype
        assert torch.equal(one, other.to(dtype))
    assert outputs[2].dtype == torch.float32  # the state between calls
    assert torch.equal(outputs[2], expected[2])
    (gradient,) = torch.autograd.grad(outputs[0].sum(), x, retain_graph=True)
    assert gradient.dtype == dtype
    assert gradient.any()


@pytest.mark.parametrize(
    ("parameters", "dtype"),
    [
        (torch.float32, torch.float16),
        (torch.float32, torch.bfloat16),
        (torch.float16, torch.float16),
        (torch.bfloat16, torch.bfloat16),
    ],
    ids=str,
)
def test_a_neuron_in_half_precision_with_every_part(parameters, dtype):
    """Learnable leak, scaled input and recurrence: nothing turns the spikes to float32."""
    variant = Variant("all", leakage="learnable", recurrent=True, input_gain="1-k")
    neuron = make_neuron(variant, 3, engine="fused").to(parameters)
    spikes, u, _ = neuron.simulate(current(20, 2, 3, dtype=dtype))
    assert (spikes.dtype, u.dtype) == (dtype, dtype)
    spikes.sum().backward()


def test_autocast_leaves_the_recurrent_arithmetic_alone():
    x, weight = current(20, 2, 3, dtype=torch.float32), current(3, 3, seed=1, dtype=torch.float32).requires_grad_()
    results = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            spikes, u, _ = fused_lif(
                x,
                0.5,
                threshold=0.3,
                reset="zero",
                surrogate=rectangle(0.5),
                recurrent_weight=weight,
                o0=torch.ones(2, 3),
                record=True,
            )
            results.append((spikes, u, *torch.autograd.grad(spikes.sum() + u.sum(), weight)))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.ones(5, 2, 3).int()}, TypeError, r"the input current is torch.int32; .*float32"),
        ({"x": torch.ones(5, 0, 3)}, ValueError, r"must be \[T, B, ...\].*got \[5, 0, 3\]"),
        ({"k": torch.ones(4)}, ValueError, r"k must be \[\] or \[1\] or \[3\] .*but is \[4\]"),
        ({"k": torch.ones(3).double()}, TypeError, r"current is torch.float32, but k is torch.float64"),
        ({"recurrent_weight": torch.ones(3, 4)}, ValueError, r"recurrent_weight must be \[3, 3\]"),
        ({"recurrent_weight": torch.ones(3, 3).double()}, TypeError, r"recurrent_weight is torch.float64"),
        ({"v0": torch.ones(3)}, ValueError, r"v0 must be \[2, 3\]"),
        ({"o0": torch.ones(2, 3, device="meta")}, ValueError, r"the input current is on cpu, but o0 on meta"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, error, message):
    arguments = {"x": torch.ones(5, 2, 3), "k": 0.3, "threshold": 0.3, "reset": "zero", "surrogate": rectangle()}
    with pytest.raises(error, match=message):
        fused_lif(**{**arguments, **change})
