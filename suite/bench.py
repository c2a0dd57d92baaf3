"""`lif-roles bench lif`: the LIF layer, forward and backward, beside SpikingJelly's and snnTorch's own, in one run.

Every contender does the same work: T steps of a leaky neuron with hard reset on the same input current [T, B, N]
(float32), and the gradient of that input. Rounds are interleaved and the median counts; memory is measured in a
process of its own; the bound is the time that the machine needs to move the bytes that cannot be avoided.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pandas as pd
import torch
from torch import Tensor

from suite import machine

SHAPES = ((250, 512, 64), (1000, 512, 64), (100, 1024, 512))
THRESHOLD = 0.3
LEAK = 0.5
PASSES = 5
"""Tensors of the input's size that must cross memory: x, spikes, and backward x or u again, their gradient, x's
gradient.
"""

Step = Callable[[Tensor], Tensor]


def _ours(backend: str) -> Step:
    from neurons import make_neuron

    return make_neuron("baseline", None, backend=backend, engine="fused", leakage=LEAK, threshold=THRESHOLD)


def _spikingjelly() -> Step:
    from spikingjelly.activation_based import functional, neuron

    node = neuron.LIFNode(tau=1 / (1 - LEAK), decay_input=False, v_threshold=THRESHOLD, step_mode="m")

    def step(x: Tensor) -> Tensor:
        functional.reset_net(node)
        spikes: Tensor = node(x)
        return spikes

    return step


def _snntorch() -> Step:
    import snntorch

    node = snntorch.Leaky(beta=LEAK, threshold=THRESHOLD, reset_mechanism="zero")

    def step(x: Tensor) -> Tensor:
        mem = node.reset_mem()
        spikes = []
        for t in range(len(x)):  # as the tutorials write it
            spike, mem = node(x[t], mem)
            spikes.append(spike)
        return torch.stack(spikes)

    return step


CONTENDERS: dict[str, Callable[[], Step]] = {
    "lif-roles on SpikingJelly (fused)": lambda: _ours("spikingjelly"),
    "lif-roles on snnTorch (fused)": lambda: _ours("snntorch"),
    "SpikingJelly LIFNode": _spikingjelly,
    "snnTorch Leaky": _snntorch,
}


def _work(step: Step, x: Tensor, grad: Tensor) -> None:
    x.grad = None
    step(x).backward(grad)


def _inputs(shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).mul_(THRESHOLD).requires_grad_()
    return x, torch.randn(shape, generator=generator)


def copy_bandwidth(megabytes: int = 256, rounds: int = 5) -> float:
    """Bytes a second that a copy reads and writes."""
    source = torch.ones(megabytes * 250_000)
    target = torch.empty_like(source)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        target.copy_(source)
        times.append(time.perf_counter() - started)
    return 2 * source.nbytes / min(times)


def peak_megabytes(contender: str, shape: tuple[int, int, int]) -> float:
    """Peak resident memory of one forward and backward pass above the process that is about to do it, in MB."""
    code = f"from suite import bench; print(bench.peak_above_idle({contender!r}, {shape!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def peak_above_idle(contender: str, shape: tuple[int, int, int]) -> float:
    """What `peak_megabytes` has a fresh process do."""
    step = CONTENDERS[contender]()
    _work(step, *_inputs((2, 2, 2)))  # imports and compiles
    x, grad = _inputs(shape)
    idle = machine.peak_memory_mb(torch.device("cpu"))
    _work(step, x, grad)
    return machine.peak_memory_mb(torch.device("cpu")) - idle


def run(
    shapes: tuple[tuple[int, int, int], ...] = SHAPES,
    *,
    rounds: int = 5,
    slow_s: float = 5.0,
    memory: bool = True,
) -> Iterator[pd.DataFrame]:
    """For each shape, a row a contender: median ms, times the bound, times the fastest of lif-roles, peak MB above
    idle.

    A contender slower than `slow_s` seconds is timed once only (`rounds` says how often).
    """
    for shape in shapes:
        x, grad = _inputs(shape)
        steps = {name: make() for name, make in CONTENDERS.items()}
        for step in steps.values():
            _work(step, *_inputs((2, 2, 2)))  # what is compiled on first use must not count as slow
        times: dict[str, list[float]] = {name: [] for name in steps}
        slow = set()
        for i in range(rounds + 1):
            for name, step in steps.items():
                if name in slow:
                    continue
                started = time.perf_counter()
                _work(step, x, grad)
                took = time.perf_counter() - started
                if took > slow_s:
                    slow.add(name)
                if i > 0 or took > slow_s:  # the first round warms up
                    times[name].append(took)
        medians = {name: 1000 * statistics.median(values) for name, values in times.items()}
        bound = 1000 * PASSES * x.nbytes / copy_bandwidth()
        best = min(ms for name, ms in medians.items() if name.startswith("lif-roles"))
        yield pd.DataFrame(
            [
                {
                    "T": shape[0],
                    "B": shape[1],
                    "N": shape[2],
                    "contender": name,
                    "median_ms": round(ms, 2),
                    "times_bound": round(ms / bound, 2),
                    "times_lif_roles": round(ms / best, 2),
                    "peak_mb": round(peak_megabytes(name, shape), 1) if memory else None,
                    "rounds": len(times[name]),
                    "bound_ms": round(bound, 2),
                    "device": machine.device_name(torch.device("cpu")),
                    "torch": machine.version("torch"),
                }
                for name, ms in medians.items()
            ]
        )
