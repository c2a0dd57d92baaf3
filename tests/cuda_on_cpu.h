// Runs lif.cu on the CPU: CUDA's words for g++, and a launch that takes its arguments as cuLaunchKernel does.
//
// The threads of a block are fibers. One runs until it meets a barrier, then the next; all must meet the same one.
// FIBERS_BACKWARD runs them in the other order: a missing barrier then changes the result.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__
#define __launch_bounds__(n)

struct Index {
    unsigned x;
};
static Index blockIdx, threadIdx;
alignas(16) double memory[(48 << 10) / sizeof(double)];

static inline float __uint_as_float(unsigned bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
static inline unsigned __float_as_uint(float value) {
    unsigned bits;
    memcpy(&bits, &value, 4);
    return bits;
}
static inline int __popc(unsigned bits) { return __builtin_popcount(bits); }

struct Block {
    std::vector<ucontext_t> fibers;
    std::vector<std::vector<char>> stacks;
    std::vector<char> votes;
    std::vector<int> met;  // the line of the barrier where each fiber waits; 0: it has ended
    ucontext_t scheduler;
    void (*body)(void*);
    void* argument;
    int at;
};
static Block block;

static void barrier(int line) {
    const int me = block.at;
    block.met[me] = line;
    swapcontext(&block.fibers[me], &block.scheduler);
    threadIdx.x = block.at = me;
}
#define __syncthreads() barrier(__LINE__)

static unsigned ballot(bool vote, int line) {
    block.votes[block.at] = vote;
    barrier(line);
    unsigned mask = 0;
    for (int lane = 0; lane < 32; lane++) mask |= (unsigned)block.votes[block.at / 32 * 32 + lane] << lane;
    barrier(-line);
    return mask;
}
#define __ballot_sync(lanes, vote) ballot(vote, __LINE__)

static void fiber() {
    block.body(block.argument);
    block.met[block.at] = 0;
}

static void run_block(int threads, bool backward) {
    block.fibers.resize(threads);
    block.stacks.resize(threads);
    block.votes.assign(threads, 0);
    block.met.assign(threads, 0);
    for (int i = 0; i < threads; i++) {
        block.stacks[i].resize(64 << 10);
        getcontext(&block.fibers[i]);
        block.fibers[i].uc_stack.ss_sp = block.stacks[i].data();
        block.fibers[i].uc_stack.ss_size = block.stacks[i].size();
        block.fibers[i].uc_link = &block.scheduler;
        makecontext(&block.fibers[i], fiber, 0);
    }
    do {
        for (int i = 0; i < threads; i++) {
            threadIdx.x = block.at = backward ? threads - 1 - i : i;
            swapcontext(&block.scheduler, &block.fibers[block.at]);
        }
        for (int i = 1; i < threads; i++) {
            if (block.met[i] != block.met[0]) {
                fprintf(stderr, "threads 0 and %d wait at different barriers\n", i);
                abort();
            }
        }
    } while (block.met[0] != 0);
}

template <class T>
struct Code;
template <class T>
struct Code<T*> {
    static const char value = 'P';
};
template <>
struct Code<int> {
    static const char value = 'i';
};
template <>
struct Code<long long> {
    static const char value = 'q';
};
template <>
struct Code<float> {
    static const char value = 'f';
};
template <>
struct Code<double> {
    static const char value = 'd';
};

template <class... A, size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*(A*)arguments[I]...);
}

// Returns null once the kernel has run, or what is wrong: the codes of its parameters if `codes` are others.
template <class... A>
static const char* launch_kernel(void (*kernel)(A...), const char* codes, int blocks, int threads, int shared,
                                 bool backward, void** arguments) {
    static const char expected[] = {Code<A>::value..., 0};
    if (strcmp(codes, expected)) return expected;
    struct Call {
        void (*kernel)(A...);
        void** arguments;
    } once{kernel, arguments};
    block.argument = &once;
    block.body = [](void* argument) {
        Call* c = (Call*)argument;
        call(c->kernel, c->arguments, std::index_sequence_for<A...>{});
    };
    for (int b = 0; b < blocks; b++) {
        blockIdx.x = b;
        if (shared) {
            memset(memory, 0xff, sizeof memory);  // NaN: what nobody wrote must not be read
            run_block(threads, backward);
            for (size_t i = shared; i < sizeof memory; i++) {
                if (((unsigned char*)memory)[i] != 0xff) return "written past its shared memory";
            }
        } else {
            for (int i = 0; i < threads; i++) {
                threadIdx.x = i;
                block.body(&once);
            }
        }
    }
    return nullptr;
}

// The macros that cuda.py sets for each case are variables here, so that one library serves all cases.
static int RESET, X_MOVES, O_MOVES, U_MOVES, FIRE, RECORD, KEEP, SURROGATE, DETACH, GRAD_U, GRAD_K, GRAD_X, WEIGHTS_SHARED;
static int THREADS, PER_THREAD;

static const struct {
    const char* name;
    int* value;
} MACROS[] = {
#define MACRO(name) {#name, &name}
    MACRO(RESET),  MACRO(X_MOVES), MACRO(O_MOVES), MACRO(RECORD),         MACRO(KEEP),    MACRO(SURROGATE), MACRO(DETACH),
    MACRO(U_MOVES), MACRO(FIRE), MACRO(GRAD_U), MACRO(GRAD_K),  MACRO(GRAD_X),  MACRO(WEIGHTS_SHARED), MACRO(THREADS), MACRO(PER_THREAD),
};

extern "C" int define(const char* name, int value) {
    for (auto& macro : MACROS) {
        if (strcmp(macro.name, name) == 0) {
            *macro.value = value;
            return 1;
        }
    }
    return 0;
}

#include LIF_CU

// shared: bytes of shared memory, which only the kernels with barriers use.
extern "C" const char* launch(const char* name, const char* codes, int blocks, int threads, int shared,
                              int backward_order, void** arguments) {
#define KERNEL(kernel) \
    if (strcmp(name, #kernel) == 0) \
        return launch_kernel(kernel, codes, blocks, threads, shared, backward_order, arguments);
    KERNEL(forward)
    KERNEL(backward)
    KERNEL(forward_recurrent)
    KERNEL(backward_recurrent)
    return "no such kernel";
}
