"""Surrogate gradients: values worked out by hand, and the frameworks' own."""

import math

import pytest
import snntorch.surrogate
import torch
from spikingjelly.activation_based import surrogate as spikingjelly_surrogate

from neurons import SURROGATES, Surrogate, arctan, multi_gaussian, rectangle, sigmoid
from neurons.kernels import lif_numba
from neurons.surrogate import Arctan, MultiGaussian, Rectangle, Sigmoid, get_surrogate


def gradient(function, x):
    x = x.clone().requires_grad_()
    function(x).sum().backward()
    return x.grad


GRID = torch.linspace(-2, 2, 41, dtype=torch.float64)


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_is_the_heaviside_step_with_a_tie_firing(surrogate, dtype):
    x = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 2.0], dtype=dtype)
    spikes = surrogate(x)
    assert spikes.tolist() == [0, 0, 1, 1, 1]
    assert spikes.dtype == dtype


@pytest.mark.parametrize(
    ("surrogate", "x", "expected"),
    [
        (rectangle(0.25), [-0.25, -0.2, 0.0, 0.2, 0.25, 0.3], [0, 2, 2, 2, 0, 0]),
        (rectangle(0.5), [-0.5, -0.4, 0.0, 0.4, 0.5], [0, 1, 1, 1, 0]),
        (arctan(2.0), [0.0, 1 / math.pi, -1 / math.pi, 3 / math.pi], [1, 0.5, 0.5, 0.1]),
        (sigmoid(4.0), [0.0, math.log(3) / 4, -math.log(3) / 4], [1, 0.75, 0.75]),
        # lens = gamma = 1, height = 0.5, scale = 2: 1.5 N(x; 0, 1) - 0.5 (N(x; 1, 2) + N(x; -1, 2))
        (
            multi_gaussian(1.0, 1.0, 0.5, 2.0),
            [0.0, 1.0],
            [
                (1.5 - 0.5 * math.exp(-1 / 8)) / math.sqrt(2 * math.pi),
                (1.5 * math.exp(-1 / 2) - 0.25 * (1 + math.exp(-1 / 2))) / math.sqrt(2 * math.pi),
            ],
        ),
    ],
    ids=str,
)
def test_gradient_is_the_formula(surrogate, x, expected):
    measured = gradient(surrogate, torch.tensor(x, dtype=torch.float64))
    torch.testing.assert_close(measured, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=str)
def test_gradient_is_symmetric_and_scales_what_comes_from_above(surrogate):
    torch.testing.assert_close(gradient(surrogate, GRID), gradient(surrogate, -GRID))
    weighted = gradient(lambda x: 3 * surrogate(x), GRID)
    torch.testing.assert_close(weighted, 3 * gradient(surrogate, GRID))


@pytest.mark.parametrize(
    ("smooth", "surrogate"),
    [
        (lambda x: torch.atan(math.pi / 2 * 3.0 * x) / math.pi + 0.5, arctan(3.0)),
        (lambda x: torch.sigmoid(5.0 * x), sigmoid(5.0)),
    ],
    ids=["arctan", "sigmoid"],
)
def test_gradient_is_that_of_the_smooth_step(smooth, surrogate):
    torch.testing.assert_close(gradient(surrogate, GRID), gradient(smooth, GRID))
    assert torch.autograd.gradcheck(smooth, GRID.clone().requires_grad_())


@pytest.mark.parametrize("alpha", [1.0, 2.0, 5.0])
def test_the_frameworks_own_surrogates_have_the_same_gradient(alpha):
    x = GRID.float()
    ours = gradient(arctan(alpha), x)
    torch.testing.assert_close(ours, gradient(spikingjelly_surrogate.ATan(alpha=alpha), x))
    torch.testing.assert_close(ours, gradient(snntorch.surrogate.atan(alpha=alpha), x))
    torch.testing.assert_close(gradient(sigmoid(alpha), x), gradient(spikingjelly_surrogate.Sigmoid(alpha=alpha), x))


def test_each_is_listed_once_with_its_defaults():
    assert tuple(SURROGATES) == ("rectangle", "multi_gaussian", "arctan", "sigmoid")
    assert get_surrogate("rectangle") == rectangle(0.25)
    assert get_surrogate("multi_gaussian") == multi_gaussian(lens=0.5, gamma=0.5, height=0.15, scale=6.0)
    assert get_surrogate("arctan") == arctan(2.0)
    assert get_surrogate("sigmoid") == sigmoid(4.0)
    assert get_surrogate(rectangle(0.5)) is not SURROGATES["rectangle"]
    assert [str(s) for s in (rectangle(0.5), multi_gaussian())] == [
        "rectangle(0.5)",
        "multi_gaussian(0.5, 0.5, 0.15, 6)",
    ]
    assert rectangle(0.5) != rectangle(0.25)
    assert arctan(4.0) != sigmoid(4.0)


def test_the_kernels_know_each_by_its_code():
    codes = [lif_numba.RECTANGLE, lif_numba.MULTI_GAUSSIAN, lif_numba.ARCTAN, lif_numba.SIGMOID]
    assert [s.code for s in (Rectangle, MultiGaussian, Arctan, Sigmoid)] == codes
    assert {s.code: s.parameters for s in SURROGATES.values()} == {
        0: (0.25,),
        1: (0.5, 0.5, 0.15, 6.0),
        2: (2.0,),
        3: (4.0,),
    }


def test_unknown_name_names_the_nearest_and_the_list():
    with pytest.raises(
        ValueError, match=r"unknown surrogate 'rectangel'.*'rectangle'.*multi_gaussian, arctan, sigmoid"
    ):
        get_surrogate("rectangel")
    with pytest.raises(ValueError, match=r"unknown surrogate 'atan'.*arctan"):
        get_surrogate("atan")
    with pytest.raises(TypeError, match="abstract"):
        Surrogate()


@pytest.mark.parametrize(
    ("surrogate", "parameters", "message"),
    [
        (rectangle, (0.0,), "'rectangle': a must be positive and finite, not 0.0"),
        (rectangle, (-1.0,), "'rectangle': a .*-1.0"),
        (rectangle, (math.nan,), "'rectangle': a .*nan"),
        (arctan, (math.inf,), "'arctan': alpha .*inf"),
        (multi_gaussian, (0.5, 0.5, 0.15, 0.0), "'multi_gaussian': scale .*0.0"),
        (multi_gaussian, (0.5, 0.5, -0.15), "'multi_gaussian': height .*-0.15"),
    ],
)
def test_bad_parameters_are_refused(surrogate, parameters, message):
    with pytest.raises(ValueError, match=message):
        surrogate(*parameters)
    assert multi_gaussian(height=0.0).height == 0


def test_too_many_parameters_are_refused():
    with pytest.raises(TypeError):
        sigmoid(1.0, 2.0)
