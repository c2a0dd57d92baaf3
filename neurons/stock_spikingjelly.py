"""SpikingJelly's own LIF neurons as variants: what `ablate` reads of them, and what it puts in their place."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor, nn

from neurons.checks import check_threshold
from neurons.leak import CarriedLeak
from neurons.spikingjelly_lif import VariantLIFNode
from neurons.surrogate import SpikeFunction, Surrogate, arctan, rectangle, sigmoid
from neurons.variant import InputGain, Reset, Variant, of_model

KINDS = (neuron.LIFNode, neuron.IFNode, neuron.ParametricLIFNode)


_FAMILY = "spikingjelly.activation_based.neuron"
_SURROGATES: dict[type, Callable[[float], Surrogate]] = {
    surrogate.Sigmoid: sigmoid,
    surrogate.ATan: arctan,
    surrogate.Rect: lambda alpha: rectangle(0.5 / alpha),
}
"""Those that kernels know, by SpikingJelly's class, from its alpha."""


def is_neuron(module: nn.Module) -> bool:
    """Whether it is a spiking neuron of this framework, of whatever kind."""
    if isinstance(module, neuron.NonSpikingBaseNode):
        return False
    return any(kind.__module__.startswith(_FAMILY) for kind in type(module).__mro__)


def why_not(node: Any, variant: Variant) -> str | None:  # noqa: ARG001
    """None if the variant can take the place of a neuron of `KINDS`, else what of it cannot be carried over."""
    if not isinstance(node, neuron.ParametricLIFNode | neuron.IFNode) and not _is_number(node.tau, least=1.0):
        return f"its tau is {node.tau!r}, which is no number from 1"
    if not _is_number(node.v_threshold):
        return f"its v_threshold is trained, or no number: {node.v_threshold!r}"
    if node.v_reset not in (None, 0.0):
        return f"its v_reset is {node.v_reset!r}, and a variant resets to 0 (v_reset=0.0) or by subtraction (None)"
    if node.get_reset_value("v") != 0.0:
        return f"its v starts at {node.get_reset_value('v')!r}, and a variant at 0"
    if node._neuron_precision is not None:
        return "its precision is set (SpikingJelly's mixed precision)"
    try:
        check_threshold(node.v_threshold, "zero")
    except ValueError as error:
        return str(error)
    return None


def _is_number(value: object, least: float = -math.inf) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and least <= float(value) < math.inf


def features(node: Any, x: Tensor) -> tuple[int, ...]:
    """The shape of a layer of neurons whose input is x."""
    return tuple(x.shape[2:] if node.step_mode == "m" else x.shape[1:])


def variant_of(node: Any, variant: Variant, n: int | None, engine: str, memo: dict[int, Any]) -> VariantLIFNode:
    """The variant in the place of `node`, at rest. memo: `copy.deepcopy`'s, of the model's copy."""
    trained = isinstance(node, neuron.ParametricLIFNode)
    if trained:
        k = float(one_minus_sigmoid(node.w.detach()))
    else:
        k = 1.0 if isinstance(node, neuron.IFNode) else 1.0 - 1.0 / float(node.tau)
    reset: Reset = "subtract" if node.v_reset is None else "zero"
    gain: InputGain = "1-k" if getattr(node, "decay_input", False) else "1"
    made = VariantLIFNode(
        of_model(variant, k, reset, gain),
        n,
        leakage=k,
        threshold=node.v_threshold,
        surrogate=_surrogate(node.surrogate_function, memo),
        detach_reset=node.detach_reset,
        step_mode=node.step_mode,
        engine=engine,
        store_v_seq=node.store_v_seq,
    )
    if trained and variant.leakage == "normal":
        made.leak = CarriedLeak("w", copy.deepcopy(node.w, memo), one_minus_sigmoid)
    made.lava_s_cale = node.lava_s_cale
    return made


def one_minus_sigmoid(w: Tensor) -> Tensor:
    """k of a ParametricLIFNode, whose 1/tau is sigmoid(w)."""
    return 1 - torch.sigmoid(w)


def _surrogate(function: Any, memo: dict[int, Any]) -> SpikeFunction:
    make = _SURROGATES.get(type(function))
    if make is not None and function.spiking and _is_number(function.alpha) and function.alpha > 0:
        return make(float(function.alpha))
    own: SpikeFunction = copy.deepcopy(function, memo)
    return own
