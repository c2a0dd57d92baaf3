"""Sums of the weight rows of active inputs: what a sparse input makes of a matrix product (Numba).

All in one file, as Numba's cache knows a function anew only if its own file has changed.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


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


@njit(cache=True)
def _rises(a):  # type: ignore[no-untyped-def]
    """Whether no element is less than the one before it."""
    falls = 0
    for i in range(1, len(a)):
        falls += a[i] < a[i - 1]
    return falls == 0


@njit(cache=True)
def _first_row(offset, part, parts):  # type: ignore[no-untyped-def]
    """The first row of a part, where all parts have the same number of rows and events together."""
    R = len(offset) - 1
    target = part * (offset[R] + R) // parts
    low, high = 0, R
    while low < high:
        middle = (low + high) // 2
        if offset[middle] + middle < target:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _sum_events_part(unit, offset, count, weight_t, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """`sum_events` for the rows from start to stop."""
    n_in = len(weight_t)
    for r in range(start, stop):
        first, last = offset[r], offset[r + 1]
        for e in range(first, last):
            if unit[e] < 0 or unit[e] >= n_in:
                return False
        sum_rows(bias, weight_t, unit[first:last], count[first:last], out[r])
    return True


@njit(parallel=True, cache=True)
def sum_events(unit, offset, count, weight_t, bias, parts, out):  # type: ignore[no-untyped-def]
    """Writes out [R, n_out]. count is [E], or empty if every event counts 1. False if events are out of range."""
    R = len(out)
    if offset[0] != 0 or offset[R] != len(unit) or not _rises(offset):
        return False
    good = np.empty(parts, np.bool_)
    for part in prange(parts):
        start, stop = _first_row(offset, part, parts), _first_row(offset, part + 1, parts)
        good[part] = _sum_events_part(unit, offset, count, weight_t, bias, out, start, stop)
    return np.all(good)


@njit(parallel=True, cache=True)
def scatter_events(unit, offset, count, grad, grad_weight_t, grad_bias):  # type: ignore[no-untyped-def]
    """Adds to grad_weight_t [parts, n_in, n_out] and grad_bias [parts, n_out]; their sums over parts are the
    gradients.
    """
    parts = len(grad_bias)
    for part in prange(parts):
        for r in range(_first_row(offset, part, parts), _first_row(offset, part + 1, parts)):
            first, last = offset[r], offset[r + 1]
            for i in range(len(grad_bias[part])):
                grad_bias[part, i] += grad[r, i]
            add_to_rows(grad[r], unit[first:last], count[first:last], grad_weight_t[part])


@njit(parallel=True, cache=True)
def sum_active(x, weight_t, bias, parts, out):  # type: ignore[no-untyped-def]
    """out [R, n_out] = x [R, n_in] @ weight_t + bias."""
    R, n_in = x.shape
    for part in prange(parts):
        unit, factor = np.empty(n_in + 1, np.int32), np.empty(n_in + 1, x.dtype)
        for r in range(part * R // parts, (part + 1) * R // parts):
            count = active(x[r], unit, factor)
            sum_rows(bias, weight_t, unit[:count], factor[:count], out[r])


@njit(parallel=True, cache=True)
def scatter_active(x, grad, grad_weight_t):  # type: ignore[no-untyped-def]
    """Adds to grad_weight_t [parts, n_in, n_out], whose sum over parts is the gradient."""
    R, n_in = x.shape
    parts = len(grad_weight_t)
    for part in prange(parts):
        unit, factor = np.empty(n_in + 1, np.int32), np.empty(n_in + 1, x.dtype)
        for r in range(part * R // parts, (part + 1) * R // parts):
            count = active(x[r], unit, factor)
            add_to_rows(grad[r], unit[:count], factor[:count], grad_weight_t[part])
