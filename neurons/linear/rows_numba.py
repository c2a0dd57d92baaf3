"""Sums of the weight rows of active inputs: what a sparse input makes of a matrix product (Numba).

All in one file, as Numba's cache knows a function anew only if its own file has changed.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from neurons.jit import njit


@njit()
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


@njit()
def add(g, total):  # type: ignore[no-untyped-def]
    for i in range(len(total)):
        total[i] += g[i]


@njit()
def add_to_rows(g, unit, factor, grad_weight_t):  # type: ignore[no-untyped-def]
    """grad_weight_t[unit[e]] += factor[e] g for each e: the gradient of `sum_rows`."""
    one = g.dtype.type(1)
    for e in range(len(unit)):
        row = grad_weight_t[unit[e]]
        p = factor[e] if len(factor) > 0 else one
        for i in range(len(g)):
            row[i] += p * g[i]


@njit()
def add_to_columns(g, unit, factor, left, right, grad_weight_t):  # type: ignore[no-untyped-def]
    """As `add_to_rows`, in the columns from left to right only: a slice costs some nanoseconds an event."""
    one = g.dtype.type(1)
    g = g[left:right]
    for e in range(len(unit)):
        row = grad_weight_t[unit[e]][left:right]
        p = factor[e] if len(factor) > 0 else one
        for i in range(len(g)):
            row[i] += p * g[i]


@njit()
def active(x, unit, factor):  # type: ignore[no-untyped-def]
    """Writes the indices and the values of x that are not 0 to unit and factor [len(x) + 1]; returns how many."""
    count = 0
    for j in range(len(x)):
        unit[count] = j
        factor[count] = x[j]
        count += 1 if x[j] != 0 else 0
    return count


@njit()
def _rises(a):  # type: ignore[no-untyped-def]
    """Whether no element is less than the one before it."""
    falls = 0
    for i in range(1, len(a)):
        falls += a[i] < a[i - 1]
    return falls == 0


@njit()
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


@njit()
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


@njit(parallel=True)
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


@njit()
def _scatter_events_part(  # type: ignore[no-untyped-def]
    unit, offset, count, grad, start, stop, left, right, grad_weight_t, grad_bias
):
    """`scatter_events` for the rows from start to stop and the columns from left to right."""
    grad_weight_t[:, left:right] = 0
    bias = grad_bias[left:right]
    bias[:] = 0
    for r in range(start, stop):
        first, last = offset[r], offset[r + 1]
        add(grad[r][left:right], bias)
        if right - left == grad.shape[1]:
            add_to_rows(grad[r], unit[first:last], count[first:last], grad_weight_t)
        else:
            add_to_columns(grad[r], unit[first:last], count[first:last], left, right, grad_weight_t)


@njit(parallel=True)
def scatter_events(unit, offset, count, grad, chunks, grad_weight_t, grad_bias):  # type: ignore[no-untyped-def]
    """Writes grad_weight_t [parts, n_in, n_out] and grad_bias [parts, n_out]: the gradients of `sum_events` from each
    part of the rows.

    The columns are shared out in chunks, which no number depends on.
    """
    parts, _, n_out = grad_weight_t.shape
    for task in prange(parts * chunks):
        part, chunk = task // chunks, task % chunks
        start, stop = _first_row(offset, part, parts), _first_row(offset, part + 1, parts)
        left, right = chunk * n_out // chunks, (chunk + 1) * n_out // chunks
        _scatter_events_part(unit, offset, count, grad, start, stop, left, right, grad_weight_t[part], grad_bias[part])


@njit()
def _sum_active_part(x, weight_t, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """`sum_active` for the rows from start to stop."""
    n_in = x.shape[1]
    unit, factor = np.empty(n_in + 1, np.int32), np.empty(n_in + 1, x.dtype)
    for r in range(start, stop):
        count = active(x[r], unit, factor)
        sum_rows(bias, weight_t, unit[:count], factor[:count], out[r])


@njit(parallel=True)
def sum_active(x, weight_t, bias, parts, out):  # type: ignore[no-untyped-def]
    """out [R, n_out] = x [R, n_in] @ weight_t + bias."""
    R = len(x)
    for part in prange(parts):
        _sum_active_part(x, weight_t, bias, out, part * R // parts, (part + 1) * R // parts)


@njit()
def _scatter_active_part(x, grad, start, stop, left, right, grad_weight_t, grad_bias):  # type: ignore[no-untyped-def]
    """`scatter_active` for the rows from start to stop and the columns from left to right."""
    n_in = x.shape[1]
    unit, factor = np.empty(n_in + 1, np.int32), np.empty(n_in + 1, x.dtype)
    grad_weight_t[:, left:right] = 0
    bias = grad_bias[left:right]
    bias[:] = 0
    for r in range(start, stop):
        count = active(x[r], unit, factor)
        add(grad[r][left:right], bias)
        if right - left == grad.shape[1]:
            add_to_rows(grad[r], unit[:count], factor[:count], grad_weight_t)
        else:
            add_to_columns(grad[r], unit[:count], factor[:count], left, right, grad_weight_t)


@njit(parallel=True)
def scatter_active(x, grad, chunks, grad_weight_t, grad_bias):  # type: ignore[no-untyped-def]
    """As `scatter_events`, for `sum_active`; each part has the same number of rows."""
    R = len(x)
    parts, _, n_out = grad_weight_t.shape
    for task in prange(parts * chunks):
        part, chunk = task // chunks, task % chunks
        left, right = chunk * n_out // chunks, (chunk + 1) * n_out // chunks
        start, stop = part * R // parts, (part + 1) * R // parts
        _scatter_active_part(x, grad, start, stop, left, right, grad_weight_t[part], grad_bias[part])


@njit(parallel=True)
def sum_parts(each, shares, out):  # type: ignore[no-untyped-def]
    """out [n_in, n_out] = the sum of each [parts, n_in, n_out] over its parts, in their order."""
    parts, n_in, n_out = each.shape
    for share in prange(shares):
        for j in range(share * n_in // shares, (share + 1) * n_in // shares):
            row = out[j]
            row[:] = each[0, j]
            for part in range(1, parts):
                other = each[part, j]
                for i in range(n_out):
                    row[i] += other[i]
