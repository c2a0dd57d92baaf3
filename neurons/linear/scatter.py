"""The gradient of a sum of weight rows, in parts that each add up some of the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neurons.kernels import buffers
from neurons.linear.rows_numba import sum_parts
from neurons.threads import use_threads

PARTS = 8
"""The most; threads beyond take other columns."""

WORTH = 12
"""Events an input from which on one more part costs less to add up than it saves."""

LARGE = 3 << 20
"""Elements of all parts together beyond which threads share the columns."""


def summed(
    scatter: Callable[..., None], inputs: tuple[Any, ...], grad: Tensor, n_in: int, events: int
) -> tuple[Tensor, Tensor]:
    """The gradients of weight_t [n_in, n_out] and of the bias [n_out] that `scatter` finds from `inputs` and
    grad [R, n_out].

    The parts depend on the shapes alone, and the chunks of columns, which may depend on the number of threads, change
    no sum: so the bits are the same on any number of threads.
    """
    n_out = grad.shape[1]
    parts = max(1, min(PARTS, events // (WORTH * n_in), LARGE // (n_in * n_out)))
    threads = use_threads(grad.numel() + events * n_out)
    each = buffers.empty((parts, n_in, n_out), grad.dtype)
    bias = torch.empty((parts, n_out), dtype=grad.dtype)
    scatter(*inputs, grad.numpy(), min(-(-threads // parts), n_out), each.numpy(), bias.numpy())
    if parts == 1:
        return each[0], bias[0]
    total = buffers.empty((n_in, n_out), grad.dtype)
    sum_parts(each.numpy(), threads, total.numpy())
    return total, bias.sum(0)
