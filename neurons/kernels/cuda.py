"""The fused layer on CUDA tensors: `lif.cu`, compiled by CuPy when first needed and launched on PyTorch's own memory.

The functions are those of `rule.Kernels`, where the arguments are described. Input, spikes and their gradients
may be float16 or bfloat16; the state is then float32. Nothing here waits for the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurons.kernels.rule import DTYPES, RESETS, Rule, fired

SOURCE = Path(__file__).with_name("lif.cu")

SEGMENT = 16
"""Time steps from one kept state to the next, all in registers."""

COLUMNS = 64
"""Threads in a block without recurrence: the fewest that fill every GPU, so that small layers reach all of it."""

SHARED_MEMORY = 48 << 10
"""Bytes of shared memory that every GPU gives a block."""

MACROS = {
    "STORAGE": 0,
    "SEGMENT": SEGMENT,
    "COLUMNS": COLUMNS,
    "RESET": 0,
    "X_MOVES": 0,
    "O_MOVES": 0,
    "U_MOVES": 0,
    "FIRE": 1,
    "RECORD": 0,
    "KEEP": 0,
    "SURROGATE": 0,
    "DETACH": 0,
    "GRAD_U": 0,
    "GRAD_K": 0,
    "GRAD_X": 0,
    "WEIGHTS_SHARED": 0,
    "THREADS": 32,
    "PER_THREAD": 1,
}
"""What `lif.cu` is compiled for, where a case says nothing else."""

FLAGS = ("-std=c++17", "--fmad=false")
"""CuPy adds -ftz=true: a float32 potential below 1.2e-38 counts as 0, which no spike can notice."""


@cache
def why_not() -> str | None:
    """None if CuPy can launch the kernels, else what to do."""
    if torch.version.hip is not None:
        return "the fused engine has no kernel for AMD GPUs"
    suffix = "cuda12x" if (torch.version.cuda or "").startswith("12") else "cuda13x"
    install = "pip install 'lif-roles[cupy]'" if suffix == "cuda13x" else f"pip install 'cupy-{suffix}>=14'"
    if find_spec("cupy") is None:
        return f"CuPy is not installed, which the fused engine needs on a GPU: {install}"
    try:
        import cupy

        cupy.cuda.nvrtc.getVersion()  # loads the compiler
    except Exception as error:  # a broken CUDA set-up fails in many ways, and naming it is the point
        return f"CuPy is installed, but does not load: {error}"
    if int(cupy.__version__.split(".")[0]) < 14:
        return f"CuPy {cupy.__version__} is too old for the fused engine: {install}"
    return None


def segments(T: int) -> int:
    return -(-T // SEGMENT)


def empty(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.empty(tuple(shape), dtype=dtype, device=device)


def forward(x: Tensor, k: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor, kept: Tensor) -> None:
    T, M = max(len(spikes), len(u)), len(v)
    case = {**_case(x, rule), "FIRE": int(len(spikes) > 0), "RECORD": int(len(u) > 0), "KEEP": int(len(kept) > 0)}
    tensors = (x, k, v, spikes, u, kept)
    _launch_columns("forward", case, M, *tensors, *_sizes(T, M, k), _real(v, rule.threshold))


def backward(
    x: Tensor,
    k: Tensor,
    kept: Tensor,
    steps: int,
    grad_o: Tensor,
    grad_u: Tensor,
    grad_v: Tensor,
    rule: Rule,
    grad_x: Tensor,
    grad_k: Tensor,
) -> None:
    kind = 0 if len(grad_x) == 0 else 1 if len(grad_x) == steps else 2
    case = {**_case(x, rule), **_backward_case(grad_o, grad_u, grad_k, rule), "GRAD_X": kind}
    M = len(grad_v)
    tensors = (x, k, kept, grad_o, grad_u, grad_v, grad_x, grad_k)
    _launch_columns("backward", case, M, *tensors, *_sizes(steps, M, k), *_derivative(grad_v, rule))


def forward_recurrent(
    x: Tensor, k: Tensor, weight_t: Tensor, drive: Tensor, v: Tensor, rule: Rule, spikes: Tensor, u: Tensor
) -> bool:
    T, M = spikes.shape
    N = len(weight_t)
    tensors = (x, k, weight_t, drive, v, spikes, u)
    sizes = _sizes(T, M, k, N)
    _launch_samples("forward_recurrent", _case(x, rule), M // N, weight_t, *tensors, *sizes, _real(v, rule.threshold))
    return True


def backward_recurrent(
    u: Tensor,
    k: Tensor,
    weight: Tensor,
    v0: Tensor,
    dense: bool,  # noqa: ARG001
    grad_o: Tensor,
    grad_u: Tensor,
    grad_v: Tensor,
    rule: Rule,
    grad_x: Tensor,
    grad_k: Tensor,
    weight_wanted: bool,
) -> Tensor | None:
    T, M = u.shape
    N = len(weight)
    case = {**_case(grad_x, rule), **_backward_case(grad_o, grad_u, grad_k, rule)}
    tensors = (u, k, weight, v0, grad_o, grad_u, grad_v, grad_x, grad_k)
    sizes = _sizes(T, M, k, N)
    _launch_samples("backward_recurrent", case, M // N, weight, *tensors, *sizes, *_derivative(grad_v, rule))
    if not weight_wanted:
        return None
    spikes = fired(u[:-1], rule).to(grad_x.dtype)
    return (grad_x[1:].reshape(-1, N).t() @ spikes.reshape(-1, N)).to(weight.dtype)


def _case(x: Tensor, rule: Rule) -> dict[str, int]:
    """What `lif.cu` is compiled for."""
    return {"STORAGE": DTYPES.index(x.dtype), "RESET": RESETS.index(rule.reset), "X_MOVES": int(len(x) > 1)}


def _backward_case(grad_o: Tensor, grad_u: Tensor, grad_k: Tensor, rule: Rule) -> dict[str, int]:
    return {
        "SURROGATE": rule.surrogate.code,
        "DETACH": int(rule.detach_reset),
        "O_MOVES": int(len(grad_o) > 1),
        "GRAD_U": int(len(grad_u) > 0),
        "U_MOVES": int(len(grad_u) > 1),
        "GRAD_K": int(len(grad_k) > 0),
    }


def _real(like: Tensor, value: float) -> np.floating:
    return np.float64(value) if like.dtype == torch.float64 else np.float32(value)


def _derivative(like: Tensor, rule: Rule) -> list[np.floating]:
    """The threshold and the surrogate's parameters, four of them."""
    parameters = (*rule.surrogate.parameters, 0.0, 0.0, 0.0)[:4]
    return [_real(like, value) for value in (rule.threshold, *parameters)]


