"""The front of each trade-off, worked by hand."""

import numpy as np
import pytest
from report_rows import ready, row
from test_report_tradeoff import of, resolutions

from suite import drawing
from suite.report.figures import pareto


def test_front_by_hand():
    """The second is worse than the first in both, the fourth equals the third in one and loses in the other."""
    accuracy, other = np.array([0.9, 0.8, 0.5, 0.5]), np.array([10.0, 5.0, 20.0, 15.0])
    assert pareto.front(accuracy, other, less=False).tolist() == [True, False, True, False]
    # where less is better the second stays, and nothing of 0.5 does
    assert pareto.front(accuracy, other, less=True).tolist() == [True, True, False, False]
    assert pareto.front(np.array([0.5, 0.5]), np.array([1.0, 1.0]), less=True).tolist() == [True, True]


def test_the_picture_marks_the_front_and_names_every_variant(tmp_path):
    rows = []
    flips = {"baseline": 30.0, "without_reset": 20.0, "with_recurrence": 10.0}
    for variant, accuracy in {"baseline": 0.8, "without_reset": 0.9, "with_recurrence": 0.85}.items():
        for seed in (0, 1):
            rows.append(of(variant, "accuracy", "test_accuracy", accuracy + 0.01 * seed, seed=seed))
            rows.append(of(variant, "robustness", "flips_median", flips[variant], {"attack": "gradient"}, seed=seed))
    for variant in ("baseline", "lstm"):
        torch = {"backend": "torch", "engine": "none", "kernel": "torch-cpu"} if variant == "lstm" else {}
        rows += resolutions(variant, dict.fromkeys((1, 2, 3, 5, 10), 0.7), **torch)
    rows.append(of("lstm", "accuracy", "test_accuracy", 0.99, backend="torch", engine="none", kernel="torch-cpu"))
    (made,) = pareto.draw(ready(rows))
    on = made.data[made.data["front"]]
    assert sorted(zip(on["criterion"], on["variant"], strict=True)) == [
        ("flips_median", "baseline"),
        ("flips_median", "without_reset"),
        ("worst_fixed_steps", "lstm"),
    ]
    assert "front of median flips to mislead: baseline, without reset" in made.alt
    names = [text.get_text() for text in made.figure.legends[0].get_texts()]
    assert names == ["baseline", "without reset", "with recurrence", "lstm"]
    for ax in made.figure.axes:
        assert ax.get_ylim()[1] <= 100
    drawing.save(made, tmp_path)


@pytest.mark.parametrize("rows", [[], [row(value=0.5)]])
def test_without_two_criteria_there_is_no_picture(rows):
    assert list(pareto.draw(ready(rows))) == []
