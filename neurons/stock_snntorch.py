"""snnTorch's own LIF neurons as variants: what `ablate` reads of them, and what it puts in their place."""

from __future__ import annotations

import copy
from typing import Any, cast

import snntorch
import torch
from torch import Tensor, nn

from neurons.checks import check_threshold
from neurons.leak import CarriedLeak
from neurons.snntorch_leaky import VariantLeaky
from neurons.variant import Learnable, Reset, Variant, of_model

KINDS = (snntorch.Leaky, snntorch.RLeaky)


_FAMILY = "snntorch._neurons"


def is_neuron(module: nn.Module) -> bool:
    """Whether it is a neuron of this framework, of whatever kind."""
    return any(kind.__module__.startswith(_FAMILY) and issubclass(kind, nn.Module) for kind in type(module).__mro__)


def why_not(leaky: Any, variant: Variant) -> str | None:
    """None if the variant can take the place of a neuron of `KINDS`, else what of it cannot be carried over."""
    threshold, graded = leaky.threshold, leaky.graded_spikes_factor
    beyond = {
        "its threshold is trained (learn_threshold)": threshold.requires_grad,
        "it has several thresholds": threshold.numel() != 1,
        "its state is quantised (state_quant)": bool(leaky.state_quant),
        "its neurons inhibit each other (inhibition)": bool(leaky.inhibition),
        "its spikes are graded (graded_spikes_factor)": graded.requires_grad or bool((graded != 1).any()),
        "it resets without a delay (reset_delay=False)": not leaky.reset_delay,
        "a state that starts at random is for SpikingJelly's: here the first one is the caller's": (
            variant.initial_state != "zero"
        ),
    }
    reason = next((reason for reason, holds in beyond.items() if holds), None)
    if reason is None and isinstance(leaky, snntorch.RLeaky):
        reason = _why_not_rleaky(leaky, variant)
    if reason is None:
        try:
            check_threshold(float(threshold), "zero")
        except ValueError as error:
            return str(error)
    return reason


def _why_not_rleaky(leaky: Any, variant: Variant) -> str | None:
    if isinstance(variant.leakage, Learnable):
        return "an RLeaky has no learnable leak for each neuron"
    if variant.input_gain != "1":
        return "an RLeaky does not scale its input"
    if variant.reset not in ("zero", "none", leaky.reset_mechanism):
        return f"an RLeaky has no reset {variant.reset!r} before the leak"
    return None


def features(leaky: nn.Module, x: Tensor) -> tuple[int, ...]:  # noqa: ARG001
    """The shape of a layer of neurons whose input is x."""
    return tuple(x.shape[1:])


def variant_of(leaky: Any, variant: Variant, n: int | None, engine: str, memo: dict[int, Any]) -> nn.Module:  # noqa: ARG001
    """The variant in the place of `leaky`, at rest. memo: `copy.deepcopy`'s, of the model's copy.

    An RLeaky stays one, whose recurrence is its own.
    """
    if isinstance(leaky, snntorch.RLeaky):
        return _rleaky(leaky, variant, memo)
    beta = leaky.beta
    k = float(clamped(beta.detach()).mean())
    reset = cast(Reset, leaky.reset_mechanism)
    made = VariantLeaky(
        of_model(variant, k, reset, "1"),
        n,
        leakage=k,
        threshold=float(leaky.threshold),
        surrogate=copy.deepcopy(leaky.spike_grad, memo),
        detach_reset=True,
        init_hidden=leaky.init_hidden,
        output=leaky.output,
    )
    if variant.leakage == "normal" and (beta.requires_grad or beta.numel() > 1):
        made.leak = CarriedLeak("beta", copy.deepcopy(beta, memo), clamped)
    made.late_reset = variant.reset == "zero" and reset == "subtract"
    made.surrogate_disable = leaky.surrogate_disable
    return made.to(beta.device)


def clamped(beta: Tensor) -> Tensor:
    """k of a Leaky."""
    return beta.clamp(0, 1)


def _rleaky(leaky: Any, variant: Variant, memo: dict[int, Any]) -> nn.Module:
    for state in (leaky.mem, leaky.spk):  # which may be part of a graph, and could not be copied then
        memo[id(state)] = state.new_zeros(0)
    made: Any = copy.deepcopy(leaky, memo)
    if variant.leakage != "normal":
        k = torch.full_like(leaky.beta.detach(), cast(float, variant.leakage))
        del made.beta
        made.register_buffer("beta", k)
    if variant.reset == "none":
        made.reset_mechanism = "none"
        made.state_function = made._base_int
    return cast(nn.Module, made)
