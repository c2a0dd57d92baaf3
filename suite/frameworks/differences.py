"""Where SpikingJelly and snnTorch differ from one another, each measured on their own neurons when asked for.

Unless a measurement says otherwise, its input is `current()`: 500 sequences of 50 steps, uniform in [0, 0.5), from a
fixed seed; the leak is 0.9, the threshold 1, the surrogate ATan(2) on both sides, the reset to zero.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import snntorch
import torch
from snntorch import surrogate as snn_surrogate
from spikingjelly.activation_based import neuron as sj_neuron
from spikingjelly.activation_based import surrogate as sj_surrogate
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from neurons import Variant, arctan, make_neuron
from neurons.reference import simulate
from neurons.variant import Reset

STEPS, SEQUENCES, BETA = 50, 500, 0.9
STATED = "500 sequences of 50 steps, uniform in [0, 0.5); leak 0.9, threshold 1, reset to zero, surrogate ATan(2)"


@dataclass(frozen=True)
class Difference:
    """What each framework does, what the suite's neurons do instead, and the effect, in words and as numbers."""

    name: str
    spikingjelly: str
    snntorch: str
    suite: str
    effect: str
    numbers: dict[str, float]


def current(high: float = 0.5) -> Tensor:
    """The stated input [50, 500, 1], uniform in [0, high)."""
    return high * torch.rand(STEPS, SEQUENCES, 1, generator=torch.Generator().manual_seed(0))


def spikingjelly(x: Tensor, beta: float = BETA, **options: Any) -> Tensor:
    """Spikes of SpikingJelly's own LIFNode on x, from rest; tau is the one that leaves beta of the potential."""
    options = {"surrogate_function": sj_surrogate.ATan(2.0), "decay_input": False, **options}
    spikes: Tensor = sj_neuron.LIFNode(tau=1 / (1 - beta), step_mode="m", **options)(x)
    return spikes


def snntorch_leaky(x: Tensor, beta: float = BETA, reset_mechanism: str = "zero", **options: Any) -> Tensor:
    """Spikes of snnTorch's own Leaky on x, from rest."""
    options = {"spike_grad": snn_surrogate.atan(2.0), **options}
    leaky = snntorch.Leaky(beta=beta, reset_mechanism=reset_mechanism, **options)
    mem = torch.zeros_like(x[0])
    spikes = []
    for x_t in x.unbind(0):
        spike, mem = leaky(x_t, mem)
        spikes.append(spike)
    return torch.stack(spikes)


def in_suite(backend: str, x: Tensor, reset: Reset = "zero", beta: float = BETA) -> Tensor:
    """Spikes of the suite's subclass on x, by the framework's own stepping."""
    variant = Variant("compared", leakage=beta, reset=reset)
    options: dict[str, Any] = {"engine": "step", "threshold": 1.0, "surrogate": arctan(2.0)}
    spikes: Tensor = make_neuron(variant, 1, backend=backend, **options)(x)
    return spikes


def differing(a: Tensor, b: Tensor) -> dict[str, float]:
    """Shares of the steps, and of the sequences, in which the spikes [T, sequence, 1] of a and b differ."""
    differ = a != b
    return {"steps": float(differ.double().mean()), "sequences": float(differ.any(0).double().mean())}


def _words(shares: dict[str, float]) -> str:
    return f"spikes differ in {shares['steps']:.1%} of the steps and {shares['sequences']:.1%} of the sequences"


def _suite_differs(x: Tensor, reset: Reset = "zero", beta: float = BETA) -> float:
    """Share of the steps in which the suite's two subclasses differ."""
    return differing(in_suite("spikingjelly", x, reset, beta), in_suite("snntorch", x, reset, beta))["steps"]


