// The fused LIF layer on a GPU: the algorithm of cpu.py, with one thread a column and its state in registers.
//
// Arrays are [T, M], M = B * N columns, neurons fastest; k is [N] or, with leaks = 1, [1]. Input, spikes and their
// gradients are `Stored`; the state and all arithmetic are `Real`. Compiled (with --fmad=false, so that spikes equal
// those of a step-by-step simulation) for one case at a time, which cuda.py sets:
//
//   STORAGE    0 float, 1 double, 2 half, 3 bfloat16          RESET      0 none, 1 zero, 2 subtract
//   SEGMENT    steps from one kept state to the next          COLUMNS    threads in a block, without recurrence
//   X_MOVES, O_MOVES, U_MOVES  0 if x, grad_o, grad_u is the same at every step
//   FIRE, RECORD, KEEP  1 to write the spikes, u, kept (with recurrence: spikes and u always)
//   SURROGATE  0 rectangle, 1 multi_gaussian, 2 arctan, 3 sigmoid    DETACH  1 to keep the reset out of the gradient
//   GRAD_U     1 if there is a gradient of u                  GRAD_K     1 to write that of k
//   GRAD_X     0 not written, 1 for every step, 2 summed over time
//   THREADS, PER_THREAD  recurrent: threads in a block (one sample), and neurons a thread
//   WEIGHTS_SHARED  1 to copy the recurrent weights to shared memory

#if STORAGE == 1
typedef double Real;
#else
typedef float Real;
#endif

#if STORAGE <= 1
typedef Real Stored;
const Stored ONE = 1;
__device__ inline Real load(Stored value) { return value; }
__device__ inline Stored store(Real value) { return value; }
#elif STORAGE == 2
typedef unsigned short Stored;
const Stored ONE = 0x3c00;
#ifdef __CUDA_ARCH__
__device__ inline Real load(Stored bits) {
    Real value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}
