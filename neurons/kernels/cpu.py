"""Fused LIF kernels for the CPU: the whole sequence in one pass, forward or backward (Numba).

Arrays are time-major and two-dimensional, [T, M] with M = B * N; neurons vary fastest, so column j belongs to neuron
j % N. Without recurrence every column is on its own, and the work is split into blocks of columns that stay in the L1
cache over all of T. With recurrence a sample's neurons see each other, and the work is split by sample.

All arithmetic is plain IEEE in the input's dtype, in the order of eq. 3-11 and without fused multiply-add, so that
spikes equal those of a step-by-step simulation in the same dtype.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

RESETS = ("none", "zero", "subtract")
NONE, ZERO, SUBTRACT = range(3)
RECTANGLE, MULTI_GAUSSIAN, ARCTAN, SIGMOID = range(4)  # the order of neurons.surrogate.SURROGATE_KINDS

BLOCK = 512
_SQRT_2PI = math.sqrt(2 * math.pi)


@njit(cache=True)
def _charge_and_fire(x, k, v, u, o, threshold, reset):  # type: ignore[no-untyped-def]
    """One step of one block: u = k v + x, spikes, and v after the reset. All arguments are rows of equal length."""
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    for j in range(len(v)):
        u[j] = k[j] * v[j] + x[j]
    if reset == NONE:
        for j in range(len(v)):
            o[j] = one if u[j] >= threshold else zero
            v[j] = u[j]
    elif reset == ZERO:
        for j in range(len(v)):
            o[j] = one if u[j] >= threshold else zero
            v[j] = u[j] * (one - o[j])  # not a choice of 0 or u: an infinite u must leave a NaN
    else:
        for j in range(len(v)):
            fired = u[j] >= threshold
            o[j] = one if fired else zero
            v[j] = u[j] - threshold if fired else u[j]


@njit(parallel=True, cache=True)
def forward(x, k, v, threshold, reset, u_out, o_out):  # type: ignore[no-untyped-def]
    """x [T, M] or [1, M] (the same input at every step), k [N]; v [M] is the state after reset, updated in place.

    Writes the spikes to o_out [T, M] and the potentials before reset to u_out [T, M], or [1, M] if nobody needs them.
    """
    T, M = o_out.shape
    N = len(k)
    x_moves = 1 if x.shape[0] > 1 else 0
    u_moves = 1 if u_out.shape[0] > 1 else 0
    for block in prange((M + BLOCK - 1) // BLOCK):
        start = block * BLOCK
        stop = min(start + BLOCK, M)
        k_block = np.empty(stop - start, x.dtype)
        for j in range(start, stop):
            k_block[j - start] = k[j % N]
        v_block = v[start:stop]
        for t in range(T):
            _charge_and_fire(
                x[t * x_moves, start:stop],
                k_block,
                v_block,
                u_out[t * u_moves, start:stop],
                o_out[t, start:stop],
                threshold,
                reset,
            )


@njit(parallel=True, cache=True)
def forward_recurrent(x, k, weight_t, v, o, threshold, reset, u_out, o_out):  # type: ignore[no-untyped-def]
    """As `forward`, with weight_t[j, i] the weight from neuron j to i, k [N], and o [M] the spikes before the first
    step.

    Event-driven: only the rows of neurons that fired are added.
    """
    T, M = o_out.shape
    N = len(k)
    x_moves = 1 if x.shape[0] > 1 else 0
    u_moves = 1 if u_out.shape[0] > 1 else 0
    for b in prange(M // N):
        start = b * N
        stop = start + N
        v_row = v[start:stop]
        o_row = o[start:stop]
        drive = np.empty(N, x.dtype)
        for t in range(T):
            drive[:] = 0
            for j in range(N):
                if o_row[j] != 0:
                    weight = weight_t[j]
                    for i in range(N):
                        drive[i] += weight[i] * o_row[j]
            x_row = x[t * x_moves, start:stop]
            for i in range(N):
                drive[i] += x_row[i]
            o_row = o_out[t, start:stop]
            _charge_and_fire(drive, k, v_row, u_out[t * u_moves, start:stop], o_row, threshold, reset)


@njit(cache=True)
def _surrogate(u, threshold, kind, p, out):  # type: ignore[no-untyped-def]
    """do/du of one row of potentials; p are the surrogate's parameters, as in neurons.surrogate."""
    one = u.dtype.type(1)
    zero = u.dtype.type(0)
    half = u.dtype.type(0.5)
    if kind == RECTANGLE:
        a = p[0]
        height = half / a
        for j in range(len(u)):
            out[j] = height if abs(u[j] - threshold) < a else zero
    elif kind == ARCTAN:
        slope = u.dtype.type(math.pi / 2) * p[0]
        top = half * p[0]
        for j in range(len(u)):
            z = slope * (u[j] - threshold)
            out[j] = top / (one + z * z)
    elif kind == SIGMOID:
        alpha = p[0]
        for j in range(len(u)):
            s = one / (one + math.exp(-alpha * (u[j] - threshold)))
            out[j] = alpha * s * (one - s)
    else:
        lens, gamma, height, scale = p[0], p[1], p[2], p[3]
        wide = scale * lens
        narrow_exponent = -half / (lens * lens)
        wide_exponent = -half / (wide * wide)
        middle = gamma * (one + height) / (u.dtype.type(_SQRT_2PI) * lens)
        side = gamma * height / (u.dtype.type(_SQRT_2PI) * wide)
        for j in range(len(u)):
            z = u[j] - threshold
            left, right = z - lens, z + lens
            out[j] = middle * math.exp(narrow_exponent * z * z) - side * (
                math.exp(wide_exponent * left * left) + math.exp(wide_exponent * right * right)
            )


