"""Where SpikingJelly and snnTorch differ around their neurons: kernels, memory, whose state a call touches."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any

import snntorch
import torch
from snntorch import utils as snn_utils
from spikingjelly.activation_based import neuron as sj_neuron
from spikingjelly.activation_based import surrogate as sj_surrogate
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from neurons import make_neuron
from suite.frameworks.own import BETA, spikingjelly
from suite.frameworks.stated import Difference


def surrogates_in_kernels() -> Difference:
    """Which surrogates SpikingJelly's fused kernels compute: not the paper's rectangle."""
    try:
        fused = set(import_module("spikingjelly._ops.surrogate")._SURROGATE_IDS)
    except (ImportError, AttributeError):  # another version, which keeps it elsewhere
        fused = set()
    kinds = {name for name, kind in vars(sj_surrogate).items() if _is_surrogate(kind)}
    said = f"{', '.join(sorted(fused))}; not Rect" if fused else "this version does not say"
    return Difference(
        "surrogates with a fused kernel",
        said,
        "has no fused kernel for Leaky: all step",
        "all of its surrogates, the rectangle too; any other steps",
        f"{len(fused)} of SpikingJelly's {len(kinds)} surrogates have a kernel; with the others, the paper's among "
        "them, its node steps, by its code on a GPU too (not run on one); the numbers are the same",
        {"fused": float(len(fused)), "surrogates": float(len(kinds)), "rectangle": float("Rect" in fused)},
    )


def _is_surrogate(kind: object) -> bool:
    base = sj_surrogate.SurrogateFunctionBase
    return isinstance(kind, type) and issubclass(kind, base) and kind is not base


class _Allocated(TorchDispatchMode):
    """Counts the bytes of results that are no view of an argument."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            old = {a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)}
            if result.untyped_storage().data_ptr() not in old:
                self.bytes += result.numel() * result.element_size()
        return result


def _backward_copies(forward: Callable[[Tensor], Tensor], steps: int) -> float:
    """What the backward pass allocates, in sizes of the input."""
    x = torch.rand(steps, 8, 8).requires_grad_()
    loss = forward(x).sum()
    with _Allocated() as allocated:
        loss.backward()
    return allocated.bytes / (x.numel() * x.element_size())


def _indexed(x: Tensor) -> Tensor:
    leaky = snntorch.Leaky(beta=BETA)
    mem = torch.zeros_like(x[0])
    spikes = []
    for t in range(len(x)):
        spike, mem = leaky(x[t], mem)
        spikes.append(spike)
    return torch.stack(spikes)


def indexing() -> Difference:
    """The loop over x[t] where x needs a gradient: the backward of every x[t] is a tensor of the size of x."""
    steps = (25, 50, 100)
    ours = make_neuron("baseline", 8, backend="snntorch", engine="step")
    sizes = {
        name: [_backward_copies(f, t) for t in steps]
        for name, f in (("spikingjelly", spikingjelly), ("snntorch", _indexed), ("suite", ours))
    }
    said = {name: " / ".join(f"{size:.0f}" for size in copies) for name, copies in sizes.items()}
    return Difference(
        "memory that backward allocates",
        'grows with T (step_mode="m")',
        "the loop over time is the user's: over x[t] it grows with T squared, over x.unbind(0) with T",
        "grows with T, on both",
        f"in sizes of the input at T = 25 / 50 / 100: SpikingJelly {said['spikingjelly']}, snnTorch over x[t] "
        f"{said['snntorch']}, suite on snnTorch {said['suite']}",
        {f"{name}_T{t}": size for name, copies in sizes.items() for t, size in zip(steps, copies, strict=True)},
    )


def kept_alive() -> Difference:
    """Neurons that nobody uses any more."""

    def alive(make: Callable[[], nn.Module], n: int = 10) -> int:
        made = [weakref.ref(make()) for _ in range(n)]
        gc.collect()
        return sum(reference() is not None for reference in made)

    counts = {
        "spikingjelly": alive(sj_neuron.LIFNode),
        "snntorch": alive(lambda: snntorch.Leaky(beta=BETA)),
        "suite": alive(lambda: make_neuron("baseline", 4, backend="snntorch")),
    }
    return Difference(
        "neurons after use",
        "freed",
        "kept for ever in SpikingNeuron.instances, parameters included",
        "freed, on both (make_neuron)",
        f"of 10 neurons made and dropped, alive: SpikingJelly {counts['spikingjelly']}, snnTorch {counts['snntorch']}, "
        f"suite on snnTorch {counts['suite']}",
        {name: float(count) for name, count in counts.items()},
        source="snnTorch issue 328",
    )


def reset_of_others() -> Difference:
    """snnTorch's utils.reset of one network, beside another of the same neurons."""
    neurons: list[Any] = [snntorch.Leaky(beta=BETA, init_hidden=True) for _ in range(2)]
    for neuron in neurons:
        neuron(torch.full((1, 1), 0.5))
    snn_utils.reset(nn.Sequential(neurons[0]))
    left = float(neurons[1].mem.sum())
    return Difference(
        "reset of one network",
        "functional.reset_net: its modules",
        "utils.reset, of neurons that keep their state: those of every network in the process",
        "a layer keeps no state between calls unless asked to",
        f"potential 0.5 of another network after utils.reset: {left:g}",
        {"left": left},
        source="snnTorch issue 438",
    )


MEASUREMENTS: tuple[Callable[[], Difference], ...] = (surrogates_in_kernels, indexing, kept_alive, reset_of_others)
