"""A user's own network: a function that gives a SpikingJelly or snnTorch model, with the variants as its neurons.

    def make_model(data):  # a suite.datasets.Data: input_shape, n_classes, n_steps
        return nn.Sequential(...)  # [T, B, *data.input_shape] -> [T, B, data.n_classes], at every step

named as "module:function". The model has its framework's own neurons, and runs on that framework only. It may keep its
states or loop over time itself.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from neurons import NotAblatable, Variant, ablate
from neurons.ablation import lif_neurons, unlisted
from suite.datasets.base import Data
from suite.errors import PluginError
from suite.inputs import Input
from suite.models.fc import scale_recurrent, without_recurrence
from suite.protocols import Protocol
from suite.registry import load_plugins

STEPS, BATCH = 2, 3
"""Of the input on which a model is tried."""

_OTHERS = ("torch", "torchvision", "spikingjelly", "snntorch", "neurons", "builtins")
"""Whose source does not change without a change of version, which is recorded."""


@dataclass(frozen=True)
class About:
    """What a network is: a hash of its structure, its framework, and why no kernel computes any of its neurons, or
    None.
    """

    structure: str
    backend: str
    why_stepped: str | None


class OwnNetwork(nn.Module):
    """A user's model, at rest before and after every call.

    Called with a batch's input, returns the model's output [T, B, n_classes] and the spikes of its LIF layers but an
    output layer's, each [T, B, *], in the order in which they are called.
    """

    def __init__(self, model: nn.Module, input_shape: tuple[int, ...], hidden: list[str]) -> None:
        super().__init__()
        self.model, self.input_shape, self._hidden = model, input_shape, hidden

    @property
    def hidden(self) -> list[nn.Module]:
        """The neurons whose spikes a call returns."""
        return [self.model.get_submodule(name) for name in self._hidden]

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        dense = x if isinstance(x, Tensor) else x.dense()
        neurons = self.hidden
        try:
            with _spikes(neurons) as spikes:
                output = self.model(dense.reshape(*dense.shape[:2], *self.input_shape))
        finally:
            rest(self.model)
        pairs = zip(neurons, spikes, strict=True)
        return output, [calls[0] if takes_sequences(neuron) else torch.stack(calls) for neuron, calls in pairs]


def own_network(protocol: Protocol, data: Data, variant: Variant, backend: str, engine: str) -> OwnNetwork:
    """The protocol's network, a user's own, with the variant as its neurons. An output layer of LIF neurons (the last
    to be called, with no weights after it) is never recurrent, as in the suite's own networks.

    Raises NotAblatable for a model of which the variant cannot be made, or of another framework; ValueError for one
    that does not fit the data; PluginError if there is none.
    """
    network = protocol.network
    with unlisted():
        model = _made(network, data)
        names = list(lif_neurons(model))
        if (own := _framework(network, model)) != backend:
            raise NotAblatable(f"{network} is a model of {own}, and runs on that only (--backend {own})")
        example = torch.zeros(STEPS, BATCH, *data.input_shape)
        called, readout = _tried(network, ablate(model, "baseline", engine="step"), names, example, data)
        if variant.recurrent and names == [readout]:
            raise NotAblatable(f"the one LIF layer of {network} is its output layer, which is never recurrent")
        each = {name: without_recurrence(variant) if name == readout else variant for name in names}
        ablated = ablate(model, each, example=example, engine=engine)
    scale_recurrent(ablated, protocol)
    return OwnNetwork(ablated, data.input_shape, [name for name in called if name != readout] or called)


def about(network: str, data: Data) -> About:
    """What the network is. Takes no random numbers from others. Raises as `own_network`."""
    with unlisted(), torch.random.fork_rng():
        model = _made(network, data)
        backend, names = _framework(network, model), list(lif_neurons(model))
        ablated = ablate(model, "baseline")
    neurons: list[Any] = [ablated.get_submodule(name) for name in names]
    rules = [neuron.rule for neuron in neurons if takes_sequences(neuron)] or ["its neurons are called step by step"]
    why = rules[0] if all(isinstance(rule, str) for rule in rules) else None
    return About(_structure(network, ablated, names), backend, why)


def _made(network: str, data: Data) -> nn.Module:
    """The model, with the frameworks' own neurons."""
    load_plugins()  # the network may be in one of them
    module, _, function = network.partition(":")
    try:
        make = getattr(import_module(module), function)
        model = make(data)
    except Exception as error:
        what = f"the network {network} cannot be made: {type(error).__name__}: {error}"
        here = "; where it is a file, name that too: --plugin FILE" * isinstance(error, ModuleNotFoundError)
        raise PluginError(what + here) from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"the network {network} is a torch.nn.Module, not {model!r}")
    return model


