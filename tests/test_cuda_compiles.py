"""`lif.cu` through NVRTC, CUDA's own compiler, which needs no GPU."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from neurons import SURROGATES
from neurons.kernels import cuda
from neurons.kernels.rule import RESETS

KERNELS = {"forward", "backward", "forward_recurrent", "backward_recurrent"}
CUPYS_OWN = ("-ftz=true", "--device-as-default-execution-space")  # what CuPy adds to the options it is given


@pytest.fixture(scope="module")
def nvrtc() -> Any:
    """NVRTC's functions, as `cuda-bindings` has them, which comes with PyTorch for CUDA."""
    bindings = pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings, and so NVRTC, is not installed")
    try:
        bindings.nvrtcVersion()
    except (RuntimeError, OSError) as error:
        pytest.skip(f"NVRTC does not load: {error}")
    return bindings


def compiled(nvrtc: Any, architecture: int, **case: int) -> str:
    """The compiler's log. Fails, with the log, if the source does not compile."""
    source = cuda.SOURCE.read_bytes()
    _, program = nvrtc.nvrtcCreateProgram(source, b"lif.cu", 0, [], [])
    options = (*cuda.options(case), *CUPYS_OWN, f"-arch=sm_{architecture}", "--ptxas-options=-v")
    (result,) = nvrtc.nvrtcCompileProgram(program, len(options), [option.encode() for option in options])
    _, size = nvrtc.nvrtcGetProgramLogSize(program)
    text = bytearray(size)
    nvrtc.nvrtcGetProgramLog(program, text)
    nvrtc.nvrtcDestroyProgram(program)
    log = text.decode().rstrip("\0")
    assert result == nvrtc.nvrtcResult.NVRTC_SUCCESS, log
    return log


TRAINING = {"X_MOVES": 1, "O_MOVES": 1, "KEEP": 1, "GRAD_X": 1, "GRAD_K": 1, "THREADS": 128}


@pytest.mark.parametrize("dtype", cuda.DTYPES, ids=str)
@pytest.mark.parametrize("architecture", [75, 80, 90])
def test_every_storage_compiles_for_old_and_new_gpus_and_stays_in_registers(nvrtc, architecture, dtype):
    """An array indexed by anything but constants would go to local memory, which is as slow as global memory."""
    log = compiled(nvrtc, architecture, **TRAINING, STORAGE=cuda.DTYPES.index(dtype), RESET=RESETS.index("zero"))
    assert set(re.findall(r"entry function '(\w+)'", log)) == KERNELS
    memory = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    assert len(memory) == len(KERNELS)
    assert set(memory) == {("0", "0", "0")}
    assert "warning" not in log


@pytest.mark.parametrize("surrogate", range(len(SURROGATES)))
@pytest.mark.parametrize("reset", range(len(RESETS)))
def test_every_surrogate_and_reset_compiles(nvrtc, reset, surrogate):
    case = {"DETACH": reset % 2, "GRAD_U": 1, "RECORD": 1, "GRAD_X": 2, "PER_THREAD": 2, "WEIGHTS_SHARED": 1}
    log = compiled(nvrtc, 80, SURROGATE=surrogate, RESET=reset, **case)
    assert set(re.findall(r"entry function '(\w+)'", log)) == KERNELS
    assert "warning" not in log


def test_launch_takes_pytorchs_device_stream_and_memory(monkeypatch):
    """As far as that can be seen without a GPU: what CuPy is asked to do."""
    if cuda.why_not() is not None:
        pytest.skip(str(cuda.why_not()))
    import cupy

    seen: list[Any] = []

    class Context:
        def __init__(self, *what: Any) -> None:
            self.what = what

        def __enter__(self) -> None:
            seen.append(self.what)

        def __exit__(self, *_: object) -> None:
            seen.append("left")

    class Stream:
        cuda_stream = 4711

    x = torch.ones(3, device="meta")
    monkeypatch.setattr(torch.cuda, "device", lambda device: Context("torch", device))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream() if device == x.device else None)
    monkeypatch.setattr(cupy.cuda, "Device", lambda index: Context("cupy", index))
    real = cupy.cuda.Stream.from_external
    monkeypatch.setattr(cupy.cuda.Stream, "from_external", lambda stream: Context("stream", real(stream).ptr))
    monkeypatch.setattr(cuda, "_kernel", lambda *what: lambda *how, **more: seen.append((*what, how, more)))
    cuda.launch("forward", {"RESET": 1}, 5, 64, 12, (x, cuda.np.int32(3)))
    kernel = ("forward", cuda.options({"RESET": 1}), ((5,), (64,), (x.data_ptr(), 3)), {"shared_mem": 12})
    assert seen[:3] == [("torch", x.device), ("cupy", x.device.index), ("stream", 4711)]
    assert seen[3] == kernel
    assert seen[4:] == ["left"] * 3
