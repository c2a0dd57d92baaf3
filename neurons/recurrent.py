"""The recurrent weights V of eq. 4."""

from __future__ import annotations

from torch import nn

from neurons.variant import Variant


def recurrent_weights(variant: Variant, n: int | None) -> nn.Linear | None:
    """V [n, n] without bias, orthogonal at the start, if the variant is recurrent. Raises ValueError if n is then
    unknown."""
    if not variant.recurrent:
        return None
    if n is None:
        raise ValueError(f"variant {variant.name!r} is recurrent: give the number of neurons n")
    linear = nn.Linear(n, n, bias=False)
    nn.init.orthogonal_(linear.weight)
    return linear
