"""One call for a layer of neurons: any variant, either framework, any engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import snntorch
import torch
from torch import Tensor, nn

from neurons.checks import check_finite, check_sequence
from neurons.initial import initial_state
from neurons.kernels import check_engine, resolve_engine
from neurons.kernels.layer import fused_layer
from neurons.names import unknown_name
from neurons.snntorch_leaky import VariantLeaky
from neurons.spikingjelly_lif import VariantLIFNode
from neurons.surrogate import Surrogate
from neurons.variant import Leakage, Variant

Backend = Literal["spikingjelly", "snntorch"]

State = tuple[Tensor, ...]
"""What a layer carries from step to step, each [B, *]. What it holds is the engine's business."""


class _Sequence(nn.Module):
    """What `make_neuron` adds to a framework's neuron: a call takes a whole sequence and starts from rest."""

    n: int | None
    variant: Variant

    def forward(self, x: Tensor, *, record: bool = False, state: State | None = None, carry: bool = False) -> Any:
        check_sequence(x, self.n)
        spikes, u, state = self._run(x, state, record)
        check_finite(x, state[0])
        outputs = (spikes, *((u,) if record else ()), *((state,) if carry else ()))
        return outputs if len(outputs) > 1 else spikes

    def _run(self, x: Tensor, state: State | None, record: bool) -> tuple[Tensor, Tensor | None, State]:
        raise NotImplementedError


class SpikingJellySequence(_Sequence, VariantLIFNode):
    """`VariantLIFNode` on whole sequences from rest."""

    def _run(self, x: Tensor, state: State | None, record: bool) -> tuple[Tensor, Tensor | None, State]:
        if state is None:
            state = self.materialize_states((x,), (0.0,) * len(self._memories), "m")
        return self._sequence(x, state, record=record)


class SnnTorchSequence(_Sequence, VariantLeaky):  # type: ignore[misc]  # a call takes a sequence, not a step
    """`VariantLeaky` on whole sequences from rest."""

    def __init__(self, *args: Any, engine: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine = engine
        # snnTorch lists every neuron ever made, to reset their states, and so keeps them alive; this one keeps no
        # state.
        snntorch.SpikingNeuron.instances.remove(self)
        self._first_step = False

    def mem_reset(self, mem: Tensor) -> Tensor:
        reset = super().mem_reset(mem)
        if self._first_step:  # o[-1] = 0 even where u[-1], drawn at random, is above the threshold
            reset = self.previous_spike = torch.zeros_like(reset)
        return reset

    def _run(self, x: Tensor, state: State | None, record: bool) -> tuple[Tensor, Tensor | None, State]:
        mem, *o0 = (initial_state(self.variant, x[0]),) if state is None else state
        if resolve_engine(self.engine, x.device, x.dtype) == "fused":
            spikes, u, v = fused_layer(
                self.variant,
                x,
                self.leak(),
                self.recurrent,
                threshold=float(self.threshold),
                surrogate=self.spike_grad,
                detach_reset=self.detach_reset,
                v0=mem,
                o0=o0[0] if o0 else None,
                record=record,
            )
            last = () if self.recurrent is None else (spikes[-1].clone(),)  # a view would keep all of them in memory
            return spikes, u, (v, *last)
        steps, potentials = [], []
        for t, x_t in enumerate(x.unbind(0)):  # x[t] would allocate a gradient of all of x in every step
            self._first_step = state is None and t == 0
            spike, mem = VariantLeaky.forward(self, x_t, mem)
            steps.append(spike)
            if record:
                potentials.append(mem)
        self.mem = mem.new_zeros(0)
        return torch.stack(steps), torch.stack(potentials) if record else None, (mem,)


BACKENDS: dict[str, Callable[..., nn.Module]] = {
    "spikingjelly": SpikingJellySequence,
    "snntorch": SnnTorchSequence,
}


def make_neuron(
    variant: str | Variant,
    n: int | None,
    *,
    backend: str = "spikingjelly",
    engine: str = "auto",
    leakage: Leakage | None = None,
    threshold: float = 0.3,
    surrogate: str | Surrogate = "rectangle",
    detach_reset: bool = False,
) -> nn.Module:
    """A layer of n LIF neurons: input current [T, B, n] -> spikes [T, B, n], from rest at every call.

    variant: a name in VARIANTS, or a Variant. n: the number of neurons; None takes [T, B, *] where no parameter
    depends on n.
    backend: "spikingjelly" or "snntorch". engine: "step" (the framework's own stepping), "fused" (one kernel over the
    sequence) or "auto" (fused where possible).
    leakage: what "normal" means in the variant: a number in [0, 1], "learnable" or Learnable(init=(low, high));
    default 0.3.
    threshold: u_th > 0; infinite, with reset "none", for neurons that only integrate. surrogate: a name in SURROGATES
    or a Surrogate. detach_reset: keep the reset out of the gradient.

    Called with record=True, it also returns the membrane potential before reset [T, B, n]; with carry=True also, as
    the last, the state after x, which a call on the next part of the sequence takes as `state`. Parameters:
    `recurrent.weight` [n, n] (V[i, j] from neuron j to i, orthogonal at first) if the variant is recurrent,
    `leak.logit` [n] if its leak is learnable.

    Raises ValueError for an unknown name, a leak outside [0, 1], a threshold <= 0, and, when called, for an empty or
    wrongly shaped input or one that is not finite (NonFiniteError); TypeError for an input that is not floating point.
    """
    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    check_engine(engine)
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise ValueError(f"n, the number of neurons, is a positive integer, not {n!r}")
    return BACKENDS[backend](
        variant,
        n,
        leakage=leakage,
        threshold=threshold,
        surrogate=surrogate,
        detach_reset=detach_reset,
        engine=engine,
    )
