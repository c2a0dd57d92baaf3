"""The linear layer between spiking layers is torch's, in other memory."""

import pytest
import torch
from torch import nn

from neurons.kernels.linear import SequenceLinear


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


def test_gradcheck():
    layer = SequenceLinear(3, 2, dtype=torch.float64)
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
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
