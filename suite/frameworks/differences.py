"""Where SpikingJelly and snnTorch differ from one another, each measured on their own neurons when asked for.

Unless a measurement says otherwise, its input is `current()`: 500 sequences of 50 steps, uniform in [0, 0.5), from a
fixed seed; the leak is 0.9, the threshold 1, the surrogate ATan(2) on both sides, the reset to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import snntorch
import torch
from spikingjelly.activation_based import neuron as sj_neuron
from torch import Tensor

from neurons import Variant, arctan, make_neuron
from neurons.reference import simulate
from neurons.variant import Reset
from suite.frameworks import around, own
from suite.frameworks.own import BETA, Spikes, instances_restored, leaky, spikingjelly
from suite.frameworks.stated import Difference, current, differing, words

SOFT_SPIKINGJELLY: Spikes = partial(spikingjelly, v_reset=None)
SOFT_SNNTORCH: Spikes = partial(leaky, reset_mechanism="subtract")
UNRESET: Spikes = partial(leaky, reset_mechanism="none")


def in_suite(backend: str, x: Tensor, reset: Reset = "zero", beta: float = BETA) -> Tensor:
    """Spikes of the suite's subclass on x, by the framework's own stepping."""
    variant = Variant("compared", leakage=beta, reset=reset)
    options: dict[str, Any] = {"engine": "step", "threshold": 1.0, "surrogate": arctan(2.0)}
    spikes: Tensor = make_neuron(variant, 1, backend=backend, **options)(x)
    return spikes


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
    shares = differing(spikingjelly(x, beta=0.5), leaky(x, beta=0.5))
    random = differing(spikingjelly(current()), leaky(current()))["steps"]
    suite = _suite_differs(x, beta=0.5)
    return Difference(
        "spike at u = threshold",
        "fires (u >= u_th, as the paper)",
        "does not (u > u_th; its docstring says >=)",
        "fires on both",
        f"inputs in multiples of 1/4, leak 1/2: {words(shares)}; the stated input, where no tie occurs: {random:.1%}",
        {**shares, "steps_continuous": random, "suite_steps": suite},
        {"SpikingJelly": partial(spikingjelly, beta=0.5), "snnTorch": partial(leaky, beta=0.5)},
    )


def detached_reset() -> Difference:
    """The gradient through u (1 - o) with respect to o."""
    x = current()
    attached = _gradient(spikingjelly, x)
    native = _relative(attached, _gradient(leaky, x))
    detached = _relative(_gradient(lambda v: spikingjelly(v, detach_reset=True), x), _gradient(leaky, x))
    suite = [_gradient(partial(in_suite, name), x) for name in ("spikingjelly", "snntorch")]
    return Difference(
        "reset in the gradient",
        "part of it, unless detach_reset=True",
        "always detached",
        "part of it, unless detach_reset=True, on both",
        f"the input's gradients differ by {native:.0%} (norm) at equal spikes, with detach_reset=True {detached:.0e}",
        {"gradient": native, "gradient_detached": detached, "suite_gradient": _relative(*suite)},
        {"SpikingJelly": spikingjelly, "snnTorch": leaky},
    )


def soft_reset_delay() -> Difference:
    """The reset by subtraction, one step later and after the leak; DH-SNN's code has it so too."""
    x = current()
    shares = differing(SOFT_SPIKINGJELLY(x), SOFT_SNNTORCH(x))
    late = differing(own.late_soft_reset(x), SOFT_SNNTORCH(x))["steps"]
    return Difference(
        "soft reset, default",
        "subtracts u_th before the leak: the next step carries beta u_th less",
        "subtracts u_th in the next step, after the leak: u_th less (reset_delay=True)",
        "before the leak, on both",
        f"{words(shares)}; DH-SNN's u = k u + x - u_th o is snnTorch's: {late:.1%} of the steps differ",
        {**shares, "steps_dh_snn": late, "suite_steps": _suite_differs(x, "subtract")},
        {"SpikingJelly": SOFT_SPIKINGJELLY, "snnTorch": SOFT_SNNTORCH},
        "snnTorch issue 364; DH-SNN (Zheng et al. 2024), its public code",
    )


