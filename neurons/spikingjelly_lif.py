"""The variants as a SpikingJelly 2.x neuron."""

from __future__ import annotations

from typing import Any

import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

from neurons.checks import check_sequence, check_step, check_threshold
from neurons.initial import initial_state
from neurons.kernels import check_engine
from neurons.kernels.rule import Rule
from neurons.leak import Leak
from neurons.recurrent import recurrent_weights
from neurons.sequence import Sequence, State, run
from neurons.surrogate import Surrogate, get_surrogate
from neurons.variant import Leakage, Variant, get_variant


class VariantLIFNode(neuron.LIFNode):
    """SpikingJelly's `LIFNode`, extended to every `Variant`; used as any other node of that framework.

    SpikingJelly's own charge, fire and reset do the work, step by step; the subclass adds what they cannot express: k
    = 0 and k = 1 (tau = 1 and infinity), no reset, a learnable leak per neuron, recurrence. As everywhere in
    SpikingJelly the state stays from call to call until `functional.reset_net`.

    variant: a name in VARIANTS or a `Variant`. n: number of neurons (last dimension); needed for recurrence and a
    learnable leak.
    step_mode: "s", input [B, *], or "m", input [T, B, *].
    engine: for step_mode "m", "step" (SpikingJelly's), "fused" (one kernel over the sequence) or "auto" (fused if
    possible).

    Raises ValueError for unknown names, a leak outside [0, 1], a threshold <= 0, or a missing n.
    """

    _memories: dict[str, Any]

    def __init__(
        self,
        variant: str | Variant = "baseline",
        n: int | None = None,
        *,
        leakage: Leakage | None = None,
        threshold: float = 0.3,
        surrogate: str | Surrogate = "rectangle",
        detach_reset: bool = False,
        step_mode: str = "s",
        engine: str = "auto",
        store_v_seq: bool = False,
    ) -> None:
        variant = get_variant(variant)
        check_engine(engine)
        super().__init__(
            tau=2.0,  # replaced below: LIFNode itself refuses tau <= 1
            decay_input=False,
            v_threshold=check_threshold(threshold, variant.reset),
            v_reset=None if variant.reset == "subtract" else 0.0,
            surrogate_function=get_surrogate(surrogate),
            detach_reset=detach_reset,
            step_mode=step_mode,
            store_v_seq=store_v_seq,
        )
        self.variant = variant
        self.n = n
        self.engine = engine
        self.leak = Leak(variant.resolve_leakage(leakage), n)
        self.tau = _tau(self.leak.leakage) if isinstance(self.leak.leakage, float) else None
        self.recurrent: nn.Linear | None = recurrent_weights(variant, n)
        if self.recurrent is not None:
            self.register_memory("spike", 0.0)

    def extra_repr(self) -> str:
        return f"variant={self.variant.name}, n={self.n}, engine={self.engine}, {super().extra_repr()}"

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        old = states[0]
        v, *memory = super().materialize_states(inputs, states, step_mode)
        fresh = not isinstance(old, Tensor) or old.shape != v.shape
        if fresh:
            v = initial_state(self.variant, v)
        if not memory:
            return (v,)
        spike = memory[0]
        return v, torch.zeros_like(v) if fresh or not isinstance(spike, Tensor) else spike.to(v)

    def charge(self, x: Tensor, v: Tensor, spike: Tensor | None) -> Tensor:
        """The membrane potential before reset: k v + gain (x + V o[t-1]), in SpikingJelly's way of writing it."""
        drive = x if self.recurrent is None else x + self.recurrent(spike)
        k = self.leak()
        if self.variant.input_gain == "1-k":
            drive = (1 - k) * drive
        if isinstance(k, float):
            return functional.lif_charge(drive, v, self.tau, False, 0.0)
        return v - v * (1 - k) + drive  # ParametricLIFNode's charge, with one 1/tau = 1 - k a neuron

    def single_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        spike, _u, states = self.advance(inputs[0], states)
        return (spike,), states

    def multi_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        spikes, _potential, states = run(self, inputs[0], states, record=False)
        return (spikes,), states

    @property
    def rule(self) -> Rule:
        return Rule(self.v_threshold, self.variant.reset, self.surrogate_function, self.detach_reset)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Spikes, potential before reset and state after one step; the state is v after the reset and, if the layer is
        recurrent, the spikes.
        """
        v, *memory = state
        u = self.charge(x, v, memory[0] if memory else None)
        spike = self.surrogate_function(u - self.v_threshold)
        if self.variant.reset == "none":
            v = u
        else:
            v = functional.voltage_reset(u, spike, self.v_threshold, self.v_reset, self.detach_reset)
        return spike, u, (v, spike) if memory else (v,)

    def single_step_forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        check_step(x, self.n)
        return super().single_step_forward(x, *args, **kwargs)

    def multi_step_forward(self, x_seq: Tensor, *args: Any, **kwargs: Any) -> Any:
        check_sequence(x_seq, self.n)
        return super().multi_step_forward(x_seq, *args, **kwargs)


class SpikingJellySequence(Sequence, VariantLIFNode):
    """`VariantLIFNode` on whole sequences from rest."""

    def rest(self, like: Tensor) -> State:
        return self.materialize_states((like,), (0.0,) * len(self._memories), "s")


def _tau(k: float) -> float:
    """The time constant that SpikingJelly needs for u[t] = k v + x: 1/tau = 1 - k."""
    return float("inf") if k == 1.0 else 1.0 / (1.0 - k)