def _sizes(T: int, M: int, k: Tensor, N: int | None = None) -> tuple[np.integer, ...]:
    samples = () if N is None else (np.int32(N),)
    return (np.int32(T), *samples, np.int32(M), np.int32(len(k)))


def _threads(N: int) -> int:
    """Threads for a sample of N neurons: whole warps."""
    return min(-(-N // 32) * 32, 1024)


def _launch_columns(name: str, case: dict[str, int], M: int, *arguments: Any) -> None:
    launch(name, case, -(-M // COLUMNS), COLUMNS, 0, arguments)


def _launch_samples(name: str, case: dict[str, int], samples: int, weight: Tensor, *arguments: Any) -> None:
    """One block a sample."""
    N, size = len(weight), weight.element_size()
    scratch = 2 * N * size  # forward keeps the list of who fired and a bit for each neuron, backward dL/du of two steps
    if scratch > SHARED_MEMORY:
        raise ValueError(
            f"{N} recurrent neurons in {weight.dtype} are more than the {SHARED_MEMORY // (2 * size)} that the fused "
            "engine can hold on a GPU; use engine='step'"
        )
    shared = scratch + N * N * size
    fits = shared <= SHARED_MEMORY
    case = {**case, "THREADS": _threads(N), "PER_THREAD": -(-N // _threads(N)), "WEIGHTS_SHARED": int(fits)}
    launch(name, case, samples, _threads(N), shared if fits else scratch, arguments)


def options(case: dict[str, int]) -> tuple[str, ...]:
    """How `lif.cu` is compiled for a case."""
    return (*FLAGS, *(f"-D{name}={value}" for name, value in {**MACROS, **case}.items()))


@cache
def _kernel(name: str, flags: tuple[str, ...]) -> Any:
    """Compiled at its first launch on a device; CuPy keeps the result on disk."""
    import cupy

    return cupy.RawModule(code=SOURCE.read_text(), options=flags).get_function(name)


class _Stream:
    """PyTorch's current stream, in the protocol by which CuPy takes it over."""

    def __init__(self, device: torch.device) -> None:
        self.pointer = torch.cuda.current_stream(device).cuda_stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


def launch(name: str, case: dict[str, int], blocks: int, threads: int, shared: int, arguments: Sequence[Any]) -> None:
    """Run a kernel of `lif.cu` on PyTorch's current stream of the tensors' device."""
    import cupy

    device = next(a.device for a in arguments if isinstance(a, Tensor))
    values = [np.uint64(a.data_ptr()) if isinstance(a, Tensor) else a for a in arguments]
    with torch.cuda.device(device), cupy.cuda.Device(device.index), cupy.cuda.Stream.from_external(_Stream(device)):
        _kernel(name, options(case))((blocks,), (threads,), tuple(values), shared_mem=shared)
