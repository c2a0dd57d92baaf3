"""Suggestions follow from the rows: the best variant, what it costs, how sure that is, and what is missing."""

from __future__ import annotations

import json

import pytest
from report_rows import ready, results_of, row
from test_claims import accuracies
from typer.testing import CliRunner

from suite import cli
from suite.report.suggest import as_dict, suggest, text
from suite.results import NAMES, to_csv

STEPS = (-0.004, 0.003, 0.0, 0.001, -0.002)


def values(mean, size=1.0, order=(0, 1, 2, 3, 4), **about):
    about = {"n": None, "dataset": "mnist", "data_source": "original", **about}
    return [row(value=mean + size * STEPS[i], seed=seed, **about) for seed, i in enumerate(order)]


def operations(mean, variant, **about):
    about = {"experiment": "spike_rate", "unit": "operations per sample", "variant": variant, **about}
    order = {"baseline": (0, 1, 2, 3, 4), "k=0.1": (0, 1, 2, 3, 4)}.get(variant, (3, 0, 4, 1, 2))
    acs = values(mean, 1000.0, order, metric="effective_acs", **about)
    return acs + values(100.0, 0.0, metric="effective_macs", **about)


def of(advice):
    (one,) = advice.suggestions
    return one


def test_the_best_by_a_margin_is_suggested_and_sure():
    rows = [*values(0.90), *values(0.95, order=(2, 1, 4, 0, 3), variant="with_recurrence")]
    one = of(suggest(ready(rows), "accuracy"))
    assert (one.variant, one.n, one.sure) == ("with_recurrence", 5, "better than every other variant measured")
    assert one.mean == pytest.approx(0.9496)
    assert one.low < one.mean < one.high
    assert [(other.other, other.verdict) for other in one.against] == [("baseline", "better")]
    assert one.run_ids == tuple(r["run_id"] for r in rows[5:])


def test_what_cannot_be_told_apart_is_named():
    rows = [*values(0.900), *values(0.9005, 0.5, (2, 1, 4, 0, 3), variant="without_reset")]
    rows += values(0.88, 8, (4, 3, 0, 2, 1), variant="without_leakage")
    one = of(suggest(ready(rows), "accuracy"))
    assert one.variant == "without_reset"
    assert one.sure == "not told from without_leakage; as good: baseline"


def test_few_seeds_are_not_sure():
    one = of(suggest(ready([*values(0.9)[:2], *values(0.95, 2, variant="with_recurrence")[:2]]), "accuracy"))
    assert one.sure.startswith("not sure, from 2 common seeds: at least 5 are needed")


def test_efficiency_is_among_the_accurate_and_tells_its_cost():
    """The silent network costs least, and guesses; the sparse one is 3 points less accurate."""
    rows = [*values(0.95), *values(0.945, order=(2, 1, 4, 0, 3), variant="k=0.5"), *values(0.92, variant="k=0.1")]
    rows += values(0.1, variant="complete_leakage")
    for variant, count in (("baseline", 9000), ("k=0.5", 8000), ("k=0.1", 5000), ("complete_leakage", 10)):
        rows += operations(count, variant)
    one = of(suggest(ready(rows), "efficiency"))
    assert one.variant == "k=0.5"
    assert {other.other: other.verdict for other in one.against} == {"baseline": "better", "k=0.1": "worse"}
    assert "k=0.1: better by this, but less accurate" in one.sure
    (cost,) = one.costs
    assert (cost.role, cost.other) == ("accuracy", "baseline")
    assert cost.evidence.mean == pytest.approx(-0.005)


def test_memory_is_delayed_xor_and_generalization_the_accuracy_elsewhere():
    rows = [*values(0.9), *values(0.95, variant="with_recurrence")]
    assert suggest(ready(rows), "memory").suggestions == ()
    long = [{**r, "dataset": "xor", "run_id": "x" + r["run_id"], "n_classes": 2, "kind": "temporal"} for r in rows]
    assert of(suggest(ready([*rows, *long]), "memory")).place["dataset"] == "xor"
    tested = []
    for variant, high, low, order in (("baseline", 0.9, 0.8, (2, 1, 4, 0, 3)), ("without_reset", 0.7, 0.69, range(5))):
        for ms in (1, 2, 3, 5, 10):
            at = {"dt_ms": ms, "n_steps": 15, "mode": "fixed_steps", "readout": "trained"}
            about = {"experiment": "generalization", "at": at, "variant": variant, "dataset": "n_mnist"}
            tested += values(high if ms == 3 else low, 1, order, **about)
    assert of(suggest(ready(tested), "generalization")).variant == "baseline"  # it falls more, from higher