def _framework(network: str, model: nn.Module) -> str:
    """The backend, by whose neurons the model has."""
    found = sorted({type(neuron).__module__.partition(".")[0] for neuron in lif_neurons(model).values()})
    if len(found) > 1:
        raise NotAblatable(f"{network} has neurons of {' and '.join(found)}; a network is of one framework")
    return found[0]


def _tried(
    network: str, model: nn.Module, names: list[str], example: Tensor, data: Data
) -> tuple[list[str], str | None]:
    """The neurons in the order in which the model calls them, and the one that is its output layer, if any.

    Raises ValueError if the output is not [T, B, n_classes], or a neuron is not called once a step.
    """
    calls: list[str] = []
    neurons = {name: model.get_submodule(name) for name in names}
    inside = {id(part) for neuron in neurons.values() for part in neuron.modules()}
    for name, module in model.named_modules():
        if name in neurons or (id(module) not in inside and any(True for _ in module.parameters(recurse=False))):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    with torch.no_grad(), torch.random.fork_rng():
        output = model.eval()(example)
    wanted = [STEPS, BATCH, data.n_classes]
    if not isinstance(output, Tensor) or list(output.shape) != wanted:
        found = list(output.shape) if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(
            f"the network {network} gives {found} for an input [T, B, *] = {list(example.shape)}; it must give the "
            f"outputs at every step, [T, B, classes] = {wanted}: {data.name} has {data.n_classes} classes, and the "
            "mean over time is the protocol's"
        )
    for name, neuron in neurons.items():
        once = 1 if takes_sequences(neuron) else STEPS
        if name in calls and calls.count(name) != once:
            raise ValueError(
                f"the network {network} calls its neuron {name} {calls.count(name)} times in {STEPS} steps; give each "
                "place a neuron of its own"
            )
    return [name for name in dict.fromkeys(calls) if name in neurons], calls[-1] if calls[-1] in neurons else None


def takes_sequences(neuron: nn.Module) -> bool:
    """Whether a call is of all steps."""
    return getattr(neuron, "step_mode", "s") == "m"


def rest(model: nn.Module) -> None:
    """Forget all states, as SpikingJelly's reset_net and snnTorch's utils.reset do."""
    for module in model.modules():
        for name in ("reset", "reset_mem"):
            if callable(method := getattr(module, name, None)):
                method()


@contextmanager
def _spikes(neurons: list[nn.Module]) -> Iterator[list[list[Tensor]]]:
    """What each of the neurons gives in every call within it."""
    found: list[list[Tensor]] = [[] for _ in neurons]

    def keep(calls: list[Tensor]) -> Any:
        return lambda _module, _inputs, output: calls.append(output[0] if isinstance(output, tuple) else output)

    handles = [neuron.register_forward_hook(keep(calls)) for neuron, calls in zip(neurons, found, strict=True)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _structure(network: str, model: nn.Module, names: list[str]) -> str:
    """A hash of the modules and their settings, of the shapes of the weights, and of the user's own source."""
    lines = [f"{name}: {type(module).__qualname__}({module.extra_repr()})" for name, module in model.named_modules()]
    for name in names:
        neuron: Any = model.get_submodule(name)
        variant = getattr(neuron, "variant", None)
        surrogate = getattr(neuron, "surrogate_function", None) or getattr(neuron, "spike_grad", None)
        lines += [str(variant and asdict(variant)), _said(surrogate), str(getattr(neuron, "reset_mechanism", ""))]
    lines += [f"{name}: {list(value.shape)} {value.dtype}" for name, value in model.state_dict().items()]
    module, _, function = network.partition(":")
    own = {type(part) for part in model.modules() if type(part).__module__.partition(".")[0] not in _OTHERS}
    for made in (getattr(import_module(module), function), *sorted(own, key=lambda kind: kind.__qualname__)):
        with suppress(OSError, TypeError):  # typed at a prompt
            lines.append(inspect.getsource(made))
    return "n-" + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _said(surrogate: Any) -> str:
    """A surrogate in words that are the same in every process."""
    closure = getattr(surrogate, "__closure__", None) or ()
    name = getattr(surrogate, "__qualname__", None) or str(surrogate)
    plain = type(surrogate).__qualname__ if " at 0x" in name else name
    return " ".join([plain, *(_said(cell.cell_contents) for cell in closure)])
