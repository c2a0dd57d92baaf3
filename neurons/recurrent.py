"""The recurrent weights V of eq. 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurons.compiler import uncompiled, watched
from neurons.dtypes import state_dtype
from neurons.linear.products import times
from neurons.threads import at_most
from neurons.variant import Variant


class Recurrent(nn.Linear):
    """V o of one step's spikes o [B, n], in their dtype; on the CPU its bits do not depend on the number of threads.

    Raises TypeError for weights in float64 where the spikes are in float32, or the other way round.
    """

    @uncompiled
    def forward(self, spike: Tensor) -> Tensor:
        if state_dtype(self.weight.dtype) != spike.dtype:
            raise TypeError(
                f"recurrent_weight is {self.weight.dtype}, but the layer computes in {spike.dtype}: bring both to one "
                "dtype, as with neuron.double()"
            )
        with torch.autocast(spike.device.type, enabled=False):  # the state of a layer is never in 16 bits
            if not spike.is_cpu or watched():
                return nn.functional.linear(spike, self.weight.to(spike.dtype))
            return times(spike, self.weight.t().to(spike.dtype))


def is_plain(recurrent: nn.Module | None) -> bool:
    """Whether V is all there is to it: no other class, as a parametrisation makes of it, and no hook."""
    if recurrent is None:
        return True
    hooks = (recurrent._forward_hooks, recurrent._forward_pre_hooks, recurrent._backward_hooks)
    return type(recurrent) is Recurrent and recurrent.bias is None and not any(hooks)


def recurrent_weights(variant: Variant, n: int | None) -> Recurrent | None:
    """V [n, n] without bias, orthogonal at the start, if the variant is recurrent. Raises ValueError if n is then
    unknown."""
    if not variant.recurrent:
        return None
    if n is None:
        raise ValueError(f"variant {variant.name!r} is recurrent: give the number of neurons n")
    recurrent = Recurrent(n, n, bias=False)
    with at_most(1):  # LAPACK's QR decomposition depends on their number
        nn.init.orthogonal_(recurrent.weight)
    return recurrent
