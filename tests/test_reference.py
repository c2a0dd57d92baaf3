"""The oracle itself, against traces and gradients worked by hand."""

import pytest
import torch
from neuron_cases import TRACES

from neurons import rectangle
from neurons.reference import simulate


@pytest.mark.parametrize("name", TRACES)
def test_oracle_gives_the_trace_worked_by_hand(name):
    trace = TRACES[name]
    variant = trace.variant
    spikes, u = simulate(
        trace.column(trace.x),
        leak=variant.resolve_leakage(trace.leakage),
        threshold=trace.threshold,
        reset=variant.reset,
        recurrent_weight=None if trace.weight is None else torch.tensor(trace.weight, dtype=torch.float64),
        input_gain=variant.input_gain,
    )
    torch.testing.assert_close(u, trace.column(trace.u), rtol=1e-15, atol=0)
    assert torch.equal(spikes, trace.column(trace.o))


# u = (0.5, 1.25), o = (0, 1), and do/du = 1/2 at both; L = o[1].
# dL/dx[1] = 1/2, dL/dk = v[0] / 2, dL/dx[0] = 1/2 du[1]/du[0], where du[1]/du[0] is
#   zero:      k (1 - o[0]) - k u[0] do/du = 0.5 - 0.5 * 0.5 * 0.5
#   subtract:  k (1 - u_th do/du)          = 0.5 - 0.25
#   detached or none:  k
#   recurrent, V = [[0.25]]:  zero's + V do/du
@pytest.mark.parametrize(
    ("options", "through"),
    [
        ({"reset": "zero"}, 0.375),
        ({"reset": "zero", "detach_reset": True}, 0.5),
        ({"reset": "subtract"}, 0.25),
        ({"reset": "subtract", "detach_reset": True}, 0.5),
        ({"reset": "none"}, 0.5),
        ({"reset": "zero", "recurrent_weight": torch.tensor([[0.25]])}, 0.5),
    ],
)
def test_oracle_gives_the_gradient_worked_by_hand(options, through):
    x = torch.tensor([0.5, 1.0]).reshape(2, 1, 1).requires_grad_()
    leak = torch.tensor([0.5], requires_grad=True)
    spikes, _ = simulate(x, leak=leak, threshold=1.0, surrogate=rectangle(1.0), **options)
    spikes[1].sum().backward()
    assert x.grad.flatten().tolist() == [0.5 * through, 0.5]
    assert leak.grad.tolist() == [0.25]
