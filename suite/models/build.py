"""The network that a protocol asks for."""

from __future__ import annotations

import math

from torch import nn

from neurons import Learnable, Variant, make_neuron
from suite.datasets.base import Data
from suite.models.fc import FCNet, neuron_options
from suite.models.own import own_network
from suite.models.resnet import ResNet18
from suite.models.rnn import RecurrentNet
from suite.protocols import Protocol
from suite.variants import Baseline


def why_not(model: Variant | Baseline, protocol: Protocol) -> str | None:
    """None if the model can be built into the protocol's network, else the reason."""
    if protocol.chunk is not None and isinstance(model, Baseline):
        return f"chunk={protocol.chunk} is for fully connected spiking networks only"
    if protocol.own_network and isinstance(model, Baseline):
        return f"{model.name} replaces fully connected LIF layers, and this network is {protocol.network}"
    if protocol.network != "resnet18":
        return None
    if isinstance(model, Baseline):
        return f"{model.name} replaces fully connected LIF layers, and this network is a ResNet18"
    if model.recurrent:
        return (
            f"variant {model.name!r} is recurrent, and a convolutional ResNet18 has no recurrent connections "
            "(the paper leaves them out too); choose a variant without recurrence"
        )
    if isinstance(model.resolve_leakage(protocol.leakage), Learnable):
        return (
            f"variant {model.name!r} has a learnable leak per neuron, which the convolutional ResNet18 does not support"
        )
    return None


def build(dataset: Data, protocol: Protocol, model: Variant | Baseline, backend: str, engine: str) -> nn.Module:
    """The protocol's network for a dataset, with freshly initialised weights. Raises ValueError if the model does
    not fit it; as `own_network` for a user's own.
    """
    reason = why_not(model, protocol)
    if reason is not None:
        raise ValueError(f"{dataset.name}: {reason}")
    n_in = math.prod(dataset.input_shape)
    if protocol.own_network and isinstance(model, Variant):
        return own_network(protocol, dataset, model, backend, engine)
    if isinstance(model, Baseline):
        return RecurrentNet(n_in, protocol.hidden[-1], dataset.n_classes, model)
    if protocol.network == "fc":
        return FCNet(n_in, dataset.n_classes, protocol, model, backend, engine)

    def make() -> nn.Module:
        return make_neuron(model, None, backend=backend, engine=engine, **neuron_options(protocol))

    return ResNet18(dataset.input_shape[0], protocol.hidden[0], dataset.n_classes, make)