@njit(cache=True)
def _backward_step(u, k, g, h, grad_v, threshold, reset, detach):  # type: ignore[no-untyped-def]
    """One step of one block, backward; h is do/du[t].

    On entry g is dL/do[t] and grad_v is dL/dv[t], after the reset; on exit g is dL/du[t] and grad_v is dL/dv[t-1].
    """
    one = u.dtype.type(1)
    zero = u.dtype.type(0)
    through_reset = zero if detach else one
    if reset == NONE:
        for j in range(len(u)):
            g[j] = g[j] * h[j] + grad_v[j]
    elif reset == ZERO:
        for j in range(len(u)):
            kept = zero if u[j] >= threshold else one
            g[j] = (g[j] - through_reset * grad_v[j] * u[j]) * h[j] + grad_v[j] * kept
    else:
        for j in range(len(u)):
            g[j] = (g[j] - through_reset * grad_v[j] * threshold) * h[j] + grad_v[j]
    for j in range(len(u)):
        grad_v[j] = k[j] * g[j]


@njit(cache=True)
def _add_grad_k(u, g, grad_k, threshold, reset):  # type: ignore[no-untyped-def]
    """grad_k += g v, with v the state that u leaves after its reset and g = dL/du one step later."""
    zero = u.dtype.type(0)
    if reset == NONE:
        for j in range(len(u)):
            grad_k[j] += g[j] * u[j]
    elif reset == ZERO:
        for j in range(len(u)):
            grad_k[j] += zero if u[j] >= threshold else g[j] * u[j]
    else:
        for j in range(len(u)):
            grad_k[j] += g[j] * (u[j] - threshold if u[j] >= threshold else u[j])


@njit(parallel=True, cache=True)
def backward(  # type: ignore[no-untyped-def]
    u, k, v0, grad_o, grad_u, grad_v, threshold, reset, detach, kind, p, grad_x, grad_k
):
    """u [T, M] from `forward`, v0 [M] its initial state; grad_o [T, M] or [1, M] (the same at every step), grad_u [T,
    M] or [0, M].

    grad_v [M] holds dL/dv after the last step and is left as dL/dv0. Writes grad_x [T, M], and adds to grad_k [M]
    unless that is empty.
    """
    T, M = u.shape
    N = len(k)
    o_moves = 1 if grad_o.shape[0] > 1 else 0
    with_grad_u = grad_u.shape[0] > 0
    with_grad_k = len(grad_k) > 0
    for block in prange((M + BLOCK - 1) // BLOCK):
        start = block * BLOCK
        stop = min(start + BLOCK, M)
        size = stop - start
        k_block = np.empty(size, u.dtype)
        for j in range(start, stop):
            k_block[j - start] = k[j % N]
        h = np.empty(size, u.dtype)
        grad_v_block = grad_v[start:stop]
        for t in range(T - 1, -1, -1):
            u_row = u[t, start:stop]
            g = grad_x[t, start:stop]
            if with_grad_k and t < T - 1:
                _add_grad_k(u_row, grad_x[t + 1, start:stop], grad_k[start:stop], threshold, reset)
            _surrogate(u_row, threshold, kind, p, h)
            g[:] = grad_o[t * o_moves, start:stop]
            _backward_step(u_row, k_block, g, h, grad_v_block, threshold, reset, detach)
            if with_grad_u:
                for j in range(size):
                    g[j] += grad_u[t, start + j]
                    grad_v_block[j] = k_block[j] * g[j]
        if with_grad_k:
            for j in range(start, stop):
                grad_k[j] += grad_x[0, j] * v0[j]


@njit(parallel=True, cache=True)
def backward_recurrent(  # type: ignore[no-untyped-def]
    u, k, weight_t, v0, grad_o, grad_u, grad_v, grad_o0, threshold, reset, detach, kind, p, grad_x, grad_k
):
    """As `backward`; writes dL/do before the first step to grad_o0 [M]. The weight's gradient is a matrix product of
    grad_x and the spikes, left to the caller.

    dL/do[t] needs V^T dL/du[t+1] only where do/du[t] is not zero, which for a narrow surrogate is seldom.
    """
    T, M = u.shape
    N = len(k)
    o_moves = 1 if grad_o.shape[0] > 1 else 0
    with_grad_u = grad_u.shape[0] > 0
    with_grad_k = len(grad_k) > 0
    for b in prange(M // N):
        start = b * N
        stop = start + N
        h = np.empty(N, u.dtype)
        grad_v_row = grad_v[start:stop]
        for t in range(T - 1, -1, -1):
            u_row = u[t, start:stop]
            g = grad_x[t, start:stop]
            _surrogate(u_row, threshold, kind, p, h)
            g[:] = grad_o[t * o_moves, start:stop]
            if t < T - 1:
                later = grad_x[t + 1, start:stop]
                if with_grad_k:
                    _add_grad_k(u_row, later, grad_k[start:stop], threshold, reset)
                for j in range(N):
                    if h[j] != 0:
                        g[j] += _dot(weight_t[j], later)
            _backward_step(u_row, k, g, h, grad_v_row, threshold, reset, detach)
            if with_grad_u:
                for j in range(N):
                    g[j] += grad_u[t, start + j]
                    grad_v_row[j] = k[j] * g[j]
        first = grad_x[0, start:stop]
        for j in range(N):
            grad_o0[start + j] = _dot(weight_t[j], first)
        if with_grad_k:
            for j in range(N):
                grad_k[start + j] += first[j] * v0[start + j]


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b):  # type: ignore[no-untyped-def]
    """A dot product; the compiler may reorder it, which is what lets it use vector registers."""
    total = a.dtype.type(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total
