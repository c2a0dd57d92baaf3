"""Fused LIF kernels for the CPU: the whole sequence in one pass, forward or backward (Numba).

Arrays are time-major and two-dimensional, [T, M] with M = B * N; neurons vary fastest, so column j belongs to neuron
j % N. A block of columns goes through all of T, its state in the cache; blocks are wide, because memory is fast in
long runs only.

Without recurrence, backward needs no potentials from forward: it keeps the input and the state at every SEGMENT-th
step, and simulates each segment again. That is less traffic than to write u and read it. With recurrence u is kept.

All arithmetic is plain IEEE in the input's dtype, in the order of eq. 3-11 and without fused multiply-add, so that
spikes equal those of a step-by-step simulation in the same dtype.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange, types
from numba.extending import overload

from neurons.jit import njit

# Numbers and no names from elsewhere: Numba's cache would not see them change.
NONE, ZERO, SUBTRACT = range(3)  # the order of neurons.kernels.rule.RESETS
RECTANGLE, MULTI_GAUSSIAN, ARCTAN, SIGMOID = range(4)  # `code` in neurons.surrogate

SEGMENT = 16
"""Time steps from one kept state to the next: SEGMENT rows of a block's potentials stay in the L2 cache."""

_SQRT_2PI = math.sqrt(2 * math.pi)


