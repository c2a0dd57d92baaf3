"""Matrix products whose bits do not depend on the number of threads.

BLAS shares out a product as it sees fit: the inner dimension of one with few results, which are then sums in another
order; or the columns, so that other ones fall to its code for the remainder, which rounds otherwise. Here a product is
cut into BLOCKS smaller ones, whatever the number of threads, each of which one thread works out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neurons.threads import at_most

BLOCKS = 16

MOST_THREADS = 2 * BLOCKS - 1
"""With more, MKL lets two threads share a block."""

SMALL = 1 << 22
"""Multiplications that one thread does sooner than several agree on their blocks."""


def product(a: Tensor, b: Tensor, bias: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """a b (+ bias), [n, m], of a [n, r], b [r, m] and bias [m]; the blocks are rows of a."""
    n, r, m = *a.shape, b.shape[1]
    result = a.new_empty((n, m)) if out is None else out
    whole = n - n % BLOCKS if a.is_cpu and n * r * m > SMALL else 0
    beta = 0 if bias is None else 1
    bias = a.new_zeros(()) if bias is None else bias
    if whole > 0:
        blocks, into = a[:whole].unflatten(0, (BLOCKS, -1)), result[:whole].view(BLOCKS, -1, m)
        with at_most(MOST_THREADS):
            torch.baddbmm(bias, blocks, b.expand(BLOCKS, r, m), beta=beta, out=into)
    if whole < n:
        with at_most(1):
            torch.addmm(bias, a[whole:], b, beta=beta, out=result[whole:])
    return result


def product_over_rows(a: Tensor, b: Tensor) -> Tensor:
    """a^T b, [n, m], of a [R, n] and b [R, m]; the blocks are of R if that is long, so that adding up costs little."""
    R, n, m = *a.shape, b.shape[1]
    if not a.is_cpu or BLOCKS * n * m > R * (n + m):
        return product(a.t(), b)
    whole = R - R % BLOCKS
    with at_most(MOST_THREADS):
        total = torch.bmm(a[:whole].view(BLOCKS, -1, n).mT, b[:whole].view(BLOCKS, -1, m)).sum(0)
    if whole < R:
        with at_most(1):
            total.addmm_(a[whole:].t(), b[whole:])
    return total


def sum_over_rows(a: Tensor) -> Tensor:
    """The sums [n] of a [R, n] over its rows; on the CPU by blocks, so that threads share a small n too."""
    whole = len(a) - len(a) % BLOCKS if a.is_cpu else 0
    rest = a[whole:].sum(0)
    return rest if whole == 0 else a[:whole].view(BLOCKS, -1, a.shape[1]).sum(1).sum(0) + rest


class _Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        if b.shape[1] > len(a):  # larger blocks, which pay for the copy
            return product(b.t(), a.t()).t().contiguous()
        return product(a, b)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        of_a, of_b = ctx.needs_input_grad
        return times(grads[0], b.t()) if of_a else None, times(a.t(), grads[0]) if of_b else None


def times(a: Tensor, b: Tensor) -> Tensor:
    """a b of matrices, as often differentiable as one likes."""
    result: Tensor = _Times.apply(a, b)
    return result
