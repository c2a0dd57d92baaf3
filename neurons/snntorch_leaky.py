"""The variants as an snnTorch neuron."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import MethodType
from typing import Any, ClassVar, Self, cast

import snntorch
import torch
from torch import Tensor

from neurons import settled
from neurons.checks import check_flag, check_n, check_step, check_threshold
from neurons.compiler import exported
from neurons.dtypes import state_dtype
from neurons.kernels import check_engine
from neurons.kernels.rule import Rule
from neurons.leak import CarriedLeak, Leak
from neurons.recurrent import recurrent_weights
from neurons.sequence import Sequence, State, gain_of, rule_of
from neurons.settled import Settled
from neurons.surrogate import SpikeFunction, get_surrogate
from neurons.variant import Leakage, Variant, check_leakage, get_variant


class VariantLeaky(Settled, snntorch.Leaky):
    """snnTorch's `Leaky`, extended to every `Variant`; used as any other neuron of that framework.

    snnTorch's own forward, fire and reset do the work; `mem` is, as there, the membrane potential before reset, which
    is the paper's u. The subclass settles what differs from eq. 3-11: it fires at u >= u_th (through the surrogate),
    the reset is part of the gradient unless `detach_reset`, a soft reset is taken before the leak, and recurrence
    adds V o[t-1] outside the reset. The spikes o[t-1] are a function of `mem`, as snnTorch's reset is, so that `mem`
    is the whole state and `utils.reset`, `reset_mem` and `init_hidden` work unchanged.

    variant: a name in VARIANTS or a `Variant`. n: number of neurons (last dimension); needed for recurrence and a
    learnable leak.
    late_reset, an attribute: whether a soft reset is taken after the leak, k u - u_th o, as in `snntorch.Leaky`.
    init_hidden, output: as in `snntorch.Leaky`. Call it with x [B, n] ([B, *] without n) and, unless init_hidden, the
    last `mem`; the first `mem` is the caller's, whatever the variant's initial_state.

    Raises ValueError for unknown names, a leak outside [0, 1], a threshold <= 0, or a missing n; when called, for an
    input that is not [B, n]. TypeError for an input that is not floating point.
    """

    settled = dict.fromkeys(
        ("variant", "n", "reset_mechanism", "reset_mechanism_val", "state_function"), settled.VARIANTS
    )
    surrogate_name = "spike_grad"

    late_reset = False
    mem: Tensor
    threshold: Tensor
    spike_grad: SpikeFunction
    leak: Leak
    reset_mechanism_val: Tensor
    graded_spikes_factor: Tensor
    state_function: MethodType

    def __init__(
        self,
        variant: str | Variant = "baseline",
        n: int | None = None,
        *,
        leakage: Leakage | None = None,
        threshold: float = 0.3,
        surrogate: str | SpikeFunction = "rectangle",
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
        self.n = n = check_n(n)
        self.detach_reset = check_flag("detach_reset", detach_reset)
        self.leak = Leak(resolved, n)
        self.recurrent: torch.nn.Linear | None = recurrent_weights(variant, n)
        self.variant = variant

    def _beta_buffer(self, beta: object, learn_beta: bool) -> None:
        """Register nothing: `beta` is a property here."""

    def _threshold_buffer(self, threshold: Tensor, learn_threshold: bool) -> None:  # noqa: ARG002
        self.threshold = threshold  # no buffer, whose dtype would change with the module's

    @property
    def beta(self) -> Tensor:
        """The leak coefficient k: a scalar, or [n] if it is learnable. To be set to a number if the variant's leak is
        "normal" and not learnable.
        """
        k = self.leak.forward()
        return torch.tensor(k, dtype=torch.float64) if isinstance(k, float) else k

    @beta.setter
    def beta(self, beta: float | Tensor) -> None:
        if isinstance(beta, Tensor) and beta.numel() == 1 and not beta.requires_grad:
            beta = beta.item()
        if isinstance(beta, Tensor) or self.variant.leakage != "normal" or type(self.leak.forward()) is not float:
            raise ValueError(
                f"beta of a VariantLeaky ({self.variant.name}) cannot be set to {beta!r}: it is a number where the "
                "variant's leakage is 'normal'; for one that is trained make the neuron with leakage='learnable'"
            )
        k = check_leakage(beta, "beta")
        assert isinstance(k, float)
        self.leak.leakage = k

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: Any, strict: bool, *args: Any
    ) -> None:
        """Also a checkpoint of `snntorch.Leaky`, whose `beta` and `threshold` are taken over."""
        *_, errors = args
        beta, threshold = (
            None if name in self._parameters else state_dict.pop(prefix + name, None) for name in ("beta", "threshold")
        )
        mechanism = state_dict.get(prefix + "reset_mechanism_val", self.reset_mechanism_val)
        if int(mechanism) != int(self.reset_mechanism_val):
            errors.append(f"{prefix}reset_mechanism_val is {int(mechanism)}, another reset than that of {self.variant}")
        try:
            if threshold is not None and not torch.equal(threshold, self.threshold.to(threshold)):
                # exact where it is one number; several keep their dtype, which would else be the membrane potential's
                dtype = torch.float64 if threshold.ndim == 0 else threshold.dtype
                self.threshold = threshold.detach().to(dtype, copy=True)
            if beta is not None and self.leak.logit is not None:
                if not bool(((beta > 0) & (beta < 1)).all()):
                    raise ValueError("a learnable leak lies between 0 and 1")
                state_dict[f"{prefix}leak.logit"] = torch.logit(beta).expand(self.leak.logit.shape)
            elif beta is not None and isinstance(self.leak, CarriedLeak):
                state_dict[f"{prefix}leak.beta"] = beta
            elif beta is not None and not torch.equal(beta, self.beta.to(beta)):
                self.beta = beta.detach()
        except (ValueError, RuntimeError) as error:
            errors.append(f"{prefix}beta or threshold: {error}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *args)

    def extra_repr(self) -> str:
        return f"variant={self.variant.name}, n={self.n}, threshold={self.threshold.tolist()}"

    def reset_mem(self) -> Tensor:
        """The potential at rest, [0], which takes the shape of what comes: snnTorch's has that of what was."""
        self.mem = self.mem.new_zeros(0)
        return self.mem

    def mem_reset(self, mem: Tensor) -> Tensor:
        self.previous_spike = self.spike_grad(mem - self.threshold)
        return self.previous_spike.detach() if self.detach_reset else self.previous_spike

    def _base_state_function(self, input_: Tensor) -> Tensor:
        drive = input_ if self.recurrent is None else input_ + self.recurrent(self.previous_spike)
        gain = gain_of(self.variant, self.leak.forward())
        if gain is not None:
            drive = gain * drive
        return super()._base_state_function(drive)

    def _base_sub(self, input_: Tensor) -> Tensor:
        if self.late_reset:
            return super()._base_sub(input_)
        self.mem = self.mem - self.reset * self.threshold
        return self._base_state_function(input_)

    def _only_stepped(self) -> str:
        """What was set that snnTorch's forward does beyond the variant, if anything; no kernel does it."""
        graded = self.graded_spikes_factor
        unusual = {
            "graded_spikes_factor": graded.requires_grad or bool((graded != 1).any()),
            "inhibition": bool(self.inhibition),
            "state_quant": bool(self.state_quant),
            "reset_delay": not self.reset_delay,
        }
        return ", ".join(name for name, is_set in unusual.items() if is_set)

    def forward(self, input_: Tensor, mem: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        check_step(input_, self.n)
        if exported() and self.variant != replace(self.variant, reset="zero", recurrent=False, input_gain="1"):
            raise ValueError(
                f"an exporter takes a neuron of snnTorch for its beta and threshold, which cannot express the variant "
                f"{self.variant.name!r}: only one with reset 'zero', input gain '1' and without recurrence"
            )
        if mem is not None and mem.numel() > 0 and mem.shape != input_.shape:
            raise ValueError(f"mem must be {list(input_.shape)}, as the input current is, not {list(mem.shape)}")
        if self.recurrent is not None and self._only_stepped():
            raise ValueError(
                f"{self._only_stepped()} cannot be set where the layer is recurrent: the spikes that go back are those "
                "of the membrane potential"
            )
        dtype = state_dtype(input_.dtype)
        result = super().forward(input_.to(dtype), mem if mem is None else mem.to(dtype))
        del self.previous_spike, self.reset  # they would keep the graph alive, and are not state
        if isinstance(result, tuple):
            return result[0].to(input_.dtype), result[1]
        return cast(Tensor, result).to(input_.dtype)


class SnnTorchSequence(Sequence, VariantLeaky):  # type: ignore[misc]  # a call takes a sequence, not a step
    """`VariantLeaky` on whole sequences from rest."""

    settled: ClassVar = {
        **VariantLeaky.settled,
        **dict.fromkeys(("init_hidden", "output"), settled.CALLS),
        "late_reset": "a state is the potential after the reset, which no number is if the leak comes between",
    }

    def __init__(self, *args: Any, engine: str, **kwargs: Any) -> None:
        check_engine(engine)
        super().__init__(*args, **kwargs)
        self.engine = engine
        # snnTorch lists every neuron ever made, to reset their states, and so keeps them alive; this one keeps no
        # state.
        snntorch.SpikingNeuron.instances.remove(self)

    @property
    def rule(self) -> Rule | str:
        unusual = self._only_stepped()
        if unusual:
            return f"only snnTorch's own forward knows {unusual}"
        return rule_of(self.threshold, self.spike_grad, self.detach_reset, self.variant, self.recurrent)

    def for_call(self) -> Self:
        """A shallow copy with the same parameters: snnTorch's forward writes its state into the module."""
        call = copy.copy(self)
        call._buffers = self._buffers.copy()
        call.__dict__["state_function"] = MethodType(self.state_function.__func__, call)
        return call

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """One step. The state is snnTorch's from then on: `mem`, from before the reset."""
        if not isinstance(state, _Membrane):
            self._start = state
        o, u = VariantLeaky.forward(self, x, state[0])
        return o, u, _Membrane((u,))

    def mem_reset(self, mem: Tensor) -> Tensor:
        start = self.__dict__.pop("_start", None)
        if start is None:
            return super().mem_reset(mem)
        self.previous_spike = start[-1]
        return torch.zeros_like(mem)

    def after(self, state: State) -> State:
        """With the reset with which snnTorch's next step would begin."""
        (mem,) = state
        reset = self.mem_reset(mem)
        v = mem
        if self.variant.reset == "zero":
            v = (1 - reset) * mem
        elif self.variant.reset == "subtract":
            v = mem - reset * self.threshold
        return (v, self.previous_spike) if self.variant.recurrent else (v,)


class _Membrane(tuple[Tensor, ...]):
    """`mem` alone, as snnTorch carries it."""

    __slots__ = ()
