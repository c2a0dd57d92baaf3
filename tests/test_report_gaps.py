"""Uneven or damaged rows: named where their numbers are, never averaged over, never the end of the report."""

from __future__ import annotations

import html
import math
import re

import pytest
from report_rows import ready, results_of, row
from test_report_experiments import ON, attack_rows, landscape_rows, resolution

from suite import report
from suite.report.gaps import gaps
from suite.report.measured import on_axes

STEP = {"spikingjelly": "spikingjelly-step", "snntorch": "snntorch-step"}


def seeds(values, **about):
    return [row(value=value, seed=seed, **about) for seed, value in enumerate(values)]


def both(values, **about):
    return [one for name, kernel in STEP.items() for one in seeds(values, backend=name, kernel=kernel, **about)]


def test_even_rows_have_no_gaps():
    assert gaps(ready(both((0.5, 0.6)) + both((0.7, 0.8), variant="without_reset")), "accuracy") == []


def test_versions_that_are_mixed_are_named():
    rows = seeds((0.5, 0.6)) + seeds((0.7,), benchmark_version=1)
    assert gaps(ready(rows), "accuracy") == [
        "Mixed versions: rows of benchmark versions 1 and 2 stand apart, as their numbers do not compare."
    ]
    rows = [row(value=0.5), row(value=0.6, seed=1, torch_version="2.7.0")]
    assert gaps(ready(rows), "accuracy") == [
        "Mixed versions: seeds of several torch versions (2.6.0, 2.7.0) share a mean in xor baseline."
    ]


def test_a_missing_seed_is_named():
    rows = both((0.5, 0.6, 0.7)) + both((0.5, 0.6, 0.7), variant="without_reset")
    rows = [one for one in rows if (one["variant"], one["backend"], one["seed"]) != ("without_reset", "snntorch", 1)]
    assert gaps(ready(rows), "accuracy") == [
        "Missing seeds, which others of the same setting have: xor, generated, suite, benchmark 2, fused: seed 1 of "
        "without_reset on snnTorch."
    ]


def test_a_variant_on_one_framework_is_named():
    rows = both((0.5,)) + seeds((0.7,), variant="without_reset") + seeds((0.7,), variant="with_recurrence")
    assert gaps(ready(rows), "accuracy") == [
        "On one framework only: xor, generated, suite, benchmark 2, fused: without_reset, with_recurrence on "
        "SpikingJelly."
    ]


def test_stand_in_beside_real_data_is_named():
    rows = seeds((0.5,), dataset="mnist", data_source="original") + seeds(
        (0.9,), dataset="mnist", data_source="standin"
    )
    (said,) = gaps(ready(rows), "accuracy")
    assert said.startswith("Stand-in and real data: mnist has rows of both")
    assert gaps(ready(rows[1:]), "accuracy") == []


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_run_that_ended_well_without_a_number_is_named(value):
    assert gaps(ready(seeds((0.5, value))), "accuracy") == [
        "No number (NaN), and in no mean: test_accuracy of xor baseline (spikingjelly, seed 1)."
    ]
    lstm = {"variant": "lstm", "backend": "torch", "metric": "test_spike_rate"}
    assert gaps(ready([*seeds((0.5,)), row(value=value, **lstm)]), "accuracy") == []  # it has no spikes


def test_rows_of_other_experiments_are_not_spoken_of():
    rows = seeds((0.5, 0.6)) + resolution("baseline", (0.8,) * 5, benchmark_version=1)
    assert gaps(ready(rows), "accuracy") == []


def test_rows_without_the_axis_that_they_should_lie_on_are_left_out():
    results = ready([row(value=0.5, at={"T": 9}), row(value=0.6, at={}, seed=1)])
    rows = results.rows.assign(T=[9, None])
    assert on_axes(rows, "T")["value"].tolist() == [0.5]
    assert on_axes(rows, "radius").empty


def warnings_after(page, heading):
    """The warnings that follow a heading, before the next."""
    _, _, after = page.partition(heading)
    assert after, heading
    part = re.split(r"<h[23]", after)[0]
    found = re.findall(r'<ul class="warn">(.*?)</ul>', part, re.DOTALL)
    return html.unescape(re.sub("<[^>]*>", "", " ".join(found)))


def test_everything_at_once_is_said_where_it_belongs_and_the_page_is_there(tmp_path):
    rows = both((0.5, 0.6, math.nan)) + seeds((0.7, 97.5), variant="without_reset")
    rows += seeds((0.7,), benchmark_version=1) + seeds((0.9,), data_source="standin")
    rows += resolution("baseline", (0.8, 0.9, math.inf, -3, 0.7)) + resolution("lstm", (0.3,) * 5, n=None)
    rows += [row(experiment="generalization", value=0.5, at={}, **ON)]
    rows += attack_rows("baseline", [4, 8]) + attack_rows("with_recurrence", [2])
    rows += landscape_rows("without_reset", 1)
    lost = next(one for one in rows if one["metric"] == "artifact" and one["experiment"] == "robustness")
    page = report.write(results_of(rows, unreadable={lost["run_id"]}), tmp_path)[0].read_text()
    table_6 = warnings_after(page, 'id="table6"')
    for wanted in (
        "benchmark versions 1 and 2",
        "Stand-in and real data: xor",
        "On one framework only",
        "No number (NaN)",
    ):
        assert wanted in table_6
    assert "1 invalid" in page
    assert page.count("which is no fraction from 0 to 1") == 3
    robustness = warnings_after(page, "<h3>robustness</h3>")
    assert f"{lost['condition']} cannot be read" in robustness
    assert "cannot be read" not in warnings_after(page, "<h3>landscape</h3>")
    assert (tmp_path / "landscape_rise_n_mnist_original_suite_fused_SpikingJelly.png").exists()


def test_no_rows_at_all_give_a_page_that_says_what_to_run(tmp_path):
    page = report.write(results_of([]), tmp_path)[0].read_text()
    assert "Nothing has been measured yet" in page
    assert page.count("not tested yet") == 3 * 10  # three components; of twelve, two roles are not defined for images
    command = (
        "lif-roles run robustness --dataset n_mnist --variant baseline,without_leakage,without_reset,with_recurrence"
    )
    assert f"<code>{command} --protocol suite --seeds 0-4</code>" in page
