"""The variants as an snnTorch neuron."""

from __future__ import annotations

from typing import Any

import snntorch
import torch
from torch import Tensor

from neurons.checks import check_step, check_threshold
from neurons.initial import initial_state
from neurons.kernels import check_engine
from neurons.kernels.rule import Rule
from neurons.leak import Leak
from neurons.recurrent import recurrent_weights
from neurons.sequence import Sequence, State
from neurons.surrogate import Surrogate, get_surrogate
from neurons.variant import Leakage, Variant, get_variant


class VariantLeaky(snntorch.Leaky):
    """snnTorch's `Leaky`, extended to every `Variant`; used as any other neuron of that framework.

    snnTorch's own forward, fire and reset do the work; `mem` is, as there, the membrane potential before reset, which
    is the paper's u. The subclass settles what differs from eq. 3-11: it fires at u >= u_th (through the surrogate),
    the reset is part of the gradient unless `detach_reset`, a soft reset is taken before the leak, and recurrence
    adds V o[t-1] outside the reset. The spikes o[t-1] are a function of `mem`, as snnTorch's reset is, so that `mem`
    is the whole state and `utils.reset`, `reset_mem` and `init_hidden` work unchanged.

    variant: a name in VARIANTS or a `Variant`. n: number of neurons (last dimension); needed for recurrence and a
    learnable leak.
    init_hidden, output: as in `snntorch.Leaky`. Call it with x [B, n] ([B, *] without n) and, unless init_hidden, the
    last `mem`; the first `mem` is the caller's, whatever the variant's initial_state.

    Raises ValueError for unknown names, a leak outside [0, 1], a threshold <= 0, or a missing n; when called, for an
    input that is not [B, n]. TypeError for an input that is not floating point.
    """

    mem: Tensor
    threshold: Tensor
    spike_grad: Surrogate

    def __init__(
        self,
        variant: str | Variant = "baseline",
        n: int | None = None,
        *,
        leakage: Leakage | None = None,
        threshold: float = 0.3,
        surrogate: str | Surrogate = "rectangle",
        detach_reset: bool = False,
        init_hidden: bool = False,
        output: bool = False,
    ) -> None:
        variant = get_variant(variant)
        resolved = variant.resolve_leakage(leakage)
        super().__init__(
            beta=0.0,  # the property below takes its place
            # float64, so that a module turned to double has u_th = 0.3 and not float32's 0.300000012
            threshold=torch.tensor(check_threshold(threshold, variant.reset), dtype=torch.float64),
            spike_grad=get_surrogate(surrogate),
            init_hidden=init_hidden,
            output=output,
            reset_mechanism=variant.reset,
        )
        self.variant = variant
        self.n = n
        self.detach_reset = detach_reset
        self.leak = Leak(resolved, n)
        self.recurrent = recurrent_weights(variant, n)

    def _beta_buffer(self, beta: object, learn_beta: bool) -> None:
        """Register nothing: `beta` is a property here."""

    @property
    def beta(self) -> Tensor:
        """The leak coefficient k: a scalar, or [n] if it is learnable."""
        k = self.leak()
        return torch.tensor(k, dtype=torch.float64) if isinstance(k, float) else k

    def extra_repr(self) -> str:
        return f"variant={self.variant.name}, n={self.n}, threshold={float(self.threshold):g}"

    def mem_reset(self, mem: Tensor) -> Tensor:
        self.previous_spike = self.spike_grad(mem - self.threshold)
        return self.previous_spike.detach() if self.detach_reset else self.previous_spike

    def _base_state_function(self, input_: Tensor) -> Tensor:
        drive = input_ if self.recurrent is None else input_ + self.recurrent(self.previous_spike)
        if self.variant.input_gain == "1-k":
            drive = (1 - self.beta) * drive
        return super()._base_state_function(drive)

    def _base_sub(self, input_: Tensor) -> Tensor:
        self.mem = self.mem - self.reset * self.threshold
        return self._base_state_function(input_)

    def forward(self, input_: Tensor, mem: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        check_step(input_, self.n)
        result: Tensor | tuple[Tensor, Tensor] = super().forward(input_, mem)
        del self.previous_spike, self.reset  # they would keep the graph alive, and are not state
        return result


class SnnTorchSequence(Sequence, VariantLeaky):  # type: ignore[misc]  # a call takes a sequence, not a step
    """`VariantLeaky` on whole sequences from rest."""

    def __init__(self, *args: Any, engine: str, **kwargs: Any) -> None:
        check_engine(engine)
        super().__init__(*args, **kwargs)
        self.engine = engine
        # snnTorch lists every neuron ever made, to reset their states, and so keeps them alive; this one keeps no
        # state.
        snntorch.SpikingNeuron.instances.remove(self)
        self._last_spike: Tensor | None = None

    def rest(self, like: Tensor) -> State:
        return initial_state(self.variant, like), torch.zeros_like(like)

    @property
    def rule(self) -> Rule:
        return Rule(float(self.threshold), self.variant.reset, self.spike_grad, self.detach_reset)

    def mem_reset(self, mem: Tensor) -> Tensor:
        if self._last_spike is None:
            return super().mem_reset(mem)
        self.previous_spike = self._last_spike
        return torch.zeros_like(mem)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Spikes, potential and state after one step. The state is `mem`, before the reset; or, at rest, v and the
        spikes o[-1], as v drawn at random may be above the threshold without a spike.
        """
        mem, *spike = state
        self._last_spike = spike[0] if spike else None
        o, u = VariantLeaky.forward(self, x, mem)
        self._last_spike = None
        self.mem = u.new_empty(0)
        return o, u, (u,)
