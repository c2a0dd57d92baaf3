"""Memory that is used again: never while anything still looks at it, and never more than was needed at once."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from neurons.kernels import buffers
from neurons.kernels.buffers import SLACK

LARGE = (3, 1 << 20)


@pytest.fixture(autouse=True)
def pool(monkeypatch):
    pool = buffers.Pool()
    monkeypatch.setattr(buffers, "POOL", pool)
    return pool


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [LARGE, (2, 3), (0, 5)], ids=str)
def test_it_is_an_ordinary_tensor(shape, dtype):
    tensor = buffers.empty(shape, dtype)
    assert tuple(tensor.shape) == shape
    assert tensor.dtype == dtype
    assert tensor.is_contiguous()
    assert not tensor._is_view()
    assert tensor.data_ptr() % buffers.ALIGN == 0 or shape == (0, 5)
    tensor.fill_(2.0)
    assert (tensor == 2).all()
    assert torch.equal(copy.deepcopy(tensor), tensor)


def test_memory_is_used_again_once_it_is_free():
    address = buffers.empty(LARGE, torch.float32).data_ptr()
    assert buffers.empty(LARGE, torch.float32).data_ptr() == address
    assert buffers.empty((3 << 20,), torch.float32).data_ptr() == address  # in another shape
    assert buffers.empty((2, 1 << 20), torch.float32).data_ptr() == address  # and somewhat smaller


@pytest.mark.parametrize(
    "hold",
    [
        lambda t: t,
        lambda t: t[1, 5:],
        lambda t: t.view(-1),
        lambda t: t.detach(),
        lambda t: t.numpy(),
        lambda t: torch.nn.Parameter(t),
        lambda t: (t.requires_grad_() * t).grad_fn,  # saved for backward
    ],
    ids=["itself", "slice", "view", "detached", "array", "parameter", "graph"],
)
def test_memory_is_not_used_again_while_anything_holds_it(hold):
    tensor = buffers.empty(LARGE, torch.float32).fill_(1.0)
    address = tensor.data_ptr()
    held = hold(tensor)
    del tensor
    assert buffers.empty(LARGE, torch.float32).data_ptr() != address
    del held
    assert buffers.empty(LARGE, torch.float32).data_ptr() == address


def test_it_holds_no_more_than_was_in_use_at_once(pool):
    size = (12 << 20) + buffers.ALIGN
    two = [buffers.empty(LARGE, torch.float32) for _ in range(2)]
    del two
    pool.settle()
    assert (pool.in_use, pool.peak, len(pool.free)) == (0, 2 * size, 2)
    double = buffers.empty(LARGE, torch.float64)  # neither free block is large enough; one or both must go
    assert pool.in_use + sum(block.nbytes for block in pool.free) <= SLACK * pool.peak == SLACK * 2 * size
    del double
    for n in range(3, 40):
        buffers.empty((n, 1 << 20), torch.float32)
        held = pool.in_use + sum(block.nbytes for block in pool.free)
        assert held <= SLACK * pool.peak == SLACK * max(2 * size, (n << 22) + buffers.ALIGN)


def test_a_step_that_needs_other_sizes_in_turn_allocates_once(monkeypatch):
    """As a training step does: at one time two large and two small blocks, at another three large ones."""
    fresh = []
    empty = np.empty
    monkeypatch.setattr(buffers.np, "empty", lambda *args: fresh.append(args) or empty(*args))
    for _ in range(4):
        allocated = len(fresh)
        large = [buffers.empty(LARGE, torch.float32) for _ in range(2)]
        small = [buffers.empty((1, 1 << 20), torch.float32) for _ in range(2)]
        del small
        large.append(buffers.empty(LARGE, torch.float32))
        del large
    assert len(fresh) == allocated


def test_threads_never_share_a_block():
    def work(seed):
        generator = torch.Generator().manual_seed(seed)
        for _ in range(50):
            rows = int(torch.randint(1, 4, (), generator=generator))
            tensor = buffers.empty((rows, 1 << 19), torch.float32).fill_(seed)
            again = buffers.empty((rows, 1 << 19), torch.float32).fill_(-seed)
            if not ((tensor == seed).all() and (again == -seed).all()):
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(1, 9)))


def test_a_much_larger_block_is_left_for_those_who_need_it(pool):
    buffers.empty(LARGE, torch.float64)
    small = buffers.empty((1, 1 << 20), torch.float32)
    assert pool.in_use == (4 << 20) + buffers.ALIGN
    del small