def soft_reset_undelayed() -> Difference:
    """A neuron still above the threshold after its reset."""
    pulse = torch.tensor([3.0, 0, 0, 0]).reshape(4, 1, 1)
    undelayed: Spikes = partial(leaky, reset_mechanism="subtract", reset_delay=False)
    a, b = SOFT_SPIKINGJELLY(pulse), undelayed(pulse)
    low, high = (differing(SOFT_SPIKINGJELLY(x), undelayed(x)) for x in (current(), current(2.0)))
    return Difference(
        "soft reset without delay",
        f"x = 3, 0, 0, 0 gives {_row(a)}",
        f"gives {_row(b)}: the reset of a neuron still above u_th is taken back (reset_delay=False)",
        "fires until it is below u_th, on both",
        f"inputs in [0, 2): {words(high)}; in [0, 0.5), where one reset is enough: {low['steps']:.1%}",
        {**high, "steps_small_input": low["steps"], "suite_steps": _suite_differs(current(2.0), "subtract")},
        {"SpikingJelly": SOFT_SPIKINGJELLY, "snnTorch, reset_delay=False": undelayed},
    )


def _row(spikes: Tensor) -> str:
    return ", ".join(f"{int(spike)}" for spike in spikes.flatten())


def third_opinion() -> Difference | None:
    """norse's neuron, where norse is installed."""
    if find_spec("norse") is None:
        return None
    x, tied = current(), torch.floor(4 * current(1.0)) / 4
    others = {"SpikingJelly": spikingjelly, "snnTorch": leaky}
    plain = {name: differing(neuron(x), own.norse_box(x))["steps"] for name, neuron in others.items()}
    ties = {
        name: differing(neuron(tied, beta=0.5), own.norse_box(tied, 0.5))["steps"] for name, neuron in others.items()
    }
    said = {
        name: f"differs from it in {plain[name]:.1%} of the steps, with ties in {ties[name]:.1%}" for name in others
    }
    return Difference(
        "norse's LIFBoxCell, a third opinion",
        said["SpikingJelly"],
        said["snnTorch"],
        "as SpikingJelly",
        "the stated input; ties: inputs in multiples of 1/4, leak 1/2. norse fires above the threshold, not at it",
        {**plain, **{f"{name}_ties": share for name, share in ties.items()}},
        {"SpikingJelly": spikingjelly, "norse": own.norse_box},
    )


def zero_reset_scope() -> Difference:
    """snnTorch's recurrent neuron with V = 0 is not its plain one."""
    x = current()
    shares = differing(leaky(x), own.recurrent_leaky(x))
    return Difference(
        "what a reset to zero clears",
        "the potential: u = x after a spike",
        "Leaky: the potential; RLeaky: the whole update, so that the input after a spike is lost, and V o with it",
        "the potential, also with recurrence, on both",
        f"RLeaky with V = 0 against Leaky: {words(shares)}",
        {**shares, "suite_steps": _suite_differs(x)},
        {"Leaky": leaky, "RLeaky, V = 0": own.recurrent_leaky},
    )


def state_neurons() -> Difference:
    """The leak of snnTorch's neurons that compute all steps at once; they have no reset."""
    x, half = current(), 0.5
    shares = differing(leaky(x, beta=half, reset_mechanism="none"), own.state_leaky(x, beta=half))
    leak = float(torch.exp(torch.tensor(half - 1)))
    same = differing(leaky(x, beta=leak, reset_mechanism="none"), own.state_leaky(x, beta=half))["steps"]
    return Difference(
        "leak of StateLeaky",
        "has none such",
        "exp(-(1 - beta)), not beta as in Leaky",
        "k, whatever the variant",
        f"beta = 1/2 leaves {leak:.3f} of the potential: {words(shares)} from Leaky's without reset; "
        f"from those of Leaky with beta = {leak:.3f}: {same:.1%}",
        {**shares, "leak": leak, "steps_same_leak": same},
        {
            "Leaky, no reset": partial(leaky, beta=half, reset_mechanism="none"),
            "StateLeaky": partial(own.state_leaky, beta=half),
        },
    )


