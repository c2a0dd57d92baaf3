"""The CUDA kernels without a GPU: `lif.cu` compiled by g++, in the place of `neurons.kernels.cuda.launch`."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from neurons.kernels import cuda

HEADER = Path(__file__).with_name("cuda_on_cpu.h")
PROBE = "#include <ucontext.h>\n_Float16 half; int main() { ucontext_t fiber; return getcontext(&fiber); }"
FIXED = ("STORAGE", "SEGMENT", "COLUMNS")  # set when compiling; the other macros are variables of the library


def why_not() -> str | None:
    """None if there is a compiler for `Launcher`, else the reason."""
    if shutil.which("g++") is None:
        return "no g++ to compile the CUDA source with"
    probe = subprocess.run(["g++", "-x", "c++", "-fsyntax-only", "-"], input=PROBE, capture_output=True, text=True)
    return None if probe.returncode == 0 else "this g++ has no _Float16 or no ucontext.h: g++ 12 on Linux does"


class Launcher:
    """Stands in for `cuda.launch`. Checks what CUDA would take unseen: the arguments' number and types, and the shared
    memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backward = False
        self.launched: list[tuple[str, dict[str, int]]] = []
        self._libraries: dict[int, ctypes.CDLL] = {}

    def __call__(
        self, name: str, case: dict[str, int], blocks: int, threads: int, shared: int, arguments: Sequence[Any]
    ) -> None:
        assert shared <= cuda.SHARED_MEMORY
        self.launched.append((name, case))
        macros = {**cuda.MACROS, **case}
        assert threads == (macros["THREADS"] if "recurrent" in name else macros["COLUMNS"])
        library = self._library(macros["STORAGE"])
        for macro, value in macros.items():
            assert macro in FIXED or library.define(macro.encode(), value), macro
        assert all(a.is_contiguous() for a in arguments if isinstance(a, Tensor))
        values = [np.uint64(a.data_ptr()) if isinstance(a, Tensor) else a for a in arguments]
        codes = "".join("P" if v.dtype == np.uint64 else "q" if v.dtype == np.int64 else v.dtype.char for v in values)
        cells = [np.array(value) for value in values]
        pointers = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
        wrong = library.launch(name.encode(), codes.encode(), blocks, threads, shared, int(self.backward), pointers)
        assert wrong is None, f"{name} with {codes}: {wrong.decode()}"

    def _library(self, storage: int) -> ctypes.CDLL:
        if storage not in self._libraries:
            path = self.folder / f"lif{storage}.so"
            fixed = {**cuda.MACROS, "STORAGE": storage}
            macros = [f"-D{name}={fixed[name]}" for name in FIXED]
            options = ["-x", "c++", "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-w", *macros]
            command = ["g++", *options, f'-DLIF_CU="{cuda.SOURCE.resolve()}"', str(HEADER), "-o", str(path)]
            subprocess.run(command, check=True)
            library = ctypes.CDLL(str(path))
            library.launch.restype = ctypes.c_char_p
            self._libraries[storage] = library
        return self._libraries[storage]
