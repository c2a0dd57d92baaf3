"""A layer over a whole sequence, written once for both frameworks: step after step, or in one fused kernel."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from neurons.checks import check_finite, check_sequence, check_state
from neurons.dtypes import state_dtype
from neurons.initial import initial_state
from neurons.kernels import resolve_engine
from neurons.kernels.autograd import fused_lif
from neurons.kernels.rule import Rule
from neurons.leak import Leak
from neurons.recurrent import is_plain
from neurons.surrogate import SpikeFunction, Surrogate
from neurons.variant import Variant

State = tuple[Tensor, ...]
"""What a layer carries from step to step, each [B, *], in float64 for an input in float64 and else in float32: the
membrane potential after the reset and, if the layer is recurrent, the last spikes. The same for all engines."""


class Output(NamedTuple):
    """What a layer makes of a sequence: the spikes [T, B, *], the membrane potential before reset [T, B, *] (None
    unless recorded), and the state after the last step.
    """

    spikes: Tensor
    potential: Tensor | None
    state: State


class Neuron(Protocol):
    """What a framework's neuron has to say about itself; `advance` is one step through the framework's own hooks."""

    variant: Variant
    engine: str
    leak: Leak
    recurrent: nn.Linear | None

    @property
    def rule(self) -> Rule | str:
        """As the framework's attributes have it now; or what of them no kernel knows, so that it has to be stepped."""

    def for_call(self) -> Self:
        """The one whose `advance` is called: a call's own if steps leave something in the neuron."""

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Spikes, potential before reset and state after one step with the input current x [B, *]."""

    def after(self, state: State) -> State:
        """What `advance` returned last, as a `State`."""


def rule_of(
    threshold: float | Tensor,
    surrogate: SpikeFunction,
    detach_reset: bool,
    variant: Variant,
    recurrent: nn.Linear | None,
) -> Rule | str:
    """See `Neuron.rule`."""
    if isinstance(threshold, Tensor) and (threshold.requires_grad or threshold.numel() != 1):
        return "its threshold is trained, or has a value for each neuron"
    if not isinstance(surrogate, Surrogate):
        return f"its surrogate {surrogate!r} is none of neurons.SURROGATES"
    if not is_plain(recurrent):
        return f"its recurrent weights are in a {type(recurrent).__name__} with a bias, a hook or a parametrisation"
    return Rule(float(threshold), variant.reset, surrogate, bool(detach_reset))


def run(neuron: Neuron, x: Tensor, state: State, *, steps: int | None = None, record: bool) -> Output:
    """The input current x [T, B, *], or the same x [B, *] at each of so many steps, from `state` on, on the neuron's
    engine.
    """
    rule = neuron.rule
    unknown = rule if isinstance(rule, str) else None
    if resolve_engine(neuron.engine, x.device, x.dtype, unknown) == "step":
        return _step(neuron, x, state, steps, record)
    assert isinstance(rule, Rule)
    return _fused(neuron, rule, x, state, steps, record)


def _step(neuron: Neuron, x: Tensor, state: State, steps: int | None, record: bool) -> Output:
    dtype = x.dtype
    x = x.to(state_dtype(dtype))
    spikes, potentials = [], []
    call = neuron.for_call()
    # x[t] would allocate a gradient of all of x in every step
    for x_t in x.unbind(0) if steps is None else [x] * steps:
        spike, u, state = call.advance(x_t, state)
        spikes.append(spike)
        if record:
            potentials.append(u)
    potential = torch.stack(potentials).to(dtype) if record else None
    return Output(torch.stack(spikes).to(dtype), potential, call.after(state))


def gain_of(variant: Variant, k: float | Tensor) -> float | Tensor | None:
    """The factor on the drive where the leak is k; None for 1."""
    if isinstance(variant.input_gain, float):
        return variant.input_gain
    return 1 - k if variant.input_gain == "1-k" else None


def _fused(neuron: Neuron, rule: Rule, x: Tensor, state: State, steps: int | None, record: bool) -> Output:
    """`fused_lif`, where an input gain becomes a factor on x and on V."""
    dtype, k = x.dtype, neuron.leak.forward()
    weight = None if neuron.recurrent is None else neuron.recurrent.weight
    gain = gain_of(neuron.variant, k)
    if gain is not None:
        x = gain * x.to(state_dtype(dtype))
        if weight is not None:
            weight = (gain.reshape(-1, 1) if isinstance(gain, Tensor) else gain) * weight
    spikes, potential, v = fused_lif(
        x,
        k,
        threshold=rule.threshold,
        reset=rule.reset,
        surrogate=rule.surrogate,
        detach_reset=rule.detach_reset,
        recurrent_weight=weight,
        v0=state[0],
        o0=None if weight is None else state[1],
        steps=steps,
        record=record,
    )
    # a clone: a view would keep all spikes in memory, and SpikingJelly detaches states in place
    after = (v,) if weight is None else (v, spikes[-1].to(v.dtype, copy=True))
    return Output(spikes.to(dtype), None if potential is None else potential.to(dtype), after)


class Sequence(nn.Module):
    """What `make_neuron` adds to a framework's neuron: a call takes a whole sequence and starts from rest."""

    n: int | None
    variant: Variant

    def forward(self, x: Tensor, *, steps: int | None = None) -> Tensor:
        """Spikes [T, B, *] of the input current x [T, B, *], from rest.

        steps: x is the same current [B, *] at each of so many steps; its gradient is summed over time.
        """
        return self.simulate(x, steps=steps, record=False).spikes

    def simulate(
        self, x: Tensor, *, steps: int | None = None, state: State | None = None, record: bool = True
    ) -> Output:
        """As a call, and the potentials and the state; from `state`, the one after the sequence's last part, if given.

        Raises as `make_neuron` says.
        """
        check_sequence(x, self.n, steps)
        like = (x if steps is not None else x[0]).to(state_dtype(x.dtype))
        if state is None:
            state = self.rest(like)
        else:
            check_state(state, like, 2 if self.variant.recurrent else 1)
        output = run(self, x, state, steps=steps, record=record)  # type: ignore[arg-type]
        check_finite(x, output.state[0])
        return output

    def rest(self, like: Tensor) -> State:
        """The state before the first step, for an input current `like` [B, *] a step."""
        v = initial_state(self.variant, like)
        return (v, torch.zeros_like(v)) if self.variant.recurrent else (v,)
