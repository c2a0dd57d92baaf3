"""The frameworks' own neurons, and others' that are told apart from them, as functions of a current.

Each takes x [T, B, n] and gives spikes of that shape, from rest, differentiable. Unless an option says otherwise, the
leak is 0.9, the threshold 1 and the surrogate ATan(2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import snntorch
import torch
from snntorch import surrogate as snn_surrogate
from spikingjelly.activation_based import neuron as sj_neuron
from spikingjelly.activation_based import surrogate as sj_surrogate
from torch import Tensor, nn

from suite.bench.ops import import_norse
from suite.bench.ops import norse_box as norse_lif_box

BETA = 0.9

Spikes = Callable[[Tensor], Tensor]


def spikingjelly(x: Tensor, beta: float = BETA, **options: Any) -> Tensor:
    """SpikingJelly's LIFNode; tau is the one that leaves beta of the potential."""
    options = {"surrogate_function": sj_surrogate.ATan(2.0), "decay_input": False, **options}
    spikes: Tensor = sj_neuron.LIFNode(tau=1 / (1 - beta) if beta < 1 else float("inf"), step_mode="m", **options)(x)
    return spikes


def leaky(x: Tensor, beta: float = BETA, reset_mechanism: str = "zero", **options: Any) -> Tensor:
    """snnTorch's Leaky."""
    options = {"spike_grad": snn_surrogate.atan(2.0), **options}
    own = snntorch.Leaky(beta=beta, reset_mechanism=reset_mechanism, **options)
    mem = torch.zeros_like(x[0])
    spikes = []
    for x_t in x.unbind(0):
        spike, mem = own(x_t, mem)
        spikes.append(spike)
    return torch.stack(spikes)


def recurrent_leaky(x: Tensor, reset_mechanism: str = "zero") -> Tensor:
    """snnTorch's RLeaky with V = 0."""
    n = x.shape[2]
    own = snntorch.RLeaky(
        beta=BETA, linear_features=n, reset_mechanism=reset_mechanism, spike_grad=snn_surrogate.atan(2.0)
    )
    nn.init.zeros_(own.recurrent.weight)
    nn.init.zeros_(own.recurrent.bias)
    spike = mem = torch.zeros_like(x[0])
    spikes = []
    for x_t in x.unbind(0):
        spike, mem = own(x_t, spike, mem)
        spikes.append(spike)
    return torch.stack(spikes)


def state_leaky(x: Tensor, beta: float = BETA) -> Tensor:
    """snnTorch's StateLeaky, which has no reset."""
    own = snntorch.StateLeaky(beta=beta, channels=x.shape[2], spike_grad=snn_surrogate.atan(2.0))
    spikes: Tensor = own(x)[0]
    return spikes


def parallel_leaky(x: Tensor) -> Tensor:
    """snnTorch's LeakyParallel, which has no reset, with the input taken as it is."""
    n = x.shape[2]
    own = snntorch.LeakyParallel(input_size=n, hidden_size=n, beta=BETA, bias=False, spike_grad=snn_surrogate.atan(2.0))
    with torch.no_grad():
        own.rnn.weight_ih_l0.copy_(torch.eye(n))
    spikes: Tensor = own(x)
    return spikes


def late_soft_reset(x: Tensor) -> Tensor:
    """As DH-SNN's code has it: u[t] = k u[t-1] + x[t] - u_th o[t-1], the threshold not multiplied by k."""
    spike = sj_surrogate.ATan(2.0)
    u = o = torch.zeros_like(x[0])
    spikes = []
    for x_t in x.unbind(0):
        u = BETA * u + x_t - o
        o = spike(u - 1)
        spikes.append(o)
    return torch.stack(spikes)


def norse_box(x: Tensor, beta: float = BETA) -> Tensor:
    """norse's LIFBoxCell, scaled so that it is u[t] = beta u[t-1] + x[t] too; its surrogate is its own."""
    cell = norse_lif_box(import_norse(), beta, 1.0)
    state = None
    spikes = []
    for x_t in x.unbind(0):
        spike, state = cell(x_t, state)
        spikes.append(spike)
    return torch.stack(spikes)


@contextmanager
def instances_restored() -> Iterator[None]:
    """Forget the neurons that snnTorch would keep alive, as their number is nothing that a check should change."""
    before = list(snntorch.SpikingNeuron.instances)
    try:
        yield
    finally:
        snntorch.SpikingNeuron.instances[:] = before
