"""The oracle: the paper's equations 3-11, step by step, plain and slow, in any dtype, differentiable by autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from neurons.surrogate import Surrogate, rectangle
from neurons.variant import InputGain, Reset


def simulate(
    x: Tensor,
    *,
    leak: float | Tensor,
    threshold: float = 0.3,
    reset: Reset = "zero",
    recurrent_weight: Tensor | None = None,
    surrogate: Surrogate | None = None,
    detach_reset: bool = False,
    input_gain: InputGain = "1",
) -> tuple[Tensor, Tensor]:
    """Simulate one layer from rest, u[-1] = o[-1] = 0.

        u[t] = k * u_reset[t-1] + gain * (x[t] + V o[t-1]),    o[t] = 1 if u[t] >= u_th else 0

    where u_reset is u (1 - o) for reset "zero", u - u_th o for "subtract" and u for "none".

    x: input current [T, B, n]. leak: k, a number or [n]. recurrent_weight: V [n, n], V[i, j] from neuron j to neuron i.
    Returns the spikes and the membrane potential before reset, both [T, B, n].
    """
    spike_function = rectangle() if surrogate is None else surrogate
    gain = {"1": 1.0, "1-k": 1 - leak}[input_gain] if isinstance(input_gain, str) else input_gain
    u = torch.zeros_like(x[0])
    o = torch.zeros_like(x[0])
    spikes, potentials = [], []
    for x_t in x:
        resetting = o.detach() if detach_reset else o
        if reset == "zero":
            u = u * (1 - resetting)
        elif reset == "subtract":
            u = u - threshold * resetting
        drive = x_t if recurrent_weight is None else x_t + o @ recurrent_weight.T
        u = leak * u + gain * drive
        o = spike_function(u - threshold)
        spikes.append(o)
        potentials.append(u)
    return torch.stack(spikes), torch.stack(potentials)
