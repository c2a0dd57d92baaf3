"""The first layer on events equals the same layer on the dense input, forward and backward."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.linear import event_linear
from neurons.threads import SERIAL


def events(R, n_in, per_row, *, counted, seed=0):
    """Rows with 0 to 2 per_row events each, some inputs several times."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 2 * per_row + 1, R)
    offset = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)]))
    unit = torch.from_numpy(rng.integers(0, n_in, int(offset[-1])))
    count = torch.from_numpy(rng.integers(1, 5, len(unit))).to(torch.float32) if counted else None
    return unit, offset, count


def dense(unit, offset, count, n_in, dtype):
    """[R, n_in], the input that the events stand for."""
    x = torch.zeros(len(offset) - 1, n_in, dtype=dtype)
    for r in range(len(x)):
        for e in range(int(offset[r]), int(offset[r + 1])):
            x[r, unit[e]] += 1 if count is None else count[e]
    return x


def parameters(n_in, n_out, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    weight_t = torch.randn(n_in, n_out, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    bias = torch.randn(n_out, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    return weight_t, bias


def assert_equals_dense(R, n_in, n_out, per_row, counted, dtype, seed=0):
    given_events = events(R, n_in, per_row, counted=counted, seed=seed)
    weight_t, bias = parameters(n_in, n_out, dtype)
    out = event_linear(*given_events, weight_t, bias)
    expected = dense(*given_events, n_in, dtype) @ weight_t + bias
    grad = torch.randn(R, n_out, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(out, expected, rtol=tolerance, atol=tolerance)
    gradients = torch.autograd.grad(out, (weight_t, bias), grad)
    for gradient, other in zip(gradients, torch.autograd.grad(expected, (weight_t, bias), grad), strict=True):
        torch.testing.assert_close(gradient, other, rtol=tolerance, atol=tolerance * R)


@settings(deadline=None, max_examples=40)
@given(
    R=st.integers(1, 40),
    n_in=st.integers(1, 30),
    n_out=st.integers(1, 20),
    per_row=st.integers(0, 8),
    counted=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 1000),
)
def test_equals_the_dense_layer(R, n_in, n_out, per_row, counted, dtype, seed):
    assert_equals_dense(R, n_in, n_out, per_row, counted, dtype, seed)


@pytest.mark.parametrize("counted", [False, True])
def test_on_several_threads(counted):
    """More elements than one thread gets by itself."""
    assert SERIAL < 600 * 128
    assert_equals_dense(600, 50, 128, 6, counted, torch.float64)


def test_equals_embedding_bag():
    """Which is what other devices and dtypes run."""
    unit, offset, count = events(50, 9, 5, counted=True)
    weight_t, bias = parameters(9, 6, torch.float32)
    on_bfloat16 = event_linear(unit, offset, count.bfloat16(), weight_t.bfloat16(), bias.bfloat16())
    torch.testing.assert_close(
        on_bfloat16.float(), event_linear(unit, offset, count, weight_t, bias), rtol=0.1, atol=0.5
    )


def test_gradcheck():
    unit, offset, count = events(12, 7, 3, counted=True)
    assert torch.autograd.gradcheck(lambda w, b: event_linear(unit, offset, count, w, b), parameters(7, 4))


@pytest.mark.parametrize(
    ("unit", "offset"),
    [
        ([0, 7], [0, 1, 2]),
        ([0, -1], [0, 1, 2]),
        ([0, 1], [0, 2, 1]),
        ([0, 1], [1, 1, 2]),
        ([0, 1], [0, 5, 2]),
        ([0, 1], [0, -5, 2]),
    ],
    ids=["unit too large", "unit negative", "end", "start", "offset too large", "offset negative"],
)
def test_events_out_of_range_are_refused(unit, offset):
    weight_t, bias = parameters(7, 4)
    with pytest.raises(ValueError, match="from 0 to 6, and offsets rise from 0 to 2"):
        event_linear(torch.tensor(unit), torch.tensor(offset), None, weight_t, bias)


def test_no_events_at_all():
    weight_t, bias = parameters(3, 2)
    out = event_linear(torch.zeros(0, dtype=torch.int64), torch.zeros(5, dtype=torch.int64), None, weight_t, bias)
    assert torch.equal(out, bias.expand(4, 2))
    out.sum().backward()
    assert not weight_t.grad.any()
    assert torch.equal(bias.grad, torch.full((2,), 4.0, dtype=torch.float64))


@pytest.mark.parametrize("changed", ["unit", "offset", "count"])
def test_events_that_are_changed_before_the_backward_pass_are_noticed(changed):
    """The next batch in the same buffers: a wrong gradient, and for offsets a write out of bounds."""
    weight_t, bias = parameters(5, 3)
    events = {
        "unit": torch.tensor([0, 4, 2]),
        "offset": torch.tensor([0, 1, 3]),
        "count": torch.ones(3, dtype=torch.float64),
    }
    out = event_linear(*events.values(), weight_t, bias)
    events[changed].mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("counted", [False, True])
def test_second_derivatives_are_those_of_the_dense_layer(counted):
    given_events = events(12, 7, 3, counted=counted)
    found = []
    for run in (
        lambda weight_t, bias: event_linear(*given_events, weight_t, bias),
        lambda weight_t, bias: dense(*given_events, 7, torch.float64) @ weight_t + bias,
    ):
        leaves = parameters(7, 5)
        y = run(*leaves)
        gradients = torch.autograd.grad(y.sum() + (y**3).sum(), leaves, create_graph=True)
        sum((g**2).sum() for g in gradients).backward()
        assert leaves[0].grad.norm() > 0
        found.append((*(g.detach() for g in gradients), *(leaf.grad for leaf in leaves)))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
