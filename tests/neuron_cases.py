"""What several neuron tests share: the grid of implementations, traces worked by hand, and the oracle's answer for a
module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neurons import VARIANTS, Surrogate, Variant, make_neuron
from neurons.reference import simulate
from neurons.surrogate import get_surrogate

IMPLEMENTATIONS = [(backend, engine) for backend in ("spikingjelly", "snntorch") for engine in ("step", "fused")]
SOFT = Variant("soft_reset", reset="subtract")
SOFT_RECURRENT = Variant("soft_reset+recurrence", reset="subtract", recurrent=True)
SCALED = Variant("input_gain", input_gain="1-k")
SCALED_RECURRENT = Variant("input_gain+recurrence", input_gain="1-k", recurrent=True)
LOUDER = Variant("a gain of 1.5+recurrence", input_gain=1.5, recurrent=True)
ALL_VARIANTS = [*VARIANTS.values(), SOFT, SOFT_RECURRENT, SCALED, SCALED_RECURRENT, LOUDER]


@dataclass(frozen=True)
class Trace:
    """Input current, potential before reset and spikes of 1 or 2 neurons, [T, n] each; V [n, n]."""

    variant: Variant
    leakage: float
    x: list[Any]
    u: list[Any]
    o: list[Any]
    weight: list[list[float]] | None = None
    threshold: float = 1.0

    def column(self, values: list[Any], dtype: torch.dtype = torch.float64) -> Tensor:
        """[T, 1, n]"""
        return torch.tensor(values, dtype=dtype).reshape(len(values), 1, -1)


# V[i][j] leads from neuron j to neuron i. All numbers are sums of powers of two, so that u = u_th is a tie in any
# precision.
TRACES = {
    "baseline": Trace(
        VARIANTS["baseline"],
        0.5,
        x=[0.5, 0.75, 0.5, 2.0, 0.25],
        u=[0.5, 1.0, 0.5, 2.25, 0.25],
        o=[0, 1, 0, 1, 0],
    ),
    "without_leakage": Trace(
        VARIANTS["without_leakage"],
        0.5,  # the variant's own k = 1 wins
        x=[0.25, 0.25, 0.5, 0.25, 0.75],
        u=[0.25, 0.5, 1.0, 0.25, 1.0],
        o=[0, 0, 1, 0, 1],
    ),
    "complete_leakage": Trace(
        VARIANTS["complete_leakage"],
        0.5,
        x=[0.75, 0.75, 1.0, 0.5, 1.5],
        u=[0.75, 0.75, 1.0, 0.5, 1.5],
        o=[0, 0, 1, 0, 1],
    ),
    "without_reset": Trace(
        VARIANTS["without_reset"],
        0.5,
        x=[2.0, 0.0, 0.25, 0.75, 0.0],
        u=[2.0, 1.0, 0.75, 1.125, 0.5625],
        o=[1, 1, 0, 1, 0],
    ),
    "with_recurrence": Trace(
        VARIANTS["with_recurrence"],
        0.5,
        x=[[1.0, 0.0], [0.0, 0.0], [0.0, 0.5], [0.5, 0.0]],
        u=[[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.75, 0.25]],
        o=[[1, 0], [0, 1], [0, 0], [0, 0]],
        weight=[[0.0, 0.5], [1.0, 0.0]],
    ),
    "without_leakage+with_recurrence": Trace(
        VARIANTS["without_leakage+with_recurrence"],
        0.5,
        x=[[1.0, 0.5], [0.25, 0.0], [0.25, 0.0], [0.0, 0.0]],
        u=[[1.0, 0.5], [0.25, 1.5], [1.0, 0.0], [0.0, 1.0]],
        o=[[1, 0], [0, 1], [1, 0], [0, 1]],
        weight=[[0.0, 0.5], [1.0, 0.0]],
    ),
    "without_leakage+without_reset+with_recurrence": Trace(
        VARIANTS["without_leakage+without_reset+with_recurrence"],
        0.5,
        x=[[1.0, 0.0], [0.0, 0.5], [0.0, 0.0], [0.0, -1.0]],
        u=[[1.0, 0.0], [1.0, 1.0], [-1.0, 1.5], [-3.0, 0.5]],
        o=[[1, 0], [1, 1], [0, 1], [0, 0]],
        weight=[[0.0, -2.0], [0.5, 0.0]],
    ),
    "soft_reset": Trace(
        SOFT,
        0.5,
        x=[4.0, 0.0, 0.0, 1.0, 0.0],
        u=[4.0, 1.5, 0.25, 1.125, 0.0625],
        o=[1, 1, 0, 1, 0],
    ),
    # still above u_th after its reset, the neuron fires again: 3 -> 0.9 (3 - 1) = 1.8 -> 0.9 (1.8 - 1) = 0.72
    "soft_reset_decimal": Trace(SOFT, 0.9, x=[3.0, 0.0, 0.0, 0.0], u=[3.0, 1.8, 0.72, 0.648], o=[1, 1, 0, 0]),
    "gain of a half": Trace(
        Variant("gain of a half", input_gain=0.5),
        0.75,
        x=[2.0, 2.0, 1.0, 1.0],
        u=[1.0, 1.0, 0.5, 0.875],
        o=[1, 1, 0, 0],
    ),
    "input_gain": Trace(SCALED, 0.75, x=[4.0, 4.0, 3.0, 1.0], u=[1.0, 1.0, 0.75, 0.8125], o=[1, 1, 0, 0]),
}


def build(
    variant: str | Variant, n: int | None, implementation: tuple[str, str], dtype: torch.dtype, **options: Any
) -> nn.Module:
    backend, engine = implementation
    return make_neuron(variant, n, backend=backend, engine=engine, **options).to(dtype)


def build_traced(trace: Trace, implementation: tuple[str, str], dtype: torch.dtype = torch.float64) -> nn.Module:
    n = 1 if trace.weight is None else len(trace.weight)
    neuron = build(trace.variant, n, implementation, dtype, leakage=trace.leakage, threshold=trace.threshold)
    if trace.weight is not None:
        with torch.no_grad():
            neuron.recurrent.weight.copy_(torch.tensor(trace.weight))
    return neuron


def oracle(
    neuron: nn.Module,
    x: Tensor,
    *,
    threshold: float,
    surrogate: str | Surrogate = "rectangle",
    detach_reset: bool = False,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Spikes and potentials that the oracle gives for `neuron` on x, in float64, and the leaves: x, then the
    parameters."""
    leaves = [x.detach().double().requires_grad_()]
    weight = leak = None
    if neuron.recurrent is not None:
        weight = neuron.recurrent.weight.detach().double().requires_grad_()
    if neuron.leak.logit is not None:
        logit = neuron.leak.logit.detach().double().requires_grad_()
        leak = torch.sigmoid(logit)
        leaves.append(logit)
    if weight is not None:
        leaves.append(weight)
    spikes, u = simulate(
        leaves[0],
        leak=neuron.leak.leakage if leak is None else leak,
        threshold=threshold,
        reset=neuron.variant.reset,
        recurrent_weight=weight,
        surrogate=get_surrogate(surrogate),
        detach_reset=detach_reset,
        input_gain=neuron.variant.input_gain,
    )
    return spikes, u, leaves


def leaves_of(neuron: nn.Module, x: Tensor) -> list[Tensor]:
    """The module's own leaves in the order of `oracle`: x, the leak's logit, the recurrent weight."""
    logit = neuron.leak.logit
    weight = None if neuron.recurrent is None else neuron.recurrent.weight
    return [x, *(leaf for leaf in (logit, weight) if leaf is not None)]