def segments(T: int) -> int:
    """How many states `forward` keeps over T steps."""
    return -(-T // SEGMENT)


@njit()
def _reset_factors(threshold, reset):  # type: ignore[no-untyped-def]
    """(s, z) with v = (u - s o) (1 - z o) after the reset: one loop for the three kinds, and exact in each of them.

    A product rather than a choice of 0 or u: an infinite u must leave a NaN.
    """
    one = type(threshold)(1)  # a plain 1 would turn the loops to float64
    zero = type(threshold)(0)
    return threshold if reset == SUBTRACT else zero, one if reset == ZERO else zero


@njit()
def _charge(x, k, v, threshold, reset, u):  # type: ignore[no-untyped-def]
    """One step of one block: u = k v + x, and v after the reset. All arguments are rows of equal length."""
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    s, z = _reset_factors(threshold, reset)
    for j in range(len(v)):
        potential = k[j] * v[j] + x[j]
        o = one if potential >= threshold else zero
        u[j] = potential
        v[j] = (potential - s * o) * (one - z * o)


@njit()
def _charge_and_fire(x, k, v, threshold, reset, o):  # type: ignore[no-untyped-def]
    """As `_charge`, where the spikes are wanted instead of u."""
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    s, z = _reset_factors(threshold, reset)
    for j in range(len(v)):
        potential = k[j] * v[j] + x[j]
        spike = one if potential >= threshold else zero
        o[j] = spike
        v[j] = (potential - s * spike) * (one - z * spike)


@njit()
def _fire(u, threshold, o):  # type: ignore[no-untyped-def]
    one = u.dtype.type(1)
    zero = u.dtype.type(0)
    for j in range(len(o)):
        o[j] = one if u[j] >= threshold else zero


@njit()
def _tile(k, start, out):  # type: ignore[no-untyped-def]
    """The leak of the columns from `start` on."""
    n = start % len(k)
    for j in range(len(out)):
        out[j] = k[n]
        n += 1
        if n == len(k):
            n = 0


@njit()
def _forward_block(T, x, k, v, threshold, reset, o_out, u_out, v_kept, start, stop):  # type: ignore[no-untyped-def]
    """`forward` for the columns from start to stop."""
    x_moves = 1 if x.shape[0] > 1 else 0
    k_block = np.empty(stop - start, x.dtype)
    _tile(k, start, k_block)
    v_block = v[start:stop]
    for t in range(T):
        if t % SEGMENT == 0 and v_kept.shape[0] > 0:
            v_kept[t // SEGMENT, start:stop] = v_block
        x_row = x[t * x_moves, start:stop]
        if u_out.shape[0] == 0:
            _charge_and_fire(x_row, k_block, v_block, threshold, reset, o_out[t, start:stop])
            continue
        _charge(x_row, k_block, v_block, threshold, reset, u_out[t, start:stop])
        if o_out.shape[0] > 0:
            _fire(u_out[t, start:stop], threshold, o_out[t, start:stop])


@njit(parallel=True)
def forward(T, x, k, v, threshold, reset, block, o_out, u_out, v_kept):  # type: ignore[no-untyped-def]
    """x [T, M] or [1, M] (the same input at every step), k [N] or [1]; v [M] is the state after reset, updated in
    place.

    Writes the spikes to o_out [T, M] and the potentials before reset to u_out [T, M], unless one of them is [0, M]; and
    the states before steps 0, SEGMENT, 2 SEGMENT, ... to v_kept [segments(T), M], unless that is [0, M].
    """
    M = len(v)
    for i in prange((M + block - 1) // block):
        _forward_block(T, x, k, v, threshold, reset, o_out, u_out, v_kept, i * block, min((i + 1) * block, M))


@njit()
def _exp_float32(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0 to 1e-7: 2^n times a polynomial (Cephes' expf), which vectorises where a call of libm does
    not."""
    f32 = np.float32
    x = max(x, f32(-87))  # e^-87 is the smallest normal number
    n = np.int32(x * f32(1.44269504) - f32(0.5))
    f = (x - f32(n) * f32(0.693359375)) + f32(n) * f32(2.12194440e-4)
    p = f32(1.9875691500e-4)
    p = p * f + f32(1.3981999507e-3)
    p = p * f + f32(8.3334519073e-3)
    p = p * f + f32(4.1665795894e-2)
    p = p * f + f32(1.6666665459e-1)
    p = p * f + f32(5.0000001201e-1)
    p = p * f * f + f + f32(1)
    return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


def _exp(x: float) -> float:
    """exp(x) for x <= 0, in x's precision, inside a kernel."""
    raise NotImplementedError


@overload(_exp)
def _exp_in(x):  # type: ignore[no-untyped-def]
    return (lambda x: _exp_float32(x)) if x == types.float32 else (lambda x: math.exp(x))


@njit(error_model="numpy")  # a check for a division by 0 would keep the loops from vectorising
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
            e = _exp(-alpha * abs(u[j] - threshold))  # s (1 - s) is even
            out[j] = alpha * e / ((one + e) * (one + e))
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
            out[j] = middle * _exp(narrow_exponent * z * z) - side * (
                _exp(wide_exponent * left * left) + _exp(wide_exponent * right * right)
            )


@njit(error_model="numpy")
def _backward_step(  # type: ignore[no-untyped-def]
    u, k, grad_o, grad_u, grad_v, threshold, reset, detach, kind, p, h, g
):
    """One step of one block, backward: writes dL/du[t] to g, for grad_o = dL/do[t] and h = do/du[t].

    On entry grad_v is dL/dv[t], after the reset; on exit dL/dv[t-1]. grad_u is what reaches u[t] by itself, or empty.
    If the surrogate is a rectangle or arctan, h is not read: it costs less to work out than to fetch.
    """
    one = u.dtype.type(1)
    zero = u.dtype.type(0)
    s, z = _reset_factors(threshold, reset)
    keep = one - z
    if detach:
        s, z = zero, zero
    if kind == RECTANGLE:
        a = p[0]
        height = u.dtype.type(0.5) / a
        for j in range(len(u)):
            slope = height if abs(u[j] - threshold) < a else zero
            kept = keep if u[j] >= threshold else one
            g[j] = (grad_o[j] - grad_v[j] * (s + z * u[j])) * slope + grad_v[j] * kept
            grad_v[j] = k[j] * g[j]
    elif kind == ARCTAN:
        scale = u.dtype.type(math.pi / 2) * p[0]
        top = u.dtype.type(0.5) * p[0]
        for j in range(len(u)):
            x = scale * (u[j] - threshold)
            kept = keep if u[j] >= threshold else one
            g[j] = (grad_o[j] - grad_v[j] * (s + z * u[j])) * (top / (one + x * x)) + grad_v[j] * kept
            grad_v[j] = k[j] * g[j]
    else:
        for j in range(len(u)):
            kept = keep if u[j] >= threshold else one
            g[j] = (grad_o[j] - grad_v[j] * (s + z * u[j])) * h[j] + grad_v[j] * kept
            grad_v[j] = k[j] * g[j]
    for j in range(len(grad_u)):
        g[j] += grad_u[j]
        grad_v[j] = k[j] * g[j]


@njit()
def _add_grad_k(g, u_before, threshold, reset, grad_k):  # type: ignore[no-untyped-def]
    """grad_k += g v, with v the state that the potentials one step earlier left behind."""
    one = g.dtype.type(1)
    zero = g.dtype.type(0)
    s, z = _reset_factors(threshold, reset)
    for j in range(len(g)):
        o = one if u_before[j] >= threshold else zero
        grad_k[j] += g[j] * ((u_before[j] - s * o) * (one - z * o))


@njit()
def _add_product(a, b, out):  # type: ignore[no-untyped-def]
    for j in range(len(out)):
        out[j] += a[j] * b[j]


@njit()
def _backward_block(  # type: ignore[no-untyped-def]
    T, x, k, v_kept, grad_o, grad_u, grad_v, threshold, reset, detach, kind, p, grad_x, grad_k, start, stop
):
    """`backward` for the columns from start to stop."""
    x_moves = 1 if x.shape[0] > 1 else 0
    o_moves = 1 if grad_o.shape[0] > 1 else 0
    u_moves = 1 if grad_u.shape[0] > 1 else 0
    size = stop - start
    nothing = np.empty(0, x.dtype)
    k_block = np.empty(size, x.dtype)
    _tile(k, start, k_block)
    u = np.empty((SEGMENT, size), x.dtype)
    v = np.empty(size, x.dtype)
    h = np.empty(size, x.dtype)
    g = np.empty(size, x.dtype)
    total = np.zeros(size, x.dtype)
    for segment in range((T - 1) // SEGMENT, -1, -1):
        first = segment * SEGMENT
        last = min(first + SEGMENT, T) - 1
        v[:] = v_kept[segment, start:stop]
        for t in range(first, last + 1):
            _charge(x[t * x_moves, start:stop], k_block, v, threshold, reset, u[t - first])
        for t in range(last, first - 1, -1):
            if grad_x.shape[0] > 1:
                g = grad_x[t, start:stop]
            if kind != RECTANGLE and kind != ARCTAN:
                _surrogate(u[t - first], threshold, kind, p, h)
            _backward_step(
                u[t - first],
                k_block,
                grad_o[t * o_moves, start:stop],
                grad_u[t * u_moves, start:stop] if grad_u.shape[0] > 0 else nothing,
                grad_v[start:stop],
                threshold,
                reset,
                detach,
                kind,
                p,
                h,
                g,
            )
            if grad_x.shape[0] == 1:
                total += g
            if len(grad_k) > 0:
                if t > first:
                    _add_grad_k(g, u[t - 1 - first], threshold, reset, grad_k[start:stop])
                else:
                    _add_product(g, v_kept[segment, start:stop], grad_k[start:stop])
    if grad_x.shape[0] == 1:
        grad_x[0, start:stop] = total


@njit(parallel=True)
def backward(  # type: ignore[no-untyped-def]
    T, x, k, v_kept, grad_o, grad_u, grad_v, threshold, reset, detach, kind, p, block, grad_x, grad_k
):
    """x, k and v_kept as in `forward`; grad_o and grad_u [T, M] or [1, M] (the same at every step), or grad_u [0, M].

    grad_v [M] holds dL/dv after the last step and is left as dL/dv0. Writes grad_x: [T, M], or its sum over time if
    that is [1, M], or nothing if it is [0, M]. Adds to grad_k [M] unless that is empty.
    """
    M = len(grad_v)
    for i in prange((M + block - 1) // block):
        start, stop = i * block, min((i + 1) * block, M)
        _backward_block(
            T, x, k, v_kept, grad_o, grad_u, grad_v, threshold, reset, detach, kind, p, grad_x, grad_k, start, stop
        )


@njit()
def _spiking(u, threshold, rows):  # type: ignore[no-untyped-def]
    """Writes the indices where u >= threshold to rows and returns how many there are."""
    count = 0
    for j in range(len(u)):
        rows[count] = j
        count += 1 if u[j] >= threshold else 0
    return count


@njit()
def _nonzero(a, rows):  # type: ignore[no-untyped-def]
    """Writes the indices where a is not 0 to rows and returns how many there are."""
    count = 0
    for j in range(len(a)):
        rows[count] = j
        count += 1 if a[j] != 0 else 0
    return count


@njit()
def _send_spikes(weight_t, fired, count, current):  # type: ignore[no-untyped-def]
    """Adds row j of weight_t [N, N] to its sample's part of `current` for each spike of neuron j; columns
    fired[:count].

    Four spikes of a sample at a time, so that `current` is read and written less often.
    """
    N = len(weight_t)
    r = 0
    while r < count:
        start = fired[r] - fired[r] % N
        out = current[start : start + N]
        last = r
        while last < count and fired[last] < start + N:
            last += 1
        while r + 4 <= last:
            a, b = weight_t[fired[r] - start], weight_t[fired[r + 1] - start]
            c, d = weight_t[fired[r + 2] - start], weight_t[fired[r + 3] - start]
            for i in range(N):
                out[i] += (a[i] + b[i]) + (c[i] + d[i])
            r += 4
        while r < last:
            a = weight_t[fired[r] - start]
            for i in range(N):
                out[i] += a[i]
            r += 1


@njit(fastmath={"contract"})
def _add_matrix_product(g, weight, out):  # type: ignore[no-untyped-def]
    """out += g @ weight, with g and out [samples * N]; four rows of weight at a time stay in the L1 cache for all
    samples."""
    N = len(weight)
    whole = N - N % 4
    for r in range(0, whole, 4):
        a, b, c, d = weight[r], weight[r + 1], weight[r + 2], weight[r + 3]
        for start in range(0, len(g), N):
            p, q, s, t = g[start + r], g[start + r + 1], g[start + r + 2], g[start + r + 3]
            row = out[start : start + N]
            for i in range(N):
                row[i] += (p * a[i] + q * b[i]) + (s * c[i] + t * d[i])
    for r in range(whole, N):
        a = weight[r]
        for start in range(0, len(g), N):
            p = g[start + r]
            row = out[start : start + N]
            for i in range(N):
                row[i] += p * a[i]


@njit(fastmath={"reassoc", "contract"})
def _dot(a, b):  # type: ignore[no-untyped-def]
    """A dot product; the compiler may reorder it, which is what lets it use vector registers."""
    total = a.dtype.type(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit()
def _forward_recurrent_block(  # type: ignore[no-untyped-def]
    x, k, weight_t, drive, v, threshold, reset, o_out, u_out, start, stop
):
    """`forward_recurrent` for the columns from start to stop; returns the number of spikes."""
    x_moves = 1 if x.shape[0] > 1 else 0
    size = stop - start
    k_block = np.empty(size, x.dtype)
    _tile(k, start, k_block)
    fired = np.empty(size + 1, np.int32)
    current = np.empty(size, x.dtype)
    spikes = 0
    for t in range(len(o_out)):
        current[:] = x[t * x_moves, start:stop]
        if t == 0:
            current += drive[start:stop]
        else:
            count = _spiking(u_out[t - 1, start:stop], threshold, fired)
            _send_spikes(weight_t, fired, count, current)
            spikes += count
        _charge(current, k_block, v[start:stop], threshold, reset, u_out[t, start:stop])
        _fire(u_out[t, start:stop], threshold, o_out[t, start:stop])
    return spikes


@njit(parallel=True)
def forward_recurrent(x, k, weight_t, drive, v, threshold, reset, block, o_out, u_out):  # type: ignore[no-untyped-def]
    """As `forward`, with weight_t[j, i] the weight from neuron j to i, and a block some whole samples.

    drive [M] is what the spikes before the first step send. u_out is [T, M]. Event-driven: only the weights of neurons
    that fired are added, which beats a matrix product at any density (it reads one number where the product
    multiplies).
    Returns the number of spikes.
    """
    M = o_out.shape[1]
    spikes = 0
    for i in prange((M + block - 1) // block):
        start, stop = i * block, min((i + 1) * block, M)
        spikes += _forward_recurrent_block(x, k, weight_t, drive, v, threshold, reset, o_out, u_out, start, stop)
    return spikes


@njit()
def _backward_recurrent_block(  # type: ignore[no-untyped-def]
    u,
    k,
    weight,
    weight_t,
    v0,
    grad_o,
    grad_u,
    grad_v,
    threshold,
    reset,
    detach,
    kind,
    p,
    grad_x,
    grad_k,
    grad_w_t,
    start,
    stop,
):
    """`backward_recurrent` for the columns from start to stop, with grad_w_t [N, N] or [0, N]."""
    T = len(u)
    N = len(weight_t)
    o_moves = 1 if grad_o.shape[0] > 1 else 0
    u_moves = 1 if grad_u.shape[0] > 1 else 0
    size = stop - start
    nothing = np.empty(0, u.dtype)
    k_block = np.empty(size, u.dtype)
    _tile(k, start, k_block)
    h = np.empty(size, u.dtype)
    from_spikes = np.empty(size, u.dtype)
    columns = np.empty(size + 1, np.int32)
    for t in range(T - 1, -1, -1):
        u_row = u[t, start:stop]
        g = grad_x[t, start:stop]
        _surrogate(u_row, threshold, kind, p, h)
        from_spikes[:] = grad_o[t * o_moves, start:stop]
        if t < T - 1:
            later = grad_x[t + 1, start:stop]
            count = _nonzero(h, columns)
            if 3 * count < size:
                for r in range(count):
                    j = columns[r] % N
                    first = columns[r] - j
                    from_spikes[columns[r]] += _dot(weight_t[j], later[first : first + N])
            else:
                _add_matrix_product(later, weight, from_spikes)
            if len(grad_w_t) > 0:
                count = _spiking(u_row, threshold, columns)
                for r in range(count):
                    j = columns[r] % N
                    first = columns[r] - j
                    grad_w_t[j] += later[first : first + N]
        _backward_step(
            u_row,
            k_block,
            from_spikes,
            grad_u[t * u_moves, start:stop] if grad_u.shape[0] > 0 else nothing,
            grad_v[start:stop],
            threshold,
            reset,
            detach,
            kind,
            p,
            h,
            g,
        )
        if len(grad_k) > 0:
            if t > 0:
                _add_grad_k(g, u[t - 1, start:stop], threshold, reset, grad_k[start:stop])
            else:
                _add_product(g, v0[start:stop], grad_k[start:stop])


@njit(parallel=True)
def backward_recurrent(  # type: ignore[no-untyped-def]
    u,
    k,
    weight,
    weight_t,
    v0,
    grad_o,
    grad_u,
    grad_v,
    threshold,
    reset,
    detach,
    kind,
    p,
    block,
    grad_x,
    grad_k,
    grad_w_t,
):
    """As `backward`, from the potentials u [T, M]; weight[i, j] and weight_t[j, i] are the weight from neuron j to i.

    Adds to grad_w_t [parts, N, N] the gradient of weight_t from the steps after the first, or nothing if that is
    [parts, 0, N]; each part takes the same share of the blocks.

    dL/do[t] needs V^T dL/du[t+1] only where do/du[t] is not zero: one dot product for each such neuron, or, where
    they are many, a sum of rows of V.
    """
    M = u.shape[1]
    blocks = (M + block - 1) // block
    parts = len(grad_w_t)
    for part in prange(parts):
        for i in range(part * blocks // parts, (part + 1) * blocks // parts):
            start, stop = i * block, min((i + 1) * block, M)
            _backward_recurrent_block(
                u,
                k,
                weight,
                weight_t,
                v0,
                grad_o,
                grad_u,
                grad_v,
                threshold,
                reset,
                detach,
                kind,
                p,
                grad_x,
                grad_k,
                grad_w_t[part],
                start,
                stop,
            )
