"""`lif-roles bench lif`: the LIF layer, forward and backward, beside the frameworks' own, in one run.

Every contender (`suite.bench.ops`) does the same work: T steps of a leaky neuron with reset to zero on the same input
current [T, B, N] (float32), and the gradient of that input, and of V where the layer is recurrent. Memory is measured
in a process of its own. `bound_ms` is the time that the device needs to move the bytes that cannot be avoided
(`PASSES`) and, if the layer is recurrent, to multiply V's transpose with the dense gradient of each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from suite.bench import memory, timing
from suite.bench.ops import OPS, THRESHOLD, Step, version
from suite.bench.other_python import OtherPython

Shape = tuple[int, int, int]

SHAPES: tuple[Shape, ...] = ((250, 512, 64), (1000, 512, 64), (100, 1024, 512))
RECURRENT_SHAPES: tuple[Shape, ...] = ((250, 256, 64),)
"""The hidden layer of SHD under the protocol "suite"."""
CUDA_SHAPES: tuple[Shape, ...] = (*SHAPES, *((steps, 1, 2**20) for steps in (8, 16, 32, 64, 128)))
"""Also those of SpikingJelly's own table: 2^20 neurons."""
PASSES = 5
"""Tensors of the input's size that must cross memory: x, spikes, and backward x or u again, their gradient, x's
gradient.
"""


def work(step: Step, x: Tensor, grad: Tensor) -> None:
    """One forward and backward pass. Each contender frees its own gradient of x, not that of the one before it."""
    step(x).backward(grad)
    x.grad = None


def inputs(shape: Shape, device: torch.device) -> tuple[Tensor, Tensor]:
    """Input current and the gradient of the spikes, [T, B, N] each."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).mul_(THRESHOLD).to(device).requires_grad_()
    return x, torch.randn(shape, generator=generator).to(device)


def weights(n: int, recurrent: bool, device: torch.device) -> Tensor | None:
    """V [n, n], orthogonal as at the start of training; None unless recurrent."""
    if not recurrent:
        return None
    generator = torch.Generator().manual_seed(1)
    return torch.linalg.qr(torch.randn(n, n, generator=generator))[0].to(device)


def peak_megabytes(contender: str, shape: Shape, recurrent: bool = False, device: str = "cpu") -> float | None:
    """Peak memory in MB of one forward and backward pass above the process that is about to do it, which has done a
    tiny one and has the input. None if the process dies of it.
    """
    return memory.in_process("suite.bench.lif", "peak_here", contender, shape, recurrent, device)


def peak_here(contender: str, shape: Shape, recurrent: bool, device: str) -> float:
    """What `peak_megabytes` has a fresh process do."""
    where = timing.bench_device(device)
    step = OPS[contender].make(weights(shape[-1], recurrent, where), where)
    work(step, *inputs((2, 2, shape[-1]), where))  # imports and compiles
    x, grad = inputs(shape, where)
    return memory.peak_above_idle(lambda: work(step, x, grad), where)


def bound_ms(shape: Shape, recurrent: bool, device: torch.device) -> float:
    """The least time in ms that the device can take for the layer."""
    T, B, N = shape
    seconds = 4 * PASSES * T * B * N / timing.copy_bandwidth(device)
    if recurrent:
        seconds += 2 * T * B * N * N / timing.gemm_rate(device)
    return 1000 * seconds


def run(
    shapes: Sequence[Shape] = SHAPES,
    recurrent_shapes: Sequence[Shape] = (),
    *,
    device: torch.device,
    rounds: int = 5,
    slow_s: float = 5.0,
    with_memory: bool = True,
    other: OtherPython | None = None,
) -> Iterator[pd.DataFrame]:
    """For each shape, a row a contender: times in ms, times the bound, times the fastest of lif-roles, peak MB above
    idle. A contender that cannot run has a row with the reason in `note`. `other`: SpikingJelly in another Python
    environment, timed in the same rounds.
    """
    for shape, recurrent in [*((s, False) for s in shapes), *((s, True) for s in recurrent_shapes)]:
        yield _table(shape, recurrent, device, rounds, slow_s, with_memory, other)


def timings(
    shape: Shape,
    recurrent: bool,
    device: torch.device,
    rounds: int,
    slow_s: float,
    more: dict[str, timing.Timed],
    names: Sequence[str] = tuple(OPS),
) -> dict[str, timing.Measured]:
    """The times of the contenders in `names` at one shape, with those of `more`."""
    x, grad = inputs(shape, device)
    small = inputs((2, 2, shape[-1]), device)
    calls = {}
    found = {}
    for name in names:
        op = OPS[name]
        reason = op.why_not(device)
        if reason is not None:
            found[name] = timing.Measured(note=reason)
            continue
        step = op.make(weights(shape[-1], recurrent, device), device)
        work(step, *small)  # what is compiled on first use must not count as slow
        calls[name] = timing.timed(_bind(step, x, grad), device)
    measured = timing.interleaved({**calls, **more}, rounds=rounds, slow_s=slow_s)
    return {name: measured.get(name) or found[name] for name in [*names, *more]}


def _bind(step: Step, x: Tensor, grad: Tensor) -> Callable[[], None]:
    return lambda: work(step, x, grad)


def _table(
    shape: Shape,
    recurrent: bool,
    device: torch.device,
    rounds: int,
    slow_s: float,
    with_memory: bool,
    other: OtherPython | None,
) -> pd.DataFrame:
    more = {other.name: other.timed(shape)} if other is not None and not recurrent else {}
    measured = timings(shape, recurrent, device, rounds, slow_s, more)
    bound = bound_ms(shape, recurrent, device)
    rows: list[dict[str, Any]] = []
    for name, m in measured.items():
        about = {"op": "recurrent LIF" if recurrent else "LIF", "T": shape[0], "B": shape[1], "N": shape[2]}
        row = {**about, "contender": name, **m.columns()}
        row["times_bound"] = round(row["median_ms"] / bound, 2) if m.seconds else None
        rows.append(row)
    timing.ratios(rows)
    for row, (name, m) in zip(rows, measured.items(), strict=True):
        row["peak_mb"] = None
        if with_memory and m.seconds:
            if name in OPS:
                peak = peak_megabytes(name, shape, recurrent, device.type)
            else:
                assert other is not None
                peak = other.peak_megabytes(shape)
            row["peak_mb"] = None if peak is None else round(peak, 1)
            row["note"] = "out of memory" if peak is None else ""
        row["bound_ms"] = round(bound, 3)
        row["version"] = version(OPS[name].package, device) if name in OPS else name
        row["note"] = m.note or row.get("note", "")
        row |= timing.device_columns(device)
    return pd.DataFrame(rows)
