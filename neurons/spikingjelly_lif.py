"""The variants as a SpikingJelly 2.x neuron."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

from neurons import settled
from neurons.checks import check_flag, check_n, check_sequence, check_step, check_threshold
from neurons.dtypes import state_dtype
from neurons.initial import initial_state
from neurons.kernels import check_engine
from neurons.kernels.rule import Rule
from neurons.leak import Leak
from neurons.recurrent import recurrent_weights
from neurons.sequence import Sequence, State, gain_of, rule_of, run
from neurons.settled import Settled
from neurons.surrogate import SpikeFunction, get_surrogate
from neurons.variant import Leakage, Variant, get_variant


class VariantLIFNode(Settled, neuron.LIFNode):
    """SpikingJelly's `LIFNode`, extended to every `Variant`; used as any other node of that framework.

    SpikingJelly's own charge, fire and reset do the work, step by step; the subclass adds what they cannot express: k
    = 0 and k = 1 (tau = 1 and infinity), no reset, a learnable leak per neuron, recurrence. As everywhere in
    SpikingJelly the state stays from call to call until `functional.reset_net`.

    variant: a name in VARIANTS or a `Variant`. n: number of neurons (last dimension); needed for recurrence and a
    learnable leak.
    step_mode: "s", input [B, *], or "m", input [T, B, *].
    surrogate: a name in SURROGATES, a `Surrogate`, or one of SpikingJelly's own.
    engine: for step_mode "m", "step" (SpikingJelly's), "fused" (one kernel over the sequence) or "auto" (fused if
    possible: not with a surrogate, a threshold or recurrent weights that no kernel knows).

    `tau`, `v_reset` and `decay_input` follow from the variant; to set them is refused. To read `tau`, as SpikingJelly's
    converters do, is refused where these three cannot express the variant.

    Raises ValueError for unknown names, a leak outside [0, 1], a threshold <= 0, or a missing n.
    """

    settled = dict.fromkeys(("variant", "n", "tau", "v_reset", "decay_input"), settled.VARIANTS)
    surrogate_name = "surrogate_function"

    v_threshold: float | Tensor
    surrogate_function: SpikeFunction
    leak: Leak
    detach_reset: bool
    _memories: dict[str, Any]

    def __init__(
        self,
        variant: str | Variant = "baseline",
        n: int | None = None,
        *,
        leakage: Leakage | None = None,
        threshold: float = 0.3,
        surrogate: str | SpikeFunction = "rectangle",
        detach_reset: bool = False,
        step_mode: str = "s",
        engine: str = "auto",
        store_v_seq: bool = False,
    ) -> None:
        variant = get_variant(variant)
        check_engine(engine)
        super().__init__(
            v_threshold=check_threshold(threshold, variant.reset),
            v_reset=0.0,  # where the memory v starts
            surrogate_function=get_surrogate(surrogate),
            detach_reset=check_flag("detach_reset", detach_reset),
            step_mode=step_mode,
            store_v_seq=store_v_seq,
        )
        self.n = n = check_n(n)
        self.engine = engine
        self.leak = Leak(variant.resolve_leakage(leakage), n)
        self.recurrent: nn.Linear | None = recurrent_weights(variant, n)
        if self.recurrent is not None:
            self.register_memory("spike", 0.0)
        self.variant = variant

    @property
    def tau(self) -> float:
        """The time constant that SpikingJelly needs for u[t] = k v + x: 1/tau = 1 - k.

        Raises ValueError where tau, v_reset and decay_input cannot express the variant.
        """
        variant = self.variant
        gained = isinstance(variant.input_gain, float)
        if variant.recurrent or variant.reset == "none" or variant.initial_state != "zero" or gained:
            raise ValueError(
                f"tau, v_reset and decay_input of a LIFNode cannot express the variant {variant.name!r}, which is "
                "recurrent, has no reset, a gain of its own or starts at random: it cannot be converted by them"
            )
        return self._tau

    @property
    def _tau(self) -> float:
        k = self.leak.forward()
        if isinstance(k, Tensor):
            raise ValueError("tau of a LIFNode cannot express a learnable leak, which has one k a neuron: see `leak`")
        return float("inf") if k == 1.0 else 1.0 / (1.0 - k)

    @property
    def v_reset(self) -> float | None:
        """None for a reset by subtraction."""
        return None if self.variant.reset == "subtract" else 0.0

    @property
    def decay_input(self) -> bool:
        """Whether the input is scaled by 1 - k."""
        return self.variant.input_gain == "1-k"

    def extra_repr(self) -> str:
        return (
            f"variant={self.variant.name}, n={self.n}, engine={self.engine}, v_threshold={self.v_threshold}, "
            f"detach_reset={self.detach_reset}, step_mode={self.step_mode}"
        )

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        """v, and the last spikes if the layer is recurrent: from rest where v is none yet or of another batch.

        Raises ValueError if the spikes that a caller has set are not of v's shape.
        """
        x = inputs[0][0] if step_mode == "m" else inputs[0]
        dtype = state_dtype(x.dtype)
        v, *memory = states
        fresh = not isinstance(v, Tensor) or v.shape != x.shape
        if not fresh:
            v = v.to(x.device, dtype)
        elif isinstance(v, Tensor) or v == 0:
            v = initial_state(self.variant, x.to(dtype))
        else:
            v = torch.full_like(x, v, dtype=dtype)
        if not memory:
            return (v,)
        spike = memory[0]
        if fresh or not isinstance(spike, Tensor):
            return v, torch.full_like(v, 0.0)
        if spike.shape != v.shape:
            raise ValueError(f"the last spikes, `spike`, must be {list(v.shape)} as v is, not {list(spike.shape)}")
        return v, spike.to(v)

    def charge(self, x: Tensor, v: Tensor, spike: Tensor | None) -> Tensor:
        """The membrane potential before reset: k v + gain (x + V o[t-1]), in SpikingJelly's way of writing it."""
        drive = x if self.recurrent is None else x + self.recurrent(spike)
        k = self.leak.forward()
        gain = gain_of(self.variant, k)
        if gain is not None:
            drive = gain * drive
        if isinstance(k, float):
            return functional.lif_charge(drive, v, self._tau, False, 0.0)
        return v - v * (1 - k) + drive  # ParametricLIFNode's charge, with one 1/tau = 1 - k a neuron

    def single_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        x = inputs[0]
        spike, _u, states = self.advance(x.to(state_dtype(x.dtype)), states)
        return (spike.to(x.dtype),), states

    def multi_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        spikes, _potential, states = run(self, inputs[0], states, record=False)
        return (spikes,), states

    @property
    def rule(self) -> Rule | str:
        return rule_of(self.v_threshold, self.surrogate_function, self.detach_reset, self.variant, self.recurrent)

    def for_call(self) -> Self:
        return self

    def after(self, state: State) -> State:
        return state

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

    settled: ClassVar = {**VariantLIFNode.settled, **dict.fromkeys(("v", "spike"), settled.CALLS)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, step_mode="m", **kwargs)

    def supported_step_mode(self) -> tuple[str, ...]:
        return ("m",)
