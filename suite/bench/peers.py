"""The networks of Table 4 as each framework's users write them, with the weights of ours.

All are input - LIF layers - readout, the same sizes, threshold, loss and surrogate gradient arctan(2); the input is
dense [T, B, N], the output that of the last layer [T, B, C]. What differs from ours and between them:

- SpikingJelly: layers in multi-step mode; one constant leak for a layer, where ours has a learnable one per neuron.
  Recurrent hidden layers are LinearRecurrentContainer, which has a weight matrix for its input too. A leaky integrator
  is an LIFNode that never fires and stores its potential (its own NonSpikingLIFNode has a slower backward pass).
- snnTorch: a loop over the steps, as in its tutorials; learnable leaks are its `learn_beta`, one per neuron, without
  our sigmoid. Its reset has no gradient; recurrent weights have a bias. A leaky integrator is a Leaky without reset.
- norse: a loop over the steps, as in its examples, of LIFBoxCell and LIBoxCell; one constant leak for a layer, and its
  own surrogate gradient. Its recurrent cell holds the input weights, without bias, and its reset has no gradient.

The constructions and equations of the layers are in `suite.bench.ops`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from neurons import Learnable
from neurons.variant import Leakage
from suite.bench import ops
from suite.models.fc import FCNet
from suite.protocols import Protocol

_NEVER = 1e30


def start_leak(leakage: Leakage) -> float:
    """The leak coefficient k that every neuron starts with. Raises ValueError if it is drawn at random."""
    if isinstance(leakage, Learnable):
        low, high = leakage.init
        if low != high:
            raise ValueError(f"leaks that start in {leakage.init} differ from neuron to neuron")
        return 1 / (1 + math.exp(-low))
    assert isinstance(leakage, float)
    return leakage


def _linears(ours: FCNet, make: Callable[[int, int], nn.Module] = nn.Linear) -> list[Any]:
    """Our linear layers as the framework's."""
    found = []
    linears: Any = ours.linear
    for i, linear in enumerate(linears):
        weight = linear.weight_t.t() if i == 0 else linear.weight
        copy: Any = make(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            copy.weight.copy_(weight)
            copy.bias.copy_(linear.bias)
        found.append(copy)
    return found


def _recurrent(ours: FCNet) -> list[Tensor | None]:
    """V of each hidden layer."""
    hidden: Any = ours.hidden
    return [None if neuron.recurrent is None else neuron.recurrent.weight.detach() for neuron in hidden]


class SpikingJellyNet(nn.Module):
    """Layers over whole sequences, called one after the other."""

    def __init__(self, ours: FCNet, protocol: Protocol) -> None:
        from spikingjelly.activation_based import layer

        super().__init__()
        leak = start_leak(protocol.leakage)
        linears = _linears(ours, lambda n_in, n_out: layer.Linear(n_in, n_out, step_mode="m"))
        layers: list[nn.Module] = []
        for linear, weight in zip(linears, _recurrent(ours), strict=False):
            node = ops.spikingjelly_node(leak, protocol.threshold, "m" if weight is None else "s")
            layers += [linear, node if weight is None else ops.spikingjelly_recurrent(node, weight)]
        self.integrates = protocol.readout == "integrator"
        if self.integrates:
            readout = ops.spikingjelly_node(start_leak(protocol.readout_leak), _NEVER, store_v_seq=True)
        else:
            readout = ops.spikingjelly_node(leak, protocol.threshold)
        self.layers: Any = nn.Sequential(*layers, linears[-1], readout)

    def forward(self, x: Tensor) -> Tensor:
        from spikingjelly.activation_based import functional

        functional.reset_net(self)
        output = self.layers(x)
        found: Tensor = self.layers[-1].v_seq if self.integrates else output
        return found


class SnnTorchNet(nn.Module):
    """All layers in each step."""

    def __init__(self, ours: FCNet, protocol: Protocol) -> None:
        super().__init__()
        linears = _linears(ours)
        n_classes = len(linears[-1].bias)
        self.linear = nn.ModuleList(linears)
        self.hidden: Any = nn.ModuleList()
        for n, weight in zip(protocol.hidden, _recurrent(ours), strict=True):
            leak = _betas(protocol.leakage, n)
            if weight is None:
                self.hidden.append(ops.snntorch_node(**leak, threshold=protocol.threshold))
            else:
                self.hidden.append(ops.snntorch_recurrent(**leak, threshold=protocol.threshold, weight=weight))
        self.integrates = protocol.readout == "integrator"
        if self.integrates:
            leak = _betas(protocol.readout_leak, n_classes)
            self.readout = ops.snntorch_node(**leak, threshold=_NEVER, reset_mechanism="none")
        else:
            self.readout = ops.snntorch_node(**_betas(protocol.leakage, n_classes), threshold=protocol.threshold)

    def forward(self, x: Tensor) -> Tensor:
        states: list[Any] = [neuron.reset_mem() for neuron in self.hidden]
        states = [state if isinstance(state, tuple) else (state,) for state in states]
        mem = self.readout.reset_mem()
        output = []
        for step in range(len(x)):
            signal = x[step]
            for i, neuron in enumerate(self.hidden):
                current = self.linear[i](signal)
                signal, potential = neuron(current, *states[i])
                states[i] = (potential,) if len(states[i]) == 1 else (signal, potential)
            spikes, mem = self.readout(self.linear[-1](signal), mem)
            output.append(mem if self.integrates else spikes)
        return torch.stack(output)


def _betas(leakage: Leakage, n: int) -> dict[str, Any]:
    """A leak as snnTorch's options: trained, one per neuron, if it is learnable."""
    k = start_leak(leakage)
    return {"leak": torch.full((n,), k), "learn_beta": True} if isinstance(leakage, Learnable) else {"leak": k}


class NorseNet(nn.Module):
    """All layers in each step."""

    def __init__(self, ours: FCNet, protocol: Protocol) -> None:
        super().__init__()
        norse = ops.import_norse()
        leak = start_leak(protocol.leakage)
        cells: list[nn.Module] = []
        *linears, last = _linears(ours)
        for linear, weight in zip(linears, _recurrent(ours), strict=True):
            if weight is None:
                cells += [linear, ops.norse_box(norse, leak, protocol.threshold)]
            else:
                cells.append(ops.norse_recurrent(norse, leak, protocol.threshold, linear.weight.detach(), weight))
        self.gain = 1.0
        if protocol.readout == "integrator":
            self.gain = 1 - start_leak(protocol.readout_leak)
            readout = norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=torch.tensor(self.gain)), dt=1.0)
        else:
            readout = ops.norse_box(norse, leak, protocol.threshold)
        self.cells = norse.SequentialState(*cells, last, readout)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        output = []
        for step in range(len(x)):
            out, state = self.cells(x[step], state)
            output.append(out)
        return torch.stack(output) / self.gain
