"""A layer over a whole sequence, written once for both frameworks: step after step, or in one fused kernel."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from neurons.checks import check_finite, check_sequence
from neurons.kernels import resolve_engine
from neurons.kernels.autograd import constant_current, fused_lif
from neurons.kernels.rule import Rule
from neurons.leak import Leak
from neurons.variant import Variant

State = tuple[Tensor, ...]
"""What a layer carries from step to step, each [B, *]. What it holds is the engine's business."""


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
    def rule(self) -> Rule:
        """As the framework's attributes have it now."""

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Spikes, potential before reset and state after one step with the input current x [B, *]."""


def run(neuron: Neuron, x: Tensor, state: State, *, record: bool) -> Output:
    """The input current x [T, B, *] from `state` on, on the neuron's engine."""
    run_engine = _fused if resolve_engine(neuron.engine, x.device, x.dtype) == "fused" else _step
    return run_engine(neuron, x, state, record)


def _step(neuron: Neuron, x: Tensor, state: State, record: bool) -> Output:
    spikes, potentials = [], []
    for x_t in x.unbind(0):  # x[t] would allocate a gradient of all of x in every step
        spike, u, state = neuron.advance(x_t, state)
        spikes.append(spike)
        if record:
            potentials.append(u)
    return Output(torch.stack(spikes), torch.stack(potentials) if record else None, state)


def _fused(neuron: Neuron, x: Tensor, state: State, record: bool) -> Output:
    """`fused_lif`, where an input gain becomes a factor on x and on V. The state is v after the last reset and, if the
    layer is recurrent, the last spikes.
    """
    rule, k = neuron.rule, neuron.leak()
    weight = None if neuron.recurrent is None else neuron.recurrent.weight
    if neuron.variant.input_gain == "1-k":
        gain = 1 - k
        once = getattr(x, "constant_current", None)
        scaled = (gain * (x if once is None else once)).to(x.dtype)
        x = scaled if once is None else constant_current(scaled, len(x))
        if weight is not None:
            weight = gain * weight if isinstance(gain, float) else gain[:, None] * weight
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
        record=record,
    )
    if weight is None:
        return Output(spikes, potential, (v,))
    # a clone: a view would keep all spikes in memory, and SpikingJelly detaches states in place
    return Output(spikes, potential, (v, spikes[-1].clone()))


class Sequence(nn.Module):
    """What `make_neuron` adds to a framework's neuron: a call takes a whole sequence and starts from rest."""

    n: int | None

    def forward(self, x: Tensor) -> Tensor:
        """Spikes [T, B, *] of the input current x [T, B, *], from rest."""
        return self.simulate(x, record=False).spikes

    def simulate(self, x: Tensor, *, state: State | None = None, record: bool = True) -> Output:
        """As a call, and the potentials and the state; from `state`, the one after the sequence's last part, if given.

        Raises as `make_neuron` says.
        """
        check_sequence(x, self.n)
        output = run(self, x, self.rest(x[0]) if state is None else state, record=record)  # type: ignore[arg-type]
        check_finite(x, output.state[0])
        return output

    def rest(self, like: Tensor) -> State:
        """The state before the first step, for an input current `like` [B, *] a step."""
        raise NotImplementedError
