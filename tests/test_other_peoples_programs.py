"""Neurons inside other people's programs: forked workers, threads, Numba switched off or without a cache."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from neurons import BACKENDS, make_neuron

IMPLEMENTATIONS = [(backend, engine) for backend in BACKENDS for engine in ("step", "fused")]


def run(program, **environment):
    """What a program prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


FORKED = """
import json
import torch
from torch.utils.data import DataLoader, Dataset
from neurons import make_neuron
from neurons.linear import SequenceLinear, event_linear
torch.manual_seed(0)
x = torch.rand(70, 40, 30)  # more than one thread's share
auto, fused = make_neuron("with_recurrence", 30), make_neuron("with_recurrence", 30, engine="fused")
linear = SequenceLinear(30, 40)
unit, offset, weight_t, bias = torch.randint(0, 9, (60,)), torch.arange(0, 61, 3), torch.randn(9, 40), torch.zeros(40)
def spikes():
    with torch.no_grad():
        events = event_linear(unit, offset, None, weight_t, bias)
        return [float(part.sum()) for part in (auto(x), linear(x), events)]
class Encoded(Dataset):
    def __len__(self):
        return 2
    def __getitem__(self, i):
        try:
            fused(x)
            error = "none"
        except ValueError as refused:
            error = str(refused)
        return spikes(), error
if __name__ == "__main__":
    here = spikes()
    items = [*DataLoader(Encoded(), num_workers=1, timeout=100, batch_size=None)]
    print(json.dumps([here, *items]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_a_forked_worker_steps():
    here, (there, error), _ = run(FORKED)
    assert there == pytest.approx(here, rel=1e-4)
    assert "forked" in error
    assert "spawn" in error
    assert "engine='step'" in error


SWITCHED_OFF = """
import json
import torch
from neurons import SURROGATES, make_neuron
from neurons.linear import SequenceLinear, event_linear
gradients = []
for surrogate in SURROGATES:
    for variant in ("baseline", "with_recurrence"):
        torch.manual_seed(0)
        layer, x = make_neuron(variant, 4, surrogate=surrogate), torch.rand(5, 2, 4, requires_grad=True)
        layer(x).sum().backward()
        gradients.append(float(x.grad.sum()))
torch.manual_seed(0)
x = torch.zeros(6, 3, 40)
x[2, 1, 7] = 1
gradients.append(float(SequenceLinear(40, 64)(x).sum()))
unit, offset = torch.randint(0, 9, (60,)), torch.arange(0, 61, 3)
gradients.append(float(event_linear(unit, offset, None, torch.randn(9, 40), torch.zeros(40)).sum()))
print(json.dumps(gradients))
"""

NO_CACHE = (
    "import numba.core.caching as caching\n"
    "caching.CacheImpl._locator_classes = []  # as in a read-only installation with a read-only home\n"
    + SWITCHED_OFF.replace("SURROGATES:", '("rectangle",):').replace('("baseline", "with_recurrence")', '("baseline",)')
)


def test_numba_switched_off_and_numba_without_a_cache():
    compiled = run(SWITCHED_OFF)
    assert run(SWITCHED_OFF, NUMBA_DISABLE_JIT="1") == pytest.approx(compiled, rel=1e-4)
    first, *last = run(NO_CACHE)
    assert [first, *last] == pytest.approx([compiled[0], *compiled[-2:]], rel=1e-6)


@pytest.mark.parametrize(("backend", "engine"), IMPLEMENTATIONS)
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_threads_may_share_a_layer(backend, engine, variant):
    """The state of a call belongs to the call."""
    torch.manual_seed(0)
    layer = make_neuron(variant, 6, backend=backend, engine=engine)
    inputs = [torch.rand(60, 3, 6, generator=torch.Generator().manual_seed(i)) for i in range(12)]
    with torch.no_grad():
        expected = [layer(x) for x in inputs]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda x: torch.no_grad()(layer)(x), inputs * 4))
    for one, other in zip(found, expected * 4, strict=True):
        assert torch.equal(one, other)
