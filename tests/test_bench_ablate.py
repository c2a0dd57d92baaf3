"""`lif-roles bench ablate` compares what computes the same; how fast anything is, is not asserted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from neurons import VariantLeaky, VariantLIFNode, ablate
from suite.bench.ablate import CASES, Step, firing, run


@pytest.mark.parametrize("name", CASES)
def test_both_compute_the_same_and_fire(name: str) -> None:
    case = replace(CASES[name], batch=4, steps=min(CASES[name].steps, 30))
    model = firing(case.make())
    ours = ablate(model, "baseline")
    assert any(isinstance(part, VariantLIFNode | VariantLeaky) for part in ours.modules())
    gradients = []
    for step in (Step(model, case.input(), torch.arange(4)), Step(ours, case.input(), torch.arange(4))):
        spikes = step.spikes()
        assert spikes.shape == (case.steps, 4, 10)
        assert spikes.mean() > 0.001
        step()
        gradients.append((spikes, *(p.grad for p in step.model.parameters())))
    for a, b in zip(*gradients, strict=True):
        assert a.abs().sum() > 0
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-5)


def test_rows() -> None:
    small = {"small": replace(CASES["snnTorch FC"], batch=2, steps=2)}
    (frame,) = run(device=torch.device("cpu"), rounds=2, cases=small)
    assert frame["contender"].tolist() == ["snntorch", "lif-roles, baseline"]
    assert frame["rounds"].tolist() == [2, 2]
    assert frame["differing_spikes"].tolist() == [0.0, 0.0]
    assert frame.loc[1, "times_lif_roles"] == 1.0
    assert frame.loc[0, "times_lif_roles"] == pytest.approx(
        frame.loc[0, "median_ms"] / frame.loc[1, "median_ms"], abs=0.006
    )
