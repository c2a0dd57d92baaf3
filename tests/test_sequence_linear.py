"""The linear layer between spiking layers is torch's, in other memory."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from neurons.linear import SequenceLinear, sequence


def pair(n_in, n_out, dtype=torch.float64, **options):
    ours = SequenceLinear(n_in, n_out, dtype=dtype, **options)
    theirs = nn.Linear(n_in, n_out, dtype=dtype, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (501, 7, 4), (2000, 33, 10)], ids=str)
@pytest.mark.parametrize("n_out", [1, 6])
def test_equals_torch(shape, n_out):
    """With few rows, and with so many that the weight's gradient is split, evenly or not."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    results = []
    for layer in pair(shape[-1], n_out):
        x_i = x.clone().requires_grad_()
        out = layer(x_i)
        (out**2).sum().backward()
        results.append((out, x_i.grad, layer.weight.grad, layer.bias.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("density", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("shape", [(1, 1, 40), (13, 3, 50), (100, 30, 40)], ids=str)
def test_sparse_and_dense_inputs_equal_torch(shape, density):
    """Wide enough for sums of rows; the values are not only 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    n_out = sequence.WIDE
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x * (torch.rand(shape, generator=generator) < density)
    assert (sequence._density(x.flatten(0, -2)) <= sequence.SPARSE) == (density < 0.5)
    grad = torch.randn(*shape[:-1], n_out, generator=generator, dtype=torch.float64)
    results = []
    for layer in pair(shape[-1], n_out):
        x_i = x.clone().requires_grad_()
        out = layer(x_i)
        out.backward(grad)
        results.append((out, x_i.grad, layer.weight.grad, layer.bias.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("n_out", [2, sequence.WIDE])
def test_gradcheck(n_out):
    layer = SequenceLinear(9, n_out, dtype=torch.float64)
    x = torch.zeros(4, 2, 9, dtype=torch.float64)
    x[:, 1, 3] = 1.5
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: layer(x), (x, layer.weight, layer.bias))


def test_an_input_without_gradient_and_one_that_is_not_contiguous():
    ours, theirs = pair(4, 3)
    x = torch.randn(5, 4, 2, dtype=torch.float64).mT
    ours(x).sum().backward()
    theirs(x).sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_without_bias_and_in_another_dtype_it_is_torch_s():
    ours, theirs = pair(4, 3, dtype=torch.float32, bias=False)
    x = torch.randn(5, 2, 4)
    assert torch.equal(ours(x), theirs(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(x).dtype == torch.bfloat16


@pytest.mark.parametrize("n_out", [4, sequence.WIDE])
def test_second_derivatives_are_torchs(n_out):
    """A gradient penalty whose incoming gradient is a constant: once-differentiable functions give a silent 0 there."""
    x = torch.randn(6, 3, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x * (x > 1.2)  # sparse
    found = []
    for layer in pair(20, n_out):
        x_i = x.clone().requires_grad_()
        y = layer(x_i)
        (g,) = torch.autograd.grad(y.sum() + (y**2).sum(), x_i, create_graph=True)
        (g**2).sum().backward()
        assert layer.weight.grad.norm() > 0
        found.append((g.detach(), x_i.grad, layer.weight.grad, layer.bias.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_counter_of_operations_sees_them():
    ours, theirs = pair(20, 40, torch.float32)
    x = (torch.rand(6, 3, 20, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    counts = []
    for layer in (ours, theirs):
        with FlopCounterMode(display=False) as counter:
            layer(x).sum().backward()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0
    batched = torch.func.vmap(ours)(x)
    torch.testing.assert_close(batched, theirs(x))