def test_smoke_and_stand_in_rows_are_told_and_left_out_where_there_are_others():
    better = [*values(0.80), *values(0.90, order=(2, 1, 4, 0, 3), variant="with_recurrence")]
    other = [*values(0.90), *values(0.80, order=(2, 1, 4, 0, 3), variant="with_recurrence")]
    smoke = [{**r, "protocol": "smoke", "run_id": "s" + r["run_id"]} for r in other]
    standin = [{**r, "data_source": "standin", "run_id": "t" + r["run_id"]} for r in other]
    one = of(suggest(ready([*better, *smoke, *standin]), "accuracy"))
    assert (one.variant, one.caution) == ("with_recurrence", "")
    for rows, said in ((smoke, "smoke run"), (standin, "stand-in data")):
        advice = suggest(ready(rows), "accuracy")
        assert said in of(advice).caution
        assert said in text(advice)


def test_what_is_missing_is_said():
    advice = suggest(ready(values(0.9)), "accuracy", ["mnist", "shd"])
    assert advice.suggestions == ()
    assert any(
        "mnist (SpikingJelly): accuracy measured baseline alone: lif-roles run" in said for said in advice.missing
    )
    (said,) = suggest(ready(values(0.9)), "efficiency", ["mnist"]).missing
    assert said.startswith("mnist (SpikingJelly): spike_rate measured nothing: lif-roles run spike_rate")
    guessing = [*values(0.1), *values(0.11, variant="without_reset")]
    (said,) = suggest(ready(guessing), "accuracy").missing
    assert said.startswith("mnist (SpikingJelly): no variant is better than guessing")
    assert any("no rows of shd: lif-roles run accuracy" in said for said in advice.missing)
    assert suggest(ready([]), "robustness").missing == (
        "no rows: lif-roles run robustness --protocol suite --seeds 0-4",
    )


def test_a_median_beyond_the_cap_leaves_a_variant_out_and_it_is_said():
    about = {"experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}, "dataset": "n_mnist"}
    rows = [*values(10.0, **about), *values(20.0, variant="without_reset", order=(2, 1, 4, 0, 3), **about)]
    beyond = values(30.0, variant="complete_leakage", **about)
    beyond[2]["value"] = None
    one = of(suggest(ready([*rows, *beyond]), "robustness"))
    assert one.variant == "without_reset"
    assert any("complete_leakage is left out" in said for said in one.missing)


def test_an_unknown_purpose_is_an_error():
    with pytest.raises(ValueError, match="accuracy, memory, robustness, efficiency, generalization"):
        suggest(ready([]), "speed")


def test_the_command_prints_text_and_json(tmp_path):
    rows = [*values(0.90), *values(0.95, order=(2, 1, 4, 0, 3), variant="with_recurrence")]
    path = tmp_path / "results.csv"
    path.write_text(to_csv(results_of(rows).rows[NAMES]))
    said = CliRunner().invoke(cli.app, ["suggest", "--for", "accuracy", "--results", str(tmp_path)])
    assert said.exit_code == 0
    assert "For accuracy on mnist (original, suite, fused, numba-cpu, SpikingJelly):" in said.output
    assert "with_recurrence: 95.0 [" in said.output
    told = CliRunner().invoke(cli.app, ["suggest", "--for", "accuracy", "--results", str(tmp_path), "--json"])
    assert json.loads(told.output)["suggestions"][0]["variant"] == "with_recurrence"
    assert json.loads(told.output) == json.loads(json.dumps(as_dict(suggest(ready(rows), "accuracy"))))
    none = ["suggest", "--for", "memory", "--results", str(tmp_path)]
    assert CliRunner().invoke(cli.app, none).exit_code == 1


def test_the_only_variant_that_learns_is_suggested_and_the_others_are_named():
    rows = [
        *accuracies("baseline", [0.5, 0.51, 0.5, 0.49, 0.52], "xor"),
        *accuracies("without_leakage", [0.5] * 5, "xor"),
        *accuracies("with_recurrence", [0.99, 1.0, 0.99, 1.0, 0.98], "xor"),
    ]
    (found,) = suggest(ready(rows), "memory").suggestions
    assert found.variant == "with_recurrence"
    assert found.sure == "better than guessing, as baseline, without_leakage are not"


def test_the_best_is_chosen_on_common_seeds():
    """The baseline's later seeds, which the other does not have, are easier."""
    rows = [
        *accuracies("baseline", [0.80, 0.81, 0.79, 0.80, 0.82, 0.99, 0.99, 0.98, 0.99, 0.99], "xor"),
        *accuracies("without_reset", [0.85, 0.87, 0.85, 0.84, 0.88], "xor"),
    ]
    (found,) = suggest(ready(rows), "accuracy", ["xor"]).suggestions
    assert found.variant == "without_reset"


def test_nothing_is_efficient_whose_accuracy_is_not_known():
    rows = [
        row(metric=metric, experiment="spike_rate", variant=variant, seed=seed, value=value + seed, dataset="n_mnist")
        for variant, value in (("baseline", 1000.0), ("complete_leakage", 1.0))
        for metric in ("effective_acs", "effective_macs")
        for seed in range(5)
    ]
    advice = suggest(ready(rows), "efficiency", ["n_mnist"])
    assert not advice.suggestions
    assert "accuracy was not measured" in advice.missing[0]
