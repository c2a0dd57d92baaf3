"""The recurrent weights V of eq. 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurons.compiler import uncompiled
from neurons.linear.products import times
from neurons.threads import at_most
from neurons.variant import Variant


class Recurrent(nn.Linear):
    """V o of one step's spikes o [B, n]; on the CPU its bits do not depend on the number of threads."""

    @uncompiled
    def forward(self, spike: Tensor) -> Tensor:
        if not spike.is_cpu or spike.dtype != self.weight.dtype or torch.is_autocast_enabled("cpu"):
            return super().forward(spike)
        return times(spike, self.weight.t())


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