def parallel_neurons() -> Difference:
    """snnTorch's neuron on PyTorch's RNN: its potential goes through a ReLU in every step."""
    positive, signed = current(), current() - 0.2
    shares = differing(UNRESET(signed), own.parallel_leaky(signed))
    same = differing(UNRESET(positive), own.parallel_leaky(positive))["steps"]
    return Difference(
        "potentials below 0",
        "kept",
        "Leaky keeps them; LeakyParallel sets them to 0",
        "kept, on both",
        f"inputs in [-0.2, 0.3), no reset, LeakyParallel against Leaky: {words(shares)}; in [0, 0.5): {same:.1%}",
        {**shares, "steps_positive": same},
        {"Leaky, no reset": UNRESET, "LeakyParallel": own.parallel_leaky},
    )


def beta_clamp() -> Difference:
    """A leak coefficient outside [0, 1]."""
    x = current()
    same = differing(leaky(x, beta=1.2), leaky(x, beta=1.0))["steps"]
    learned = snntorch.Leaky(beta=1.2, learn_beta=True)
    mem = torch.full((1,), 0.5)
    learned(mem.clone(), mem)[1].sum().backward()
    gradient = float(learned.beta.grad)
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
        "extreme leaks, k = 0 and 1",
        f"k = 0 (tau = 1) is {'refused' if refused else 'accepted'}; k = 1 only as tau = inf with decay_input=False",
        "beta = 0 and 1",
        "both, on both",
        f"tau = inf against eq. 5 with k = 1: spikes differ in {without_leak:.1%} of the steps; with the default "
        f"decay_input=True the input is divided by infinity: {default:.0f} spikes",
        {"k0_refused": float(refused), "steps_k1": without_leak, "spikes_k1_default": default},
        {
            "tau = inf, decay_input=False": partial(spikingjelly, beta=1.0),
            "tau = inf": partial(spikingjelly, beta=1.0, decay_input=True),
        },
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
        f"SpikingJelly with and without: {words(shares)}; {rates[0]:.3f} spikes a step become {rates[1]:.3f}",
        {**shares, "rate": rates[0], "rate_scaled": rates[1]},
        {"decay_input=False": spikingjelly, "decay_input=True": partial(spikingjelly, decay_input=True)},
    )


def default_surrogates() -> Difference:
    """The gradient that a user gets who chooses none."""
    x = current()
    chosen = sj_neuron.LIFNode().surrogate_function
    sj_default: Spikes = partial(spikingjelly, detach_reset=True, surrogate_function=chosen)
    snn_default: Spikes = partial(leaky, spike_grad=None)
    default = _relative(_gradient(sj_default, x), _gradient(snn_default, x))
    same = _relative(_gradient(lambda v: spikingjelly(v, detach_reset=True), x), _gradient(leaky, x))
    return Difference(
        "default surrogate",
        "Sigmoid(alpha=4)",
        "ATan(alpha=2)",
        "one definition for both; the rectangle of the paper by default",
        f"the input's gradients differ by {default:.0%} (norm) at equal spikes, both resets detached; both on ATan(2): "
        f"{same:.0e}",
        {"gradient": default, "gradient_same_surrogate": same},
        {"SpikingJelly": sj_default, "snnTorch": snn_default},
    )


MEASUREMENTS: tuple[Callable[[], Difference], ...] = (
    threshold_tie,
    detached_reset,
    soft_reset_delay,
    soft_reset_undelayed,
    zero_reset_scope,
    state_neurons,
    parallel_neurons,
    beta_clamp,
    extreme_leaks,
    decay_input,
    default_surrogates,
)


def measure() -> list[Difference]:
    """Every difference, measured now."""
    with instances_restored():
        found = [measurement() for measurement in (*MEASUREMENTS, *around.MEASUREMENTS, third_opinion)]
        return [one for one in found if one is not None]