def _gradient(spikes: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient in x of a fixed random weighting of the spikes."""
    leaf = x.clone().requires_grad_()
    weight = torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((spikes(leaf) * weight).sum(), leaf)
    return gradient


def _relative(a: Tensor, b: Tensor) -> float:
    """Norm of the difference over the norm of a."""
    return float((a - b).norm() / a.norm())


def threshold_tie() -> Difference:
    """u = u_th happens where all numbers are sums of powers of two, as with binary inputs and weights."""
    x = torch.floor(4 * current(1.0)) / 4
    shares = differing(spikingjelly(x, beta=0.5), snntorch_leaky(x, beta=0.5))
    random = differing(spikingjelly(current()), snntorch_leaky(current()))["steps"]
    suite = _suite_differs(x, beta=0.5)
    return Difference(
        "spike at u = threshold",
        "fires (u >= u_th, as the paper)",
        "does not (u > u_th; its docstring says >=)",
        "fires on both",
        f"inputs in multiples of 1/4, leak 1/2: {_words(shares)}; the stated input, where no tie occurs: {random:.1%}",
        {**shares, "steps_continuous": random, "suite_steps": suite},
    )


def detached_reset() -> Difference:
    """The gradient through u (1 - o) with respect to o."""
    x = current()
    attached = _gradient(spikingjelly, x)
    native = _relative(attached, _gradient(snntorch_leaky, x))
    detached = _relative(_gradient(lambda v: spikingjelly(v, detach_reset=True), x), _gradient(snntorch_leaky, x))
    suite = [_gradient(partial(in_suite, name), x) for name in ("spikingjelly", "snntorch")]
    return Difference(
        "reset in the gradient",
        "part of it, unless detach_reset=True",
        "always detached",
        "part of it, unless detach_reset=True, on both",
        f"the input's gradients differ by {native:.0%} (norm) at equal spikes, with detach_reset=True {detached:.0e}",
        {"gradient": native, "gradient_detached": detached, "suite_gradient": _relative(*suite)},
    )


def soft_reset_delay() -> Difference:
    """The reset by subtraction, one step later and after the leak."""
    x = current()
    shares = differing(spikingjelly(x, v_reset=None), snntorch_leaky(x, reset_mechanism="subtract"))
    return Difference(
        "soft reset, default",
        "subtracts u_th before the leak: the next step carries beta u_th less",
        "subtracts u_th in the next step, after the leak: u_th less (reset_delay=True)",
        "before the leak, on both",
        _words(shares),
        {**shares, "suite_steps": _suite_differs(x, "subtract")},
    )


def soft_reset_undelayed() -> Difference:
    """A neuron still above the threshold after its reset."""
    pulse = torch.tensor([3.0, 0, 0, 0]).reshape(4, 1, 1)
    a, b = spikingjelly(pulse, v_reset=None), _undelayed(pulse)
    low, high = (differing(spikingjelly(x, v_reset=None), _undelayed(x)) for x in (current(), current(2.0)))
    return Difference(
        "soft reset without delay",
        f"x = 3, 0, 0, 0 gives {_row(a)}",
        f"gives {_row(b)}: the reset of a neuron still above u_th is taken back (reset_delay=False)",
        "fires until it is below u_th, on both",
        f"inputs in [0, 2): {_words(high)}; in [0, 0.5), where one reset is enough: {low['steps']:.1%}",
        {**high, "steps_small_input": low["steps"], "suite_steps": _suite_differs(current(2.0), "subtract")},
    )


def _undelayed(x: Tensor) -> Tensor:
    return snntorch_leaky(x, reset_mechanism="subtract", reset_delay=False)


def _row(spikes: Tensor) -> str:
    return ", ".join(f"{int(spike)}" for spike in spikes.flatten())


def zero_reset_scope() -> Difference:
    """snnTorch's recurrent neuron with V = 0 is not its plain one."""
    x = current()
    recurrent = snntorch.RLeaky(
        beta=BETA, linear_features=1, reset_mechanism="zero", spike_grad=snn_surrogate.atan(2.0), reset_delay=True
    )
    nn.init.zeros_(recurrent.recurrent.weight)
    nn.init.zeros_(recurrent.recurrent.bias)
    spike = mem = torch.zeros_like(x[0])
    spikes = []
    with torch.no_grad():
        for x_t in x:
            spike, mem = recurrent(x_t, spike, mem)
            spikes.append(spike)
    shares = differing(snntorch_leaky(x), torch.stack(spikes))
    return Difference(
        "what a reset to zero clears",
        "the potential: u = x after a spike",
        "Leaky: the potential; RLeaky: the whole update, so that the input after a spike is lost, and V o with it",
        "the potential, also with recurrence, on both",
        f"RLeaky with V = 0 against Leaky: {_words(shares)}",
        {**shares, "suite_steps": _suite_differs(x)},
    )


def beta_clamp() -> Difference:
    """A leak coefficient outside [0, 1]."""
    x = current()
    same = differing(snntorch_leaky(x, beta=1.2), snntorch_leaky(x, beta=1.0))["steps"]
    leaky = snntorch.Leaky(beta=1.2, learn_beta=True)
    mem = torch.full((1,), 0.5)
    leaky(mem.clone(), mem)[1].sum().backward()
    gradient = float(leaky.beta.grad)
    return Difference(
        "leak outside [0, 1]",
        "cannot be given (tau > 1)",
        "clamped in silence; learned, it gets no gradient once outside",
        "ValueError; a learned one is a sigmoid and cannot leave",
        f"beta = 1.2 against 1: spikes differ in {same:.1%} of the steps; gradient of a learned 1.2: {gradient:g}",
        {"steps_clamped": same, "gradient_outside": gradient},
    )


def extreme_leaks() -> Difference:
    """k = 0 and k = 1, the paper's complete leakage and no leakage."""
    x = current()
    refused = _refuses(lambda: sj_neuron.LIFNode(tau=1.0))
    infinite = sj_neuron.LIFNode(tau=float("inf"), decay_input=False, step_mode="m")(x)
    without_leak = differing(infinite, simulate(x, leak=1.0, threshold=1.0)[0])["steps"]
    default = float(sj_neuron.LIFNode(tau=float("inf"), step_mode="m")(x).sum())
    return Difference(
        "k = 0 and k = 1",
        f"k = 0 (tau = 1) is {'refused' if refused else 'accepted'}; k = 1 only as tau = inf with decay_input=False",
        "beta = 0 and 1",
        "both, on both",
        f"tau = inf against eq. 5 with k = 1: spikes differ in {without_leak:.1%} of the steps; with the default "
        f"decay_input=True the input is divided by infinity: {default:.0f} spikes",
        {"k0_refused": float(refused), "steps_k1": without_leak, "spikes_k1_default": default},
    )


def _refuses(make: Callable[[], object]) -> bool:
    try:
        make()
    except (AssertionError, ValueError):
        return True
    return False


def decay_input() -> Difference:
    """The input gain 1/tau."""
    x = current()
    shares = differing(spikingjelly(x), spikingjelly(x, decay_input=True))
    rates = [float(spikingjelly(x, decay_input=scaled).mean()) for scaled in (False, True)]
    return Difference(
        "input gain",
        "x / tau = (1 - k) x by default (decay_input=True)",
        "x",
        'x as the paper, or (1 - k) x with input_gain="1-k", on both',
        f"SpikingJelly with and without: {_words(shares)}; {rates[0]:.3f} spikes a step become {rates[1]:.3f}",
        {**shares, "rate": rates[0], "rate_scaled": rates[1]},
    )


def default_surrogates() -> Difference:
    """The gradient that a user gets who chooses none."""
    x = current()

    def sj_default(v: Tensor) -> Tensor:
        return spikingjelly(v, detach_reset=True, surrogate_function=sj_neuron.LIFNode().surrogate_function)

    def snn_default(v: Tensor) -> Tensor:
        return snntorch_leaky(v, spike_grad=None)

    default = _relative(_gradient(sj_default, x), _gradient(snn_default, x))
    same = _relative(_gradient(lambda v: spikingjelly(v, detach_reset=True), x), _gradient(snntorch_leaky, x))
    return Difference(
        "default surrogate",
        "Sigmoid(alpha=4)",
        "ATan(alpha=2)",
        "one definition for both; the rectangle of the paper by default",
        f"the input's gradients differ by {default:.0%} (norm) at equal spikes, both resets detached; both on ATan(2): "
        f"{same:.0e}",
        {"gradient": default, "gradient_same_surrogate": same},
    )


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
    )


MEASUREMENTS: tuple[Callable[[], Difference], ...] = (
    threshold_tie,
    detached_reset,
    soft_reset_delay,
    soft_reset_undelayed,
    zero_reset_scope,
    beta_clamp,
    extreme_leaks,
    decay_input,
    default_surrogates,
    indexing,
    kept_alive,
)


def measure() -> list[Difference]:
    """Every difference, measured now."""
    with _instances_restored():
        return [measurement() for measurement in MEASUREMENTS]


@contextmanager
def _instances_restored() -> Iterator[None]:
    """Forget the neurons that snnTorch would keep alive, as their number is nothing that a check should change."""
    before = list(snntorch.SpikingNeuron.instances)
    try:
        yield
    finally:
        snntorch.SpikingNeuron.instances[:] = before
