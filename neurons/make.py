"""One call for a layer of neurons: any variant, either framework, any engine."""

from __future__ import annotations

from neurons.kernels import check_engine
from neurons.names import unknown_name
from neurons.sequence import Sequence
from neurons.surrogate import SpikeFunction
from neurons.variant import Leakage, Variant

BACKENDS = ("spikingjelly", "snntorch")


def make_neuron(
    variant: str | Variant,
    n: int | None,
    *,
    backend: str = "spikingjelly",
    engine: str = "auto",
    leakage: Leakage | None = None,
    threshold: float = 0.3,
    surrogate: str | SpikeFunction = "rectangle",
    detach_reset: bool = False,
) -> Sequence:
    """A layer of n LIF neurons: input current [T, B, n] -> spikes [T, B, n], from rest at every call.

    variant: a name in VARIANTS, or a Variant. n: the number of neurons; None takes [T, B, *] where no parameter
    depends on n.
    backend: "spikingjelly" or "snntorch". engine: "step" (the framework's own stepping), "fused" (one kernel over the
    sequence) or "auto" (fused where possible).
    leakage: what "normal" means in the variant: a number in [0, 1], "learnable" or Learnable(init=(low, high));
    default 0.3.
    threshold: u_th > 0; infinite, with reset "none", for neurons that only integrate. surrogate: a name in SURROGATES,
    a Surrogate, or a framework's or a user's own function of u - u_th, which is stepped. detach_reset: keep the reset
    out of the gradient.

    Called with steps=T, x is one current [B, n] that is the same at each of T steps.
    Its method `simulate(x, *, steps=None, state=None, record=True)` returns Output(spikes, potential, state): also the
    membrane potential before reset [T, B, n], unless record=False, and the state after x, from which `state` lets the
    next part of the sequence go on, on any engine. Parameters: `recurrent.weight` [n, n] (V[i, j] from neuron j to i,
    orthogonal at first) if the variant is recurrent, `leak.logit` [n] if its leak is learnable.

    Raises ValueError for an unknown name, a leak outside [0, 1], a threshold <= 0, and, when called, for an empty or
    wrongly shaped input or one that is not finite (NonFiniteError); TypeError for an input that is not floating point.
    """
    check_engine(engine)
    return _class(backend)(
        variant,
        n,
        leakage=leakage,
        threshold=threshold,
        surrogate=surrogate,
        detach_reset=detach_reset,
        engine=engine,
    )


def _class(backend: str) -> type[Sequence]:
    """The backend's layer; only its own framework is imported."""
    if backend == "spikingjelly":
        from neurons.spikingjelly_lif import SpikingJellySequence

        return SpikingJellySequence
    if backend == "snntorch":
        from neurons.snntorch_leaky import SnnTorchSequence

        return SnnTorchSequence
    raise unknown_name("backend", backend, BACKENDS)
