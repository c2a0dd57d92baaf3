"""A whole layer of one variant on the fused kernels."""

from __future__ import annotations

from torch import Tensor, nn

from neurons.kernels.autograd import constant_current, fused_lif
from neurons.surrogate import Surrogate
from neurons.variant import Variant


def fused_layer(
    variant: Variant,
    x: Tensor,
    k: float | Tensor,
    recurrent: nn.Linear | None,
    *,
    threshold: float,
    surrogate: Surrogate,
    detach_reset: bool,
    v0: Tensor | None = None,
    o0: Tensor | None = None,
    record: bool = False,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """`fused_lif` for `variant`, whose input gain becomes a factor on x and on V. Returns as `fused_lif` does."""
    weight = None if recurrent is None else recurrent.weight
    if variant.input_gain == "1-k":
        gain = 1 - k
        once = getattr(x, "constant_current", None)
        scaled = (gain * (x if once is None else once)).to(x.dtype)
        x = scaled if once is None else constant_current(scaled, len(x))
        if weight is not None:
            weight = gain * weight if isinstance(gain, float) else gain[:, None] * weight
    return fused_lif(
        x,
        k,
        threshold=threshold,
        reset=variant.reset,
        surrogate=surrogate,
        detach_reset=detach_reset,
        recurrent_weight=weight,
        v0=v0,
        o0=o0,
        record=record,
    )
