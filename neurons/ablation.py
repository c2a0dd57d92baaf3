"""Somebody's own model with the variants as its neurons."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neurons.kernels import check_engine
from neurons.names import unknown_name
from neurons.variant import Learnable, Variant, get_variant

KNOWN = "SpikingJelly's LIFNode, IFNode and ParametricLIFNode, snnTorch's Leaky and RLeaky"

_LEAVE_IT = "leave it as it is by naming the others, ablate(model, {name: variant})"


class NotAblatable(ValueError):
    """A model, or a neuron of it, that a variant cannot take the place of; the message says which, why, what to do."""


def ablate(
    model: nn.Module,
    variant: str | Variant | Mapping[str, str | Variant],
    *,
    example: Tensor | tuple[Any, ...] | None = None,
    engine: str = "auto",
) -> nn.Module:
    """A copy of a SpikingJelly or snnTorch model in which every LIF neuron is the variant; `model` stays as it is.

    The neurons are SpikingJelly's LIFNode, IFNode and ParametricLIFNode, which become a `VariantLIFNode`, and
    snnTorch's Leaky, which becomes a `VariantLeaky`, and RLeaky, which stays one. What the variant has as "baseline"
    has it is the neuron's own: its leak (trained or not), its reset, the gain of its input, and in any case its
    threshold, surrogate gradient, detach_reset and step mode; so that "baseline" gives the same outputs and gradients,
    up to ties and rounding. If the variant sets the leak, the gain of the input stays the number that it was, 1/tau
    with decay_input. All other modules, their weights and the names in the state_dict are the model's. The copy starts
    from rest. A neuron that is used in several places stays one. Neurons without spikes (SpikingJelly's NonSpiking...)
    are left as they are.

    variant: a name in VARIANTS or a `Variant`; or by a neuron's name in the model ("conv.2") one of these, and then
    all other neurons are left as they are.
    example: an input of the model, or a tuple of its arguments. Needed if the variant is recurrent or has a learnable
    leak: a copy of the model is run on it, without gradients and in evaluation mode, to see how many neurons there are.
    Recurrence is V o[t-1] between all neurons of a layer, V [n, n], orthogonal at first and drawn from the global
    generator; so it is for layers [B, n], and not for feature maps.
    engine: of SpikingJelly's neurons in multi-step mode, "auto", "fused" or "step". snnTorch's are stepped by the
    model itself.

    Raises NotAblatable, naming the neuron: for a kind that is none of these, for what cannot be carried over (such as a
    v_reset other than 0, a trained threshold, state_quant, inhibition, graded spikes, reset_delay=False) and for a
    feature map where n is needed; and for a model without LIF neurons. ValueError for unknown names.
    """
    check_engine(engine)
    neurons = _chosen(model, variant)
    needs_n = {name for name, one in neurons.items() if one.needs_n}
    shapes = _shapes(model, neurons, needs_n, example) if needs_n else {}
    copied = _copy(model, neurons, {name: shapes.get(name) for name in neurons}, engine)
    _list(copied)
    return copied


def lif_neurons(model: nn.Module) -> dict[str, nn.Module]:
    """The LIF neurons that `ablate` knows by name, each once. Raises NotAblatable for a neuron of another kind, and if
    there is none.
    """
    found: dict[str, nn.Module] = {}
    inside: set[int] = set()  # parts of a neuron, such as an RLeaky's recurrence
    for name, module in model.named_modules():
        if id(module) in inside or not any(stock.is_neuron(module) for stock in _frameworks()):
            continue
        inside.update(map(id, module.modules()))
        if _stock(module) is None:
            raise NotAblatable(
                f"{_called(name, module)} is no LIF neuron that is known ({KNOWN}){_ours(module)}; {_LEAVE_IT}"
            )
        found[name] = module
    if not found:
        raise NotAblatable(
            f"{type(model).__name__} has no LIF neuron among its modules; known are {KNOWN}, not classes made of them"
        )
    return found


class _Place(NamedTuple):
    """A neuron of the model, the module that knows its framework, and the variant for it."""

    neuron: nn.Module
    stock: ModuleType
    variant: Variant

    @property
    def needs_n(self) -> bool:
        """Whether the variant brings parameters for each neuron; not to an RLeaky, which is recurrent by itself."""
        recurrent = self.variant.recurrent and not hasattr(self.neuron, "recurrent")
        return recurrent or isinstance(self.variant.leakage, Learnable)


class _Seen(NamedTuple):
    """What a layer of n neurons was given."""

    n: int
    like: Tensor


def _frameworks() -> list[ModuleType]:
    """Of the frameworks whose neurons a model can have, as nobody has imported the others."""
    found: list[ModuleType] = []
    if "spikingjelly.activation_based.neuron" in sys.modules:
        from neurons import stock_spikingjelly

        found.append(stock_spikingjelly)
    if "snntorch" in sys.modules:
        from neurons import stock_snntorch

        found.append(stock_snntorch)
    return found


def _stock(module: nn.Module) -> ModuleType | None:
    return next((stock for stock in _frameworks() if type(module) in stock.KINDS), None)


def _ours(module: nn.Module) -> str:
    ours = type(module).__module__.partition(".")[0] == "neurons"
    return ", but one of this package already: ablate the model that it was made of" if ours else ""


def _called(name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    return f"{name} ({kind})" if name else f"the model, a {kind},"


def _chosen(model: nn.Module, variant: str | Variant | Mapping[str, str | Variant]) -> dict[str, _Place]:
    """What takes whose place, by the neurons' names."""
    known = {name: module for name, module in model.named_modules(remove_duplicate=False) if _stock(module) is not None}
    if isinstance(variant, Mapping):
        asked = {name: get_variant(one) for name, one in variant.items()}
    else:
        asked = dict.fromkeys(lif_neurons(model), get_variant(variant))
    first_names = {id(module): name for name, module in model.named_modules()}
    places: dict[str, _Place] = {}
    for name, one in asked.items():
        if name not in known:
            raise unknown_name("LIF neuron", name, known)
        neuron = known[name]
        first, stock = first_names[id(neuron)], _stock(neuron)
        assert stock is not None
        if first in places and places[first].variant != one:
            raise ValueError(f"{first} and {name} are the same neuron, which cannot be two variants")
        reason = stock.why_not(neuron, one) or _hooked(neuron)
        if reason is not None:
            raise NotAblatable(
                f"{_called(first, neuron)} cannot be {one.name!r}: {reason}; change that, or {_LEAVE_IT}"
            )
        places[first] = _Place(neuron, stock, one)
    if not places:
        raise ValueError("no neuron is named; give at least one, or a variant for all")
    return places


def _hooked(neuron: nn.Module) -> str | None:
    hooks = (neuron._forward_hooks, neuron._forward_pre_hooks, neuron._backward_hooks, neuron._backward_pre_hooks)
    return "it has a hook, as a monitor gives one, which would be lost" if any(hooks) else None


def _copy(model: nn.Module, places: Mapping[str, _Place], seen: Mapping[str, _Seen | None], engine: str) -> nn.Module:
    """The model's copy, in which the variants stand wherever the neurons do."""
    memo: dict[int, Any] = {}
    for name, (neuron, stock, variant) in places.items():
        here = seen.get(name)
        try:
            made = stock.variant_of(neuron, variant, None if here is None else here.n, engine, memo)
        except ValueError as error:
            raise NotAblatable(f"{_called(name, neuron)} cannot be {variant.name!r}: {error}") from None
        if here is not None:
            made.to(here.like.device, here.like.dtype)
        memo[id(neuron)] = made.train(neuron.training)
    try:
        copied = copy.deepcopy(model, memo)
    except RuntimeError as error:
        raise NotAblatable(
            f"the model cannot be copied, as it holds a state: {error}. Reset it first, as with functional.reset_net"
        ) from None
    there = {id(module) for module in copied.modules()}
    for part in memo.values():
        if isinstance(part, nn.Module) and id(part) not in there and _stock(part) is not None:
            raise NotAblatable(
                f"the model holds a {type(part).__name__} that is none of its modules, as in a plain list; put it into "
                "an nn.ModuleList"
            )
    return copied


def _shapes(
    model: nn.Module, places: Mapping[str, _Place], needs_n: set[str], example: Tensor | tuple[Any, ...] | None
) -> dict[str, _Seen]:
    """What the neurons that need n are given in the example."""
    first = next(name for name in places if name in needs_n)
    wanted = places[first].variant.name
    if example is None:
        raise NotAblatable(
            f"{_called(first, places[first].neuron)}: the variant {wanted!r} has parameters for each neuron, and how "
            "many there are shows when the model runs; give an input: ablate(model, variant, example=x)"
        )
    calls: dict[str, list[Tensor]] = {name: [] for name in needs_n}
    stripped = {name: place._replace(variant=get_variant("baseline")) for name, place in places.items()}
    with torch.random.fork_rng(), torch.no_grad(), unlisted():
        probe = _copy(model, stripped, {}, "step").eval()
        modules = dict(probe.named_modules())
        for name in needs_n:
            modules[name].register_forward_pre_hook(lambda _, inputs, name=name: calls[name].append(inputs[0]))
        probe(*(example if isinstance(example, tuple) else (example,)))
    return {name: _seen(name, places[name], calls[name]) for name in places if name in needs_n}


def _seen(name: str, place: _Place, inputs: list[Tensor]) -> _Seen:
    neuron, stock, variant = place
    shapes = list(dict.fromkeys(stock.features(neuron, x) for x in inputs))
    if len(shapes) == 1 and len(shapes[0]) == 1:
        return _Seen(shapes[0][0], inputs[0])
    if not shapes:
        reason = "the example does not reach it"
    elif len(shapes) > 1:
        reason = f"it is used for layers of different shapes, {' and '.join(str(list(shape)) for shape in shapes)}"
    else:
        what = "recurrent connections between all neurons" if variant.recurrent else "a leak for each neuron"
        reason = f"its neurons lie in {list(shapes[0])}, and {what} are for a layer [n]"
    raise NotAblatable(f"{_called(name, neuron)} cannot be {variant.name!r}: {reason}; {_LEAVE_IT}")


def _instances() -> list[nn.Module]:
    """The neurons that snnTorch's utils.reset reaches: every one that was constructed."""
    snntorch = sys.modules.get("snntorch")
    return [] if snntorch is None else snntorch.SpikingNeuron.instances


@contextmanager
def unlisted() -> Iterator[None]:
    """Have snnTorch forget the neurons that are made within it."""
    before = set(map(id, _instances()))
    try:
        yield
    finally:
        instances = _instances()
        instances[:] = [one for one in instances if id(one) in before]


def _list(copied: nn.Module) -> None:
    """Have snnTorch know its neurons in a copy."""
    instances = _instances()
    known = set(map(id, instances))
    for module in copied.modules():
        if "snntorch" in sys.modules and isinstance(module, sys.modules["snntorch"].SpikingNeuron):
            instances += [] if id(module) in known else [module]