__device__ inline Stored store(Real value) {
    Stored bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#else
inline Real load(Stored bits) {
    _Float16 half;
    __builtin_memcpy(&half, &bits, 2);
    return half;
}
inline Stored store(Real value) {
    _Float16 half = value;
    Stored bits;
    __builtin_memcpy(&bits, &half, 2);
    return bits;
}
#endif
#else
typedef unsigned short Stored;
const Stored ONE = 0x3f80;
__device__ inline Real load(Stored bits) { return __uint_as_float((unsigned)bits << 16); }
__device__ inline Stored store(Real value) {  // to nearest, ties to even
    const unsigned bits = __float_as_uint(value);
    return value != value ? 0x7fc0 : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
#endif

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }
__device__ inline float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
__device__ inline double multiply_add(double a, double b, double c) { return fma(a, b, c); }

// The state after the reset. A product rather than 0: an infinite u must leave a NaN.
__device__ inline Real after_reset(Real u, Real threshold) {
    const bool spike = u >= threshold;
    if (RESET == 1) return spike ? u * 0 : u;
    if (RESET == 2) return spike ? u - threshold : u;
    return u;
}

// do/du at z = u - threshold, as in neurons.surrogate
__device__ inline Real surrogate(Real z, Real p0, Real p1, Real p2, Real p3) {
    const Real one = 1, half = 0.5;
    const Real distance = z < 0 ? -z : z;
    if (SURROGATE == 0) return distance < p0 ? half / p0 : 0;
    if (SURROGATE == 2) {
        const Real slope = Real(1.5707963267948966) * p0 * z;
        return half * p0 / (one + slope * slope);
    }
    if (SURROGATE == 3) {
        const Real e = exponential(-p0 * distance);  // s (1 - s) is even
        return p0 * e / ((one + e) * (one + e));
    }
    const Real root = Real(2.5066282746310002), wide = p3 * p0, left = z - p0, right = z + p0;
    const Real narrow_exponent = -half / (p0 * p0), wide_exponent = -half / (wide * wide);
    const Real middle = p1 * (one + p2) / (root * p0), side = p1 * p2 / (root * wide);
    return middle * exponential(narrow_exponent * z * z) -
           side * (exponential(wide_exponent * left * left) + exponential(wide_exponent * right * right));
}

// dL/du[t], but for what reaches u[t] by itself, from dL/do[t], dL/dv[t] after the reset, and h = do/du[t]
__device__ inline Real gradient(Real u, Real grad_o, Real grad_v, Real h, Real threshold) {
    if (RESET == 1 && !DETACH) grad_o -= grad_v * u;
    if (RESET == 2 && !DETACH) grad_o -= grad_v * threshold;
    return grad_o * h + (RESET == 1 && u >= threshold ? 0 : grad_v);
}

// One column's values of the steps of a segment before `stop`. All loads are issued before the first is needed.
__device__ inline void read(const Stored* __restrict__ column, bool moves, int first, int stop, int M,
                            Stored* values) {
#pragma unroll
    for (int i = 0; i < SEGMENT; i++) {
        if (first + i < stop) values[i] = column[moves ? (long long)(first + i) * M : 0];
    }
}

extern "C" __global__ void __launch_bounds__(COLUMNS)
    forward(const Stored* __restrict__ x, const Real* __restrict__ k, Real* __restrict__ v,
            Stored* __restrict__ spikes, Real* __restrict__ u, Real* __restrict__ kept, int T, int M, int leaks,
            Real threshold) {
    const unsigned column = blockIdx.x * COLUMNS + threadIdx.x;
    if (column >= M) return;
    const Real leak = k[column % leaks];
    Real state = v[column];
    x += column;
    spikes += column;
    u += column;
    kept += column;
    Stored now[SEGMENT], next[SEGMENT] = {};  // the next segment is on its way while this one is computed
    read(x, X_MOVES, 0, T, M, next);
    for (int first = 0; first < T; first += SEGMENT) {
#pragma unroll
        for (int i = 0; i < SEGMENT; i++) now[i] = next[i];
        const int coming = first + SEGMENT;
        if (coming + SEGMENT <= T) {  // whole: no load waits for a comparison
            read(x, X_MOVES, coming, coming + SEGMENT, M, next);
        } else {
            read(x, X_MOVES, coming, T, M, next);
        }
        if (KEEP) kept[(long long)(first / SEGMENT) * M] = state;
#pragma unroll
        for (int i = 0; i < SEGMENT; i++) {
            if (first + i >= T) break;
            const Real potential = leak * state + load(now[i]);
            if (FIRE) spikes[(long long)(first + i) * M] = potential >= threshold ? ONE : 0;
            if (RECORD) u[(long long)(first + i) * M] = potential;
            state = after_reset(potential, threshold);
        }
    }
    v[column] = state;
}

extern "C" __global__ void __launch_bounds__(COLUMNS)
    backward(const Stored* __restrict__ x, const Real* __restrict__ k, const Real* __restrict__ kept,
             const Stored* __restrict__ grad_o, const Real* __restrict__ grad_u, Real* __restrict__ grad_v,
             Stored* __restrict__ grad_x, Real* __restrict__ grad_k, int T, int M, int leaks, Real threshold,
             Real p0, Real p1, Real p2, Real p3) {
    const unsigned column = blockIdx.x * COLUMNS + threadIdx.x;
    if (column >= M) return;
    const Real leak = k[column % leaks];
    Real later = grad_v[column];  // dL/dv after the step at hand
    Real sum_x = 0, sum_k = 0;
    x += column;
    kept += column;
    grad_o += column;
    grad_u += column;
    grad_x += column;
    Real u[SEGMENT];
    Stored grad[SEGMENT], next_x[SEGMENT] = {}, next_grad[SEGMENT] = {};
    int first = (T - 1) / SEGMENT * SEGMENT;
    read(x, X_MOVES, first, T, M, next_x);
    read(grad_o, O_MOVES, first, T, M, next_grad);
    Real next_start = kept[(long long)(first / SEGMENT) * M];
    for (; first >= 0; first -= SEGMENT) {
        const Real start = next_start;
        Real state = start;
#pragma unroll
        for (int i = 0; i < SEGMENT; i++) {
            u[i] = leak * state + load(next_x[i]);  // past T, of 0, and not used
            state = after_reset(u[i], threshold);
            grad[i] = next_grad[i];
        }
        if (first > 0) {
            read(x, X_MOVES, first - SEGMENT, first, M, next_x);
            read(grad_o, O_MOVES, first - SEGMENT, first, M, next_grad);
            next_start = kept[(long long)(first / SEGMENT - 1) * M];
        }
#pragma unroll
        for (int i = SEGMENT - 1; i >= 0; i--) {
            if (first + i < T) {
                const Real h = surrogate(u[i] - threshold, p0, p1, p2, p3);
                Real g = gradient(u[i], load(grad[i]), later, h, threshold);
                if (GRAD_U) g += grad_u[U_MOVES ? (long long)(first + i) * M : 0];
                later = leak * g;
                if (GRAD_X == 1) grad_x[(long long)(first + i) * M] = store(g);
                if (GRAD_X == 2) sum_x += g;
                if (GRAD_K) sum_k += g * (i > 0 ? after_reset(u[i > 0 ? i - 1 : 0], threshold) : start);
            }
        }
    }
    grad_v[column] = later;
    if (GRAD_X == 2) *grad_x = store(sum_x);
    if (GRAD_K) grad_k[column] = sum_k;
}

// With recurrence, a block is one sample, and neuron threadIdx.x + i * THREADS is slot i of its thread.

// The weights, copied if they fit. Neither kernel reads them before its first barrier.
__device__ inline const Real* nearest(const Real* weight, char* memory, int N) {
    if (!WEIGHTS_SHARED) return weight;
    Real* copy = (Real*)memory;
    for (int i = threadIdx.x; i < N * N; i += THREADS) copy[i] = weight[i];
    return copy;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    forward_recurrent(const Stored* __restrict__ x, const Real* __restrict__ k, const Real* __restrict__ weight_t,
                      const Real* __restrict__ drive, Real* __restrict__ v, Stored* __restrict__ spikes,
                      Real* __restrict__ u, int T, int N, int M, int leaks, Real threshold) {
    extern __shared__ double memory[];
    const Real* weights = nearest(weight_t, (char*)memory, N);
    int* fired = (int*)((Real*)memory + (WEIGHTS_SHARED ? N * N : 0));  // the neurons that did, in order
    unsigned* masks = (unsigned*)(fired + N);                           // a bit for each neuron
    const int warps = THREADS / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int sample = blockIdx.x * N;
    Real state[PER_THREAD], leak[PER_THREAD];
    Stored next[PER_THREAD];
    int count = 0;
#pragma unroll
    for (int slot = 0; slot < PER_THREAD; slot++) {
        const int n = threadIdx.x + slot * THREADS;
        if (n >= N) break;
        state[slot] = v[sample + n];
        leak[slot] = k[leaks > 1 ? n : 0];
        next[slot] = x[sample + n];
    }
    for (int t = 0; t < T; t++) {
#pragma unroll
        for (int slot = 0; slot < PER_THREAD; slot++) {
            const int n = threadIdx.x + slot * THREADS;
            bool spike = false;
            if (n < N) {
                const long long at = (long long)t * M + sample + n;
                Real current = load(next[slot]);
                if (X_MOVES && t + 1 < T) next[slot] = x[at + M];
                if (t == 0) current += drive[sample + n];
                int r = 0;
#pragma unroll 2
                for (; r + 4 <= count; r += 4) {
                    const Real a = weights[(long long)fired[r] * N + n], b = weights[(long long)fired[r + 1] * N + n];
                    const Real c = weights[(long long)fired[r + 2] * N + n];
                    const Real d = weights[(long long)fired[r + 3] * N + n];
                    current += (a + b) + (c + d);
                }
                for (; r < count; r++) current += weights[(long long)fired[r] * N + n];
                const Real potential = leak[slot] * state[slot] + current;
                spike = potential >= threshold;
                spikes[at] = spike ? ONE : 0;
                u[at] = potential;
                state[slot] = after_reset(potential, threshold);
            }
            const unsigned mask = __ballot_sync(0xffffffff, spike);
            if (lane == 0) masks[slot * warps + warp] = mask;
        }
        __syncthreads();  // the masks are there, and nobody reads `fired` any more
        int before[PER_THREAD] = {};
        count = 0;
        for (int word = 0; word < PER_THREAD * warps; word++) {
            const int here = __popc(masks[word]);
#pragma unroll
            for (int slot = 0; slot < PER_THREAD; slot++) before[slot] += word < slot * warps + warp ? here : 0;
            count += here;
        }
#pragma unroll
        for (int slot = 0; slot < PER_THREAD; slot++) {
            const unsigned mask = masks[slot * warps + warp];
            if (mask >> lane & 1) {
                fired[before[slot] + __popc(mask & ((1u << lane) - 1))] = threadIdx.x + slot * THREADS;
            }
        }
        __syncthreads();  // `fired` is there, and nobody reads the masks any more
    }
#pragma unroll
    for (int slot = 0; slot < PER_THREAD; slot++) {
        const int n = threadIdx.x + slot * THREADS;
        if (n < N) v[sample + n] = state[slot];
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    backward_recurrent(const Real* __restrict__ u, const Real* __restrict__ k, const Real* __restrict__ weight,
                       const Real* __restrict__ v0, const Stored* __restrict__ grad_o,
                       const Real* __restrict__ grad_u, Real* __restrict__ grad_v, Stored* __restrict__ grad_x,
                       Real* __restrict__ grad_k, int T, int N, int M, int leaks, Real threshold, Real p0,
                       Real p1, Real p2, Real p3) {
    extern __shared__ double memory[];
    const Real* weights = nearest(weight, (char*)memory, N);
    Real* gradients = (Real*)memory + (WEIGHTS_SHARED ? N * N : 0);  // dL/du of two steps, [2, N]
    const int sample = blockIdx.x * N;
    Real later[PER_THREAD], sum_k[PER_THREAD], next_u[PER_THREAD], leak[PER_THREAD];
    Stored next_grad[PER_THREAD];
#pragma unroll
    for (int slot = 0; slot < PER_THREAD; slot++) {
        const int n = threadIdx.x + slot * THREADS;
        if (n >= N) break;
        const long long at = (long long)(T - 1) * M + sample + n;
        later[slot] = grad_v[sample + n];
        sum_k[slot] = 0;
        leak[slot] = k[leaks > 1 ? n : 0];
        next_u[slot] = u[at];
        next_grad[slot] = grad_o[O_MOVES ? at : sample + n];
    }
    for (int t = T - 1; t >= 0; t--) {
        const Real* after = gradients + (t + 1) % 2 * N;
        Real* here = gradients + t % 2 * N;
#pragma unroll
        for (int slot = 0; slot < PER_THREAD; slot++) {
            const int n = threadIdx.x + slot * THREADS;
            if (n >= N) break;
            const long long at = (long long)t * M + sample + n;
            const Real potential = next_u[slot];
            Real through = load(next_grad[slot]);
            if (t > 0) {
                next_u[slot] = u[at - M];
                if (O_MOVES) next_grad[slot] = grad_o[at - M];
            }
            const Real h = surrogate(potential - threshold, p0, p1, p2, p3);
            if (t + 1 < T && h != 0) {
                Real a = 0, b = 0, c = 0, d = 0;
                int r = 0;
#pragma unroll 2
                for (; r + 4 <= N; r += 4) {
                    a = multiply_add(after[r], weights[(long long)r * N + n], a);
                    b = multiply_add(after[r + 1], weights[(long long)(r + 1) * N + n], b);
                    c = multiply_add(after[r + 2], weights[(long long)(r + 2) * N + n], c);
                    d = multiply_add(after[r + 3], weights[(long long)(r + 3) * N + n], d);
                }
                for (; r < N; r++) a = multiply_add(after[r], weights[(long long)r * N + n], a);
                through += (a + b) + (c + d);
            }
            Real g = gradient(potential, through, later[slot], h, threshold);
            if (GRAD_U) g += grad_u[U_MOVES ? at : sample + n];
            later[slot] = leak[slot] * g;
            here[n] = g;
            grad_x[at] = store(g);
            if (GRAD_K) sum_k[slot] += g * (t > 0 ? after_reset(next_u[slot], threshold) : v0[sample + n]);
        }
        __syncthreads();
    }
#pragma unroll
    for (int slot = 0; slot < PER_THREAD; slot++) {
        const int n = threadIdx.x + slot * THREADS;
        if (n >= N) break;
        grad_v[sample + n] = later[slot];
        if (GRAD_K) grad_k[sample + n] = sum_k[slot];
    }
}
