"""On the CPU, the same bits on any number of threads: kernels, linear layers and whole trainings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from neurons import SURROGATES, Variant, make_neuron, rectangle
from neurons.kernels.autograd import fused_lif
from neurons.linear import SequenceLinear, event_linear
from neurons.linear.products import BLOCKS, SMALL, product, product_over_rows, sum_over_rows, times
from neurons.threads import SERIAL, at_most, use_threads
from suite.inputs import Events, Input, Static
from suite.models.fc import FCNet
from suite.models.forward import forward
from suite.models.readout import loss
from suite.models.resnet import ResNet18
from suite.models.rnn import RecurrentNet
from suite.models.threads import steady
from suite.protocols import Cosine, Protocol
from suite.variants import BASELINES


@pytest.fixture(autouse=True)
def _threads_as_before():
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def on_threads(count: int, compute: Callable[[], list[Tensor]]) -> list[Tensor]:
    torch.set_num_threads(count)
    return [tensor.detach().clone() for tensor in compute()]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def spiking(*shape: int, rate: float, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def some_events(T: int, B: int, n_in: int, per_row: int, *, counted: bool = False) -> Events:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(0, 2 * per_row + 1, (T * B,), generator=generator)
    offset = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)])
    unit = torch.randint(0, n_in, (int(offset[-1]),), generator=generator)
    return Events(unit, offset, torch.rand(len(unit), generator=generator) if counted else None, (T, B, n_in))


# Shapes of which more than one thread would have a share, some of which divide by nothing.


def lif(T: int, B: int, n: int, surrogate: str, recurrent: bool, rate: float = 0.0) -> list[Tensor]:
    assert T * B * n > SERIAL
    x = (normal(T, B, n) * 0.5 + rate).requires_grad_()
    k = torch.linspace(0.1, 0.9, n).requires_grad_()
    v0, o0 = normal(B, n, seed=1).requires_grad_(), spiking(B, n, rate=0.2).requires_grad_()
    weight = (normal(n, n, seed=2) / n**0.5).requires_grad_()
    leaves = [x, k, v0, *((o0, weight) if recurrent else ())]
    options = {"recurrent_weight": weight, "o0": o0} if recurrent else {}
    surrogate_function = SURROGATES[surrogate]
    outputs = fused_lif(x, k, threshold=0.3, reset="zero", surrogate=surrogate_function, v0=v0, record=True, **options)
    gradients = torch.autograd.grad((outputs[0] * normal(T, B, n, seed=3)).sum() + outputs[1].sum(), leaves)
    return [*outputs, *gradients]


def scalar_leak() -> list[Tensor]:
    """Whose gradient is one sum over all."""
    x, k = normal(4, 300, 160) * 0.5, torch.tensor(0.5).requires_grad_()
    spikes, _, _ = fused_lif(x, k, threshold=0.3, reset="zero", surrogate=rectangle(0.5))
    return [spikes, *torch.autograd.grad((spikes * normal(4, 300, 160, seed=1)).sum(), k)]


def sequence_linear(R: int, n_in: int, n_out: int, rate: float) -> list[Tensor]:
    torch.manual_seed(0)
    layer = SequenceLinear(n_in, n_out)
    x = (spiking(R, 1, n_in, rate=rate) * normal(R, 1, n_in)).requires_grad_()
    out = layer(x)
    return [out, *torch.autograd.grad(out, [x, *layer.parameters()], normal(R, 1, n_out, seed=1))]


def first_layer(R: int, n_in: int, n_out: int, per_row: int, counted: bool) -> list[Tensor]:
    x = some_events(R, 1, n_in, per_row, counted=counted)
    weight_t, bias = normal(n_in, n_out).requires_grad_(), normal(n_out, seed=1).requires_grad_()
    out = event_linear(x.unit, x.offset, x.weight, weight_t, bias)
    return [out, *torch.autograd.grad(out, [weight_t, bias], normal(R, n_out, seed=2))]


def products(R: int, n: int, m: int) -> list[Tensor]:
    a, b, c = normal(R, n), normal(n, m, seed=1), normal(R, m, seed=2)
    return [product(a, b), product(a, b, b[0]), product_over_rows(a, c), product_over_rows(c, a), sum_over_rows(a)]


def sigmoid_step() -> list[Tensor]:
    """The step engine works out this derivative with torch."""
    x = normal(1, 437, 450).requires_grad_()
    spikes = make_neuron("baseline", 450, engine="step", surrogate="sigmoid")(x)
    return [spikes, *torch.autograd.grad(spikes.sum(), x)]


def step_recurrence(backend: str, n: int) -> list[Tensor]:
    """And the weights that it starts with, in widths that BLAS would share out with a remainder."""
    torch.manual_seed(0)
    neuron = make_neuron("with_recurrence", n, engine="step", backend=backend)
    x = normal(3, 256, n).requires_grad_()
    spikes = neuron(x)
    return [*neuron.parameters(), spikes, *torch.autograd.grad(spikes.sum(), [x, *neuron.parameters()])]


CASES: dict[str, Callable[[], list[Tensor]]] = {
    **{f"lif, {name}": lambda name=name: lif(37, 33, 70, name, recurrent=False) for name in SURROGATES},
    "lif, wide": lambda: lif(3, 300, 90, "rectangle", recurrent=False),
    "recurrent, few spikes": lambda: lif(20, 67, 64, "rectangle", recurrent=True, rate=-0.5),
    "recurrent, many spikes": lambda: lif(20, 67, 64, "arctan", recurrent=True, rate=0.3),
    "recurrent, wide": lambda: lif(6, 37, 300, "rectangle", recurrent=True, rate=-0.4),
    "scalar leak": scalar_leak,
    "dense to few": lambda: sequence_linear(2503, 64, 20, 0.3),
    "dense to 10": lambda: sequence_linear(6400, 64, 10, 0.1),
    "dense to many": lambda: sequence_linear(300, 200, 235, 0.5),
    "sparse": lambda: sequence_linear(1501, 100, 72, 0.1),
    "sparse, few rows": lambda: sequence_linear(300, 300, 235, 0.1),
    "events": lambda: first_layer(1200, 50, 72, 6, counted=False),
    "counted events": lambda: first_layer(901, 300, 235, 9, counted=True),
    "products": lambda: products(1003, 35, 20),
    "products, square": lambda: products(128, 200, 200),
    "products, wide": lambda: products(400, 235, 301),
    "products, one row": lambda: products(1, 700, 200),
    "sigmoid on the step engine": sigmoid_step,
    "recurrence on the step engine": lambda: step_recurrence("spikingjelly", 235),
    "narrow recurrence on the step engine": lambda: step_recurrence("snntorch", 35),
}


@pytest.mark.parametrize("case", CASES)
def test_kernels_and_linear_layers(case):
    counts = (1, 2, 3, 40) if "products" in case else (1, 2, 3)  # MKL changes its ways with 32
    one, *others = [on_threads(count, CASES[case]) for count in counts]
    for other in others:
        for a, b in zip(one, other, strict=True):
            assert torch.equal(a, b)


def test_on_more_threads_than_cores():
    """Numba starts no more than it finds cores, unless told otherwise before it starts."""
    code = (
        "import torch, test_determinism as t\n"
        "for name, case in t.CASES.items():\n"
        "    one, four = t.on_threads(1, case), t.on_threads(4, case)\n"
        "    assert t.use_threads(1 << 20) == 4\n"
        "    assert all(map(torch.equal, one, four)), name\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    env = {**os.environ, "NUMBA_NUM_THREADS": "4", "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_products_equal_torch():
    torch.set_num_threads(1)  # hundreds of tiny products
    for R, n, m in ((1, 3, 2), (BLOCKS, 1, 4), (37, 5, 60), (600, 7, 3), (301, 150, 100), (301, 100, 150)):
        a, b, c = normal(R, n).double(), normal(n, m, seed=1).double(), normal(R, m, seed=2).double()
        torch.testing.assert_close(product(a, b), a @ b)
        torch.testing.assert_close(product(a, b, b[0]), a @ b + b[0])
        torch.testing.assert_close(product(a.t().contiguous().t(), b), a @ b)
        torch.testing.assert_close(product_over_rows(a, c), a.t() @ c)
        torch.testing.assert_close(sum_over_rows(a), a.sum(0))
        torch.testing.assert_close(times(a, b), a @ b)
    assert SMALL < 301 * 150 * 100
    leaves = [normal(7, 3).double().requires_grad_(), normal(3, 2).double().requires_grad_()]
    for some in (leaves, [leaves[1].t(), leaves[0].t()]):  # either is the wider
        assert torch.autograd.gradcheck(times, some)
        assert torch.autograd.gradgradcheck(times, some)


def test_threads_are_given_back():
    torch.set_num_threads(2)
    with at_most(1):
        assert torch.get_num_threads() == 1
        assert use_threads(SERIAL + 1) == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), at_most(1):
        raise KeyError
    assert torch.get_num_threads() == 2
    assert use_threads(SERIAL) == 1


def test_the_first_kernel_leaves_torch_its_threads():
    """Numba's OpenMP layer and PyTorch share one pool."""
    code = (
        "import torch\n"
        "from neurons import make_neuron\n"
        "make_neuron('baseline', 64)(torch.ones(100, 20, 64))\n"
        "assert torch.get_num_threads() == 1, torch.get_num_threads()\n"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    env["PYTHONPATH"] = str(Path(__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


# Whole trainings.

PROTOCOL = Protocol(
    hidden=(64,),
    data={},
    epochs=1,
    batch_size=64,
    learning_rate=1e-2,
    schedule=Cosine(),
    threshold=0.3,
    surrogate=rectangle(0.5),
    leakage="learnable",
    readout="integrator",
    clip=1.0,
)
RECURRENT = Variant("recurrent", recurrent=True)
GAIN = Variant("gain", input_gain="1-k", reset="subtract")


def train(network: nn.Module, x: Input, protocol: Protocol) -> list[Tensor]:
    """Three steps as in `suite.training`: the losses, the spike rates and the weights."""
    y = torch.arange(x.shape[1] if not isinstance(x, Static) else len(x.image)) % 10
    optimizer = torch.optim.Adam(network.parameters(), lr=protocol.learning_rate, fused=True)
    results: list[Tensor] = []
    with steady(network):
        for _ in range(3):
            logit, _, spikes = forward(network, x, protocol)
            value = loss(logit, y, protocol)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), protocol.clip)
            optimizer.step()
            results += [value, *(s.mean() for s in spikes)]
    return [*results, *network.parameters()]


INPUTS: dict[str, Input] = {
    "events": some_events(24, 64, 700, 15),
    "counts": some_events(10, 64, 1000, 40, counted=True),
    "static": Static(torch.rand(64, 1, 784, generator=torch.Generator().manual_seed(0)), 8),
    "dense": normal(40, 96, 4),
}
NETWORKS: dict[str, tuple[str, Variant, Protocol]] = {
    "speech": ("events", RECURRENT, replace(PROTOCOL, hidden=(64,))),
    "speech, wide": ("events", RECURRENT, replace(PROTOCOL, hidden=(200,), chunk=10)),
    "saccades": ("counts", GAIN, replace(PROTOCOL, hidden=(512,), readout="spikes", loss="mse")),
    "two layers": ("counts", RECURRENT, replace(PROTOCOL, hidden=(100, 100), surrogate=SURROGATES["sigmoid"])),
    "images": ("static", GAIN, replace(PROTOCOL, hidden=(235,))),
    "xor": ("dense", RECURRENT, replace(PROTOCOL, hidden=(20,), last_steps=9)),
}


@pytest.mark.parametrize("backend", ["spikingjelly", "snntorch"])
@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("name", NETWORKS)
def test_trainings_of_fully_connected_networks(name, engine, backend):
    kind, variant, protocol = NETWORKS[name]
    x = INPUTS[kind]
    n_in = 784 if isinstance(x, Static) else x.shape[2]

    def run() -> list[Tensor]:
        torch.manual_seed(0)
        return train(FCNet(n_in, 10, protocol, variant, backend, engine), x, protocol)

    assert_same(run)


@pytest.mark.parametrize("engine", ["step", "fused"])
def test_trainings_of_resnets(engine):
    def run() -> list[Tensor]:
        torch.manual_seed(0)
        network = ResNet18(3, 4, 10, lambda: make_neuron("baseline", None, engine=engine))
        return train(network, Static(normal(16, 3, 32, 32), 2), PROTOCOL)

    assert_same(run)


@pytest.mark.parametrize("name", BASELINES)
def test_trainings_of_recurrent_baselines(name):
    def run() -> list[Tensor]:
        torch.manual_seed(0)
        return train(RecurrentNet(700, 64, 10, BASELINES[name]), INPUTS["events"], PROTOCOL)

    assert_same(run, counts=(1, 2, 8))


def assert_same(run: Callable[[], list[Tensor]], counts: tuple[int, ...] = (1, 2)) -> None:
    one, *others = [on_threads(count, run) for count in counts]
    assert all(torch.isfinite(tensor).all() for tensor in one)
    for other in others:
        for a, b in zip(one, other, strict=True):
            assert torch.equal(a, b)
