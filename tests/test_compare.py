"""What changed between two results: beyond noise, seed by seed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from report_rows import ready, results_of, row

from suite import cli
from suite.errors import ResultsError
from suite.report.compare import changes
from suite.results import NAMES, to_csv

SEEDS = (0.70, 0.72, 0.69, 0.75, 0.71)
MORE = (0.05, 0.06, 0.055, 0.045, 0.052)
NOISE = (0.01, -0.02, 0.015, -0.005, 0.002)
LITTLE = (0.0005, -0.0004, 0.0002, -0.0001, 0.0003)


def cell(by=(), values=SEEDS, **about):
    values = [value + more for value, more in zip(values, by or [0.0] * len(values), strict=True)]
    about = {"n": None, "higher_is_better": "true", **about}
    return [row(value=value, seed=seed, **about) for seed, value in enumerate(values)]


def verdicts(before, after):
    return [one.verdict for one in changes(ready(before), ready(after)).cells]


def test_changed_undecided_practically_equal_and_identical():
    old = [*cell(), *cell(variant="without_reset"), *cell(variant="without_leakage"), *cell(variant="with_recurrence")]
    new = [
        *cell(MORE),
        *cell(NOISE, variant="without_reset"),
        *cell(LITTLE, variant="without_leakage"),
        *cell(variant="with_recurrence"),
    ]
    assert verdicts(old, new) == ["changed", "undecided", "practically equal", "identical"]
    (changed,) = [one for one in changes(ready(old), ready(new)).cells if one.verdict == "changed"]
    assert changed.evidence.mean == pytest.approx(0.0524)
    assert str(changed).startswith("baseline, test_accuracy of accuracy (xor, generated, suite, fused, SpikingJelly): ")
    assert "+5.24 points" in str(changed)


def test_four_seeds_decide_nothing():
    assert verdicts(cell(), cell(MORE)[:4]) == ["undecided"]


def test_metrics_without_a_better_direction_and_what_has_no_counterpart_are_left_out():
    old = [*cell(), *cell(metric="k", higher_is_better=None, unit="1"), *cell(dataset="mnist")]
    new = [*cell(MORE), *cell(MORE, metric="k", higher_is_better=None, unit="1"), *cell(protocol="paper")]
    found = changes(ready(old), ready(new))
    assert [one.verdict for one in found.cells] == ["changed"]
    assert "only before: accuracy of baseline (mnist, generated, suite, fused, SpikingJelly), seeds 0, 1, 2, 3, 4" in (
        found.notes
    )
    assert any(note.startswith("only after: accuracy of baseline (xor, generated, paper") for note in found.notes)


def test_a_run_that_no_longer_ends_well_is_lost():
    new = cell()
    new[3] |= {"status": "diverged", "value": None}
    found = changes(ready(cell()), ready(new))
    assert found.lost == (
        "accuracy of baseline (xor, generated, suite, fused, SpikingJelly), seed 3: ok before, diverged after",
    )


def test_a_claim_changes_with_the_difference_of_its_sides():
    """Both sides rise alike: every cell changes, the claim does not; then one side alone."""
    about = {"dataset": "shd", "data_source": "original"}
    old = [*cell(**about), *cell([-0.1] * 5, variant="without_leakage", **about)]
    alike = [*cell(MORE, **about), *cell([more - 0.1 for more in MORE], variant="without_leakage", **about)]
    found = changes(ready(old), ready(alike))
    assert [one.verdict for one in found.cells] == ["changed", "changed"]
    assert {one.verdict for one in found.claims} == {"identical"}
    found = changes(ready(old), ready([*cell(**about), *cell(LITTLE, variant="without_leakage", **about)]))
    (leak,) = [one for one in found.claims if one.what.startswith("table6-no-leak: ")]
    assert (leak.verdict, leak.before, leak.after) == ("changed", "undecided", "practically equal")


def test_what_else_differs_is_said():
    found = changes(ready(cell()), ready(cell(torch_version="2.7.0", benchmark_version=3)))
    assert "torch_version: 2.6.0 before, 2.7.0 after" in found.notes
    assert "benchmark_version: 2 before, 3 after" in found.notes


def test_nothing_in_common_is_an_error():
    with pytest.raises(ResultsError, match="no cell in common"):
        changes(ready(cell()), ready(cell(dataset="mnist")))


def status(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lif-roles", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def saved(folder: Path, name: str, rows) -> str:
    path = folder / f"{name}.csv"
    path.write_text(to_csv(results_of(rows).rows[NAMES]))
    return str(path)


def test_exit_status_and_json(tmp_path: Path, monkeypatch, capsys) -> None:
    old, same, new = (saved(tmp_path, name, cell(by)) for name, by in (("old", ()), ("same", LITTLE), ("new", MORE)))
    assert status(monkeypatch, "compare", old, same) == 0
    assert "1 cells: 1 practically equal" in capsys.readouterr().out
    assert status(monkeypatch, "compare", old, new) == 1
    assert "changed, +5.24 points" in capsys.readouterr().out
    assert status(monkeypatch, "compare", old, new, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["changed"] is True
    assert (told["cells"][0]["variant"] if "variant" in told["cells"][0] else told["cells"][0]["what"]).startswith(
        "base"
    )
    assert told["cells"][0]["mean"] == pytest.approx(0.0524)
    assert status(monkeypatch, "compare", old) == 2
    assert status(monkeypatch, "compare", old, str(tmp_path / "none.csv")) == 2


def test_a_value_that_is_lost_is_said_and_is_no_agreement():
    before = [row(value=0.9 + 0.01 * seed, seed=seed) for seed in range(5)]
    after = [{**one, "value": float("nan")} for one in before[:1]] + before[1:]
    found = changes(ready(before), ready(after))
    assert found.lost == (
        "test_accuracy of baseline (xor, generated, suite, fused, spikingjelly), seed 0: a value before, none after",
    )
    assert found.as_dict()["changed"] is True


def test_rows_of_two_versions_or_kernels_are_not_mixed():
    before = [row(value=0.5 + 0.001 * seed, seed=seed) for seed in range(5)]
    newer = [
        {
            **one,
            "value": one["value"] + 0.1,
            "benchmark_version": 3,
            "run_id": f"new-{i}",
            "finished_at": "2027-01-01T00:00:00+00:00",
        }
        for i, one in enumerate(before[:3])
    ]
    (cell,) = changes(ready(before), ready([*before, *newer])).cells
    assert cell.evidence.n == 3
    assert cell.evidence.mean == pytest.approx(0.1)
