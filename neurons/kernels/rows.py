"""Sums of the weight rows of active inputs: what a sparse input makes of a matrix product (Numba)."""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def sum_rows(bias, weight_t, unit, factor, out):  # type: ignore[no-untyped-def]
    """out [n] = bias + the sum of factor[e] weight_t[unit[e]], with weight_t [n_in, n]; factor is empty where all are
    1.
    """
    n = len(out)
    count = len(unit)
    one = out.dtype.type(1)
    for i in range(n):
        out[i] = bias[i]
    e = 0
    while e + 4 <= count:  # four at a time, so that `out` is read and written less often
        a, b, c, d = weight_t[unit[e]], weight_t[unit[e + 1]], weight_t[unit[e + 2]], weight_t[unit[e + 3]]
        if len(factor) > 0:
            p, q, r, s = factor[e], factor[e + 1], factor[e + 2], factor[e + 3]
            for i in range(n):
                out[i] += (p * a[i] + q * b[i]) + (r * c[i] + s * d[i])
        else:
            for i in range(n):
                out[i] += (a[i] + b[i]) + (c[i] + d[i])
        e += 4
    if e + 2 <= count:
        a, b = weight_t[unit[e]], weight_t[unit[e + 1]]
        p, q = (factor[e], factor[e + 1]) if len(factor) > 0 else (one, one)
        for i in range(n):
            out[i] += p * a[i] + q * b[i]
        e += 2
    if e < count:
        a = weight_t[unit[e]]
        p = factor[e] if len(factor) > 0 else one
        for i in range(n):
            out[i] += p * a[i]


@njit(cache=True)
def add_to_rows(g, unit, factor, grad_weight_t):  # type: ignore[no-untyped-def]
    """grad_weight_t[unit[e]] += factor[e] g for each e: the gradient of `sum_rows`."""
    one = g.dtype.type(1)
    for e in range(len(unit)):
        row = grad_weight_t[unit[e]]
        p = factor[e] if len(factor) > 0 else one
        for i in range(len(g)):
            row[i] += p * g[i]


@njit(cache=True)
def active(x, unit, factor):  # type: ignore[no-untyped-def]
    """Writes the indices and the values of x that are not 0 to unit and factor [len(x) + 1]; returns how many."""
    count = 0
    for j in range(len(x)):
        unit[count] = j
        factor[count] = x[j]
        count += 1 if x[j] != 0 else 0
    return count
