"""Whether the two frameworks agree, from the same seeds."""

from __future__ import annotations

import pytest
from report_rows import ready, row

from suite.report.agreement import agreement, differences
from suite.report.table import written

STEP = {"spikingjelly": "spikingjelly-step", "snntorch": "snntorch-step"}


def both(values, **about):
    """Rows of both frameworks: values[backend] by seed."""
    return [
        row(backend=backend, seed=seed, value=value, engine="step", kernel=STEP[backend], **{"n": None, **about})
        for backend in values
        for seed, value in enumerate(values[backend])
    ]


def test_agreement_is_by_seed_and_knows_a_shared_kernel():
    rows = both({"spikingjelly": [0.7, 0.8, 0.9], "snntorch": [0.6, 0.8, 0.8, 0.1]})
    rows += [{**one, "engine": "fused", "kernel": "numba-cpu", "variant": "without_reset"} for one in rows]
    by_variant = differences(ready(rows)).set_index(["engine", "variant"])
    line = by_variant.loc[("step", "baseline")]
    # differences 0.1, 0, 0.1: s = 0.057735, half-width = 4.302653 * 0.057735 / sqrt(3) = 0.143422; seed 3 is alone
    assert (line["n"], line["same_kernel"], line["verdict"]) == (3, False, "undecided")
    assert line["difference"] == pytest.approx(0.2 / 3)
    assert line["high"] - line["difference"] == pytest.approx(0.143422, abs=1e-6)
    assert line["largest"] == pytest.approx(0.1)
    assert by_variant.loc[("fused", "without_reset"), "verdict"] == "by construction"


def test_frameworks_are_practically_equal_or_differ():
    lower = [0.70, 0.72, 0.69, 0.75, 0.71]
    near = [0.701, 0.722, 0.690, 0.749, 0.7105]
    far = [0.80, 0.83, 0.78, 0.86, 0.815]
    rows = both({"snntorch": lower, "spikingjelly": near})
    rows += both({"snntorch": lower, "spikingjelly": far}, variant="without_reset")
    found = differences(ready(rows)).set_index("variant")["verdict"]
    assert found.to_dict() == {"baseline": "practically equal", "without_reset": "differ"}


def test_what_the_cross_checks_found_stands_beside():
    rows = both({"snntorch": [0.7], "spikingjelly": [0.7]})
    assert agreement(ready(rows)).rows[0][-3:-1] == ("–", "–")
    for backend, changed, unexplained in (("snntorch", 0.01, 0.0), ("spikingjelly", 0.02, 3.0)):
        about = {"experiment": "cross_check", "backend": backend, "engine": "step", "kernel": STEP[backend]}
        for metric, value in (("changed_predictions", changed), ("unexplained", unexplained)):
            rows.append(row(metric=metric, value=value, at={"neuron": "snntorch-stock"}, **about))
    (line,) = differences(ready(rows)).to_dict("records")
    assert (line["changed"], line["unexplained"], line["checked"]) == (0.02, 3.0, 2)
    assert [written(cell) for cell in agreement(ready(rows)).rows[0][-3:-1]] == ["2.00", "3"]
