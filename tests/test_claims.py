"""Verdicts follow from the numbers, seed by seed, and never mix data."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from report_rows import artifact, ready, results_of, row

from neurons import Variant
from suite.registry import datasets
from suite.report.measured import checked
from suite.report.verdicts import EVERY, judged, verdicts
from suite.results.bits import packed

STEPS = (-0.02, -0.01, 0.0, 0.01, 0.02)


def accuracies(variant, values, dataset="shd", **about):
    about = {"data_source": "original", "dataset": dataset, "n": None, **about}
    return [row(variant=variant, value=value, seed=seed, **about) for seed, value in enumerate(values)]


def about(mean, size=1.0):
    """Five values around a mean, 0.01 apart."""
    return [mean + size * step for step in STEPS]


def flips(variant, values):
    where = {"experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}}
    return accuracies(variant, values, "n_mnist", **where)


def verdict(rows, claim="table6-no-leak"):
    table = verdicts(ready(rows))
    (line,) = table[(table["claim"] == claim)].to_dict("records")
    return line


def test_supported_contradicted_undecided():
    """Differences 0.18, 0.19, ..., 0.22: mean 0.2, s = sqrt(0.001 / 4), t(0.975, 4) = 2.776, half-width
    2.776 * s / sqrt(5) = 0.0196.
    """
    baseline = accuracies("baseline", [0.8] * 5)
    line = verdict([*baseline, *accuracies("without_leakage", about(0.6))])
    assert line["verdict"] == "supported"
    assert "+20.00 points [+18.04, +21.96] (n = 5, p = " in line["numbers"]
    line = verdict([*baseline, *accuracies("without_leakage", about(0.79, 2))])
    assert line["verdict"] == "undecided"
    assert re.search(r"\d+ seeds would decide", line["numbers"])
    assert verdict([*baseline, *accuracies("without_leakage", about(0.95))])["verdict"] == "contradicted"
    line = verdict([*baseline, *accuracies("without_leakage", about(0.8, 0.1))])
    assert line["verdict"] == "practically equal"


def test_fewer_than_five_seeds_decide_nothing():
    line = verdict([*accuracies("baseline", [0.9]), *accuracies("without_leakage", [0.1])])
    assert line["verdict"] == "undecided"
    assert "+80.00 points (n = 1)" in line["numbers"]
    four = [*accuracies("baseline", [0.8] * 4), *accuracies("without_leakage", about(0.6)[:4])]
    assert verdict(four)["verdict"] == "undecided"


def test_differences_that_are_all_the_same_decide_nothing():
    """0.51 - 0.5 and 0.61 - 0.6 differ in the last bit."""
    low = [0.5, 0.6, 0.7, 0.2, 0.3]
    rows = [*accuracies("baseline", [one + 0.01 for one in low]), *accuracies("without_leakage", low)]
    assert verdict(rows)["verdict"] == "undecided"


def test_what_is_missing_is_named():
    rows = [*accuracies("baseline", [0.9, 0.9, 90.0, 0.9, 0.91, 0.9]), *accuracies("without_leakage", about(0.7))]
    line = verdict(rows)
    assert line["verdict"] == "undecided"
    assert "(n = 4" in line["numbers"]
    assert line["note"] == "no value in seed 2 of baseline; seed 5 of without_leakage"
    (alone,) = [one for one in judged(ready(accuracies("baseline", about(0.9)))) if one.claim.id == "table6-no-leak"]
    assert (alone.verdict, alone.setting, alone.missing) == ("not tested", None, "no rows of without_leakage")


def test_a_variant_on_one_framework_only_is_named_on_the_other():
    rows = [*accuracies("baseline", about(0.9)), *accuracies("without_leakage", about(0.6, 2))]
    line = verdict([*rows, *accuracies("baseline", about(0.9), backend="snntorch")])
    assert (line["backend"], line["verdict"]) == ("spikingjelly", "supported")
    assert line["note"] == "on snnTorch: no rows of without_leakage"


def test_a_value_that_is_none_is_named():
    rows = [*accuracies("baseline", about(0.9)), *accuracies("without_leakage", [*about(0.6)[:4], float("nan")])]
    line = verdict(rows)
    assert (line["verdict"], line["note"]) == ("undecided", "no value in seed 4 of without_leakage")


def test_samples_that_cannot_be_used_are_a_problem():
    rows = [*accuracies("baseline", about(0.8), n=100), *accuracies("without_leakage", about(0.6), n=100)]
    keys = ("variant", "seed", "dataset", "data_source")
    tables = [pd.DataFrame([{"n": 100, "correct": text}]) for text in (packed(np.arange(100) < 70), "b-12")]
    kept = [artifact("correct", tables[i == 3], **{name: one[name] for name in keys}) for i, one in enumerate(rows)]
    results = checked(results_of([*rows, *kept]))
    assert "which samples seed 3 of baseline has right" in notes(results)
    assert any("cannot be used" in problem for problem in results.problems)


def test_a_run_that_did_not_end_well_is_a_missing_seed():
    rows = [*accuracies("baseline", about(0.9)), *accuracies("without_leakage", about(0.6))]
    rows[-1] |= {"status": "diverged", "value": None}
    line = verdict(rows)
    assert (line["verdict"], line["note"]) == ("undecided", "seed 4 of without_leakage (diverged)")


def test_seeds_are_paired():
    """Seeds far apart, but each 0.010 to 0.014 better than its own counterpart."""
    seeds = [0.5, 0.6, 0.7, 0.65, 0.55]
    lower = [seed - 0.010 - 0.001 * i for i, seed in enumerate(seeds)]
    assert verdict([*accuracies("baseline", seeds), *accuracies("without_leakage", lower)])["verdict"] == "supported"
    unpaired = [*accuracies("baseline", seeds), *accuracies("without_leakage", sorted(lower))]
    assert verdict(unpaired)["verdict"] == "undecided"


def test_seeds_that_learn_or_do_not_are_counted():
    baseline = accuracies("baseline", [0.5, 0.5, 0.51, 0.5, 0.5], "xor", data_source="generated")
    split = accuracies("without_reset", [0.99, 0.99, 0.5, 0.98, 0.99], "xor", data_source="generated")
    line = verdict([*baseline, *split], "table6-reset-xor")
    assert "4 against 0 of 5 seeds learn (n = 5, p = " in line["numbers"]


def test_one_comparison_of_several_claims_counts_once_and_two_like_ones_twice():
    """Five of five against none is p = 2 / 4^5 on its own. Without leakage is in two claims and one effect, a family of
    one; without reset, of the same counts, makes it two; another framework on the same kernel none.
    """
    learns, not_ = [0.99, 0.98, 0.99, 0.99, 0.99], [0.5, 0.5, 0.58, 0.5, 0.5]

    def p(rows):
        return [t.p for one in judged(ready(rows)) if one.claim.id == "table6-no-leak" for t in one.tests]

    rows = [*accuracies("baseline", learns, "xor"), *accuracies("without_leakage", not_, "xor")]
    assert p(rows) == pytest.approx([2 / 4**5])
    again = [{**one, "backend": "snntorch"} for one in rows]
    assert p([*rows, *again]) == pytest.approx([2 / 4**5] * 2)
    alike = accuracies("without_reset", [0.5, 0.51, 0.58, 0.5, 0.5], "xor")
    assert p([*rows, *alike]) == pytest.approx([4 / 4**5])


def test_the_error_of_a_small_test_set_counts():
    """The same numbers of 100 samples, with the binomial error, and with the samples themselves: on these the two
    differ always in the same direction.
    """

    def rows(n):
        return [
            *accuracies("baseline", [0.80, 0.81, 0.82, 0.80, 0.83], n=n),
            *accuracies("without_leakage", [0.76, 0.75, 0.77, 0.75, 0.78], n=n),
        ]

    assert verdict(rows(None))["verdict"] == "supported"
    assert verdict(rows(100))["verdict"] == "undecided"
    kept = []
    for one in rows(100):
        right = np.arange(100) < round(100 * one["value"])
        kept.append(
            artifact(
                "correct",
                pd.DataFrame([{"n": 100, "correct": packed(right)}]),
                **{name: one[name] for name in ("variant", "seed", "dataset", "data_source")},
            )
        )
    wide, narrow = (numbers_of(given) for given in (rows(100), rows(100) + kept))
    assert narrow.high - narrow.low < 0.7 * (wide.high - wide.low)
    assert narrow.mean == wide.mean


def numbers_of(rows):
    (one,) = [one for one in judged(ready(rows)) if one.claim.id == "table6-no-leak"]
    return one.tests[0].evidence


def test_an_artifact_that_is_lost_is_named():
    rows = [*accuracies("baseline", about(0.8), n=100), *accuracies("without_leakage", about(0.6), n=100)]
    keys = ("variant", "seed", "dataset", "data_source")
    table = pd.DataFrame([{"n": 100, "correct": packed(np.arange(100) < 70)}])
    kept = [artifact("correct", table, **{name: one[name] for name in keys}) for one in rows]
    whole, lost = results_of([*rows, *kept]), results_of([*rows, *kept], unreadable=(rows[0]["run_id"],))
    assert "which samples" not in notes(checked(whole))
    assert "which samples seed 0 of baseline has right" in notes(checked(lost))
    assert lost.problems


def notes(results):
    return " ".join(one.missing for one in judged(results) if one.claim.id == "table6-no-leak")


def test_one_contradicted_comparison_contradicts_a_claim_and_a_missing_one_leaves_it_open():
    both = [*flips("without_leakage", about(10, 100)), *flips("baseline", about(20, 110))]
    assert verdict(both, "figure9-leak")["verdict"] == "undecided"
    assert "no rows" in verdict(both, "figure9-leak")["numbers"]
    third = flips("complete_leakage", about(30, 130))
    assert verdict([*both, *third], "figure9-leak")["verdict"] == "supported"
    third = flips("complete_leakage", about(5, 130))
    assert verdict([*both, *third], "figure9-leak")["verdict"] == "contradicted"


def test_a_median_beyond_the_cap_decides_nothing():
    low, high = flips("with_recurrence", about(10, 100)), flips("baseline", about(20, 110))
    assert verdict([*low, *high], "figure9-recurrence")["verdict"] == "supported"
    censored = flips("baseline", [*about(20, 110), None])
    line = verdict([*flips("with_recurrence", [*about(10, 100), 11]), *censored], "figure9-recurrence")
    assert (line["verdict"], line["note"]) == ("undecided", "no value in seed 5 of baseline in robustness")


def test_chance_is_a_range():
    def line(values):
        return verdict(accuracies("complete_leakage", values), "table6-complete-leak")["verdict"]

    assert line(about(0.05, 0.2)) == "supported"  # of 20 classes
    assert line(about(0.3)) == "contradicted"
    assert line(about(0.08, 3)) == "undecided"


def test_data_sources_protocols_and_frameworks_are_apart_and_said():
    rows = []
    for change in ({"data_source": "standin", "data_hash": "b"}, {"protocol": "smoke"}, {"backend": "snntorch"}, {}):
        rows += accuracies("baseline", [0.9, 0.9], **change) + accuracies("without_leakage", [0.5, 0.51], **change)
    table = verdicts(ready(rows))
    table = table[table["claim"] == "table6-no-leak"]
    assert len(table) == 4
    notes = dict(zip(table["data_source"] + table["protocol"] + table["backend"], table["note"], strict=True))
    assert notes["originalsuitespikingjelly"] == notes["originalsuitesnntorch"] == ""
    assert "stand-in" in notes["standinsuitespikingjelly"]
    assert "smoke" in notes["originalsmokespikingjelly"]
    mixed = [
        *accuracies("baseline", [0.9, 0.9], data_source="standin"),
        *accuracies("without_leakage", [0.5, 0.51]),
    ]
    table = verdicts(ready(mixed))
    assert set(table.loc[table["claim"] == "table6-no-leak", "verdict"]) == {"not tested"}
    half = {"data_source": "half of SHD"}
    line = verdict([*accuracies("baseline", [0.9, 0.9], **half), *accuracies("without_leakage", [0.5, 0.51], **half)])
    assert line["note"] == "data: half of SHD, not the paper's"


def test_an_older_version_is_named():
    old = [
        *accuracies("baseline", about(0.9), benchmark_version=1),
        *accuracies("without_leakage", about(0.6, 2), benchmark_version=1),
    ]
    assert verdict(old)["note"] == ""
    line = verdict([*old, *accuracies("baseline", about(0.9))])
    assert line["note"] == "rows of benchmark version 1; there are some of 2"


def test_of_two_definitions_of_a_variant_the_last_counts_and_it_is_said():
    rows = [*accuracies("baseline", about(0.9)), *accuracies("without_leakage", about(0.6, 2))]
    older = {"variant_parameters": "{}", "finished_at": "2025-01-01T00:00:00+00:00"}
    rows = [{**one, "variant_parameters": json.dumps({"of": one["variant"]})} for one in rows]
    line = verdict([*rows, *accuracies("without_leakage", about(0.95), **older)])
    assert line["verdict"] == "supported"
    assert "an older definition of without_leakage" in line["note"]


def test_variants_with_parameters_of_their_own_are_no_older_definitions():
    """In an order that is not the alphabet's: categories that are mapped by place would be taken for one another."""
    names = {"without_reset": 0.9, "baseline": 0.5, "with_recurrence": 0.9}
    rows = [
        {**one, "variant_parameters": f'{{"name": "{name}"}}'}
        for i, (name, accuracy) in enumerate(names.items())
        for one in accuracies(name, about(accuracy, i + 1), "xor_50")
    ]
    line = verdict(rows, "table6-reset-xor")
    assert line["verdict"] == "supported", line["numbers"]
    assert line["note"] == "a dataset that the paper does not have"
    assert verdict(rows, "table6-recurrence")["verdict"] == "supported"


def test_the_baselines_meet_the_engine_of_the_spiking_networks():
    def tested(variant, at_1, at_10, **given):
        rows = []
        for dt, value in ((1, at_1), (3, 0.95), (10, at_10)):
            at = {"dt_ms": dt, "n_steps": 15, "mode": "fixed_steps", "readout": "trained"}
            values = about(value) if dt == 3 else [value] * 5
            rows += accuracies(variant, values, "n_mnist", experiment="generalization", at=at, **given)
        return rows

    torch_ = {"backend": "torch", "engine": "none", "kernel": "torch-cpu"}
    rows = tested("baseline", 0.9, 0.94)
    for rnn in ("lstm", "gru", "rnn"):
        rows += [{**one, "value": one["value"] + 0.001 * one["seed"] ** 2} for one in tested(rnn, 0.3, 0.2, **torch_)]
    line = verdict(rows, "table7-rnn-fixed_steps")
    assert (line["engine"], line["backend"]) == ("fused", "spikingjelly")
    assert "fall at 1 ms: baseline < lstm: +60.00 points" in line["numbers"]


def test_a_trend_over_k():
    def sweep(sign):
        rows = []
        for k in (0.0, 0.5, 1.0):
            given = {"experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}}
            given["variant_parameters"] = json.dumps(asdict(Variant(f"k={k}", leakage=k)))
            values = [100 + sign * 50 * k + sign * k * i for i in range(5)]
            rows += accuracies(f"k={k}", values, "n_mnist", **given)
        return verdict(rows, "figure9-trend")["verdict"]

    assert (sweep(-1), sweep(1)) == ("supported", "contradicted")


def test_without_rows_every_claim_is_there_and_not_tested():
    table = verdicts(ready([]))
    assert table["claim"].tolist() == [claim.id for claim in EVERY]
    assert set(table["verdict"]) == {"not tested"}
    assert set(table["note"]) == {"no rows yet"}


def test_claims_name_what_exists():
    assert len({claim.id for claim in EVERY}) == len(EVERY)
    for claim in EVERY:
        for name in claim.datasets:
            assert name in datasets
        assert claim.tests
        assert claim.where
        assert claim.source


def change_on(dataset, low, high, **given):
    """Four variants whose changes are on average (high - low) / 3; each seed's less than the one's before by a third of
    0.0005 a letter of the dataset's name.
    """
    rows = accuracies("baseline", [high] * 5, dataset, **given)
    rows += accuracies("without_leakage", [low + 0.0005 * len(dataset) * i for i in range(5)], dataset, **given)
    for variant in ("complete_leakage", "without_reset"):
        rows += accuracies(variant, [(low + high) / 2] * 5, dataset, **given)
    return rows


def test_what_the_components_change_is_compared_across_datasets():
    """Three times the mean changes: xor 0.4 - 0.003, shd 0.6 - 0.003 (mean 0.497), n_mnist 0.1 - 0.007, mnist 0.04 -
    0.005. Differences 0.058 and 0.404.
    """
    rows = change_on("xor", 0.5, 0.9, data_source="generated") + change_on("shd", 0.2, 0.8)
    rows += change_on("n_mnist", 0.8, 0.9) + change_on("mnist", 0.9, 0.94)
    line = verdict(rows, "table6-kinds")
    assert line["verdict"] == "supported"
    assert "spatial < spatio-temporal: +1.93 points" in line["numbers"]
    assert "spatio-temporal < temporal: +13.47 points" in line["numbers"]
    assert line["dataset"] == "xor, shd, n_mnist, mnist"
    assert line["data_source"] == "generated, original"
    assert line["note"] == "no rows of ssc, dvs128_gesture, cifar10 from original data"
    wider = [r for r in rows if r["dataset"] != "mnist"] + change_on("mnist", 0.2, 0.9)
    assert verdict(wider, "table6-kinds")["verdict"] == "contradicted"


def test_the_kind_of_a_dataset_is_what_its_rows_say():
    rows = change_on("n_mnist", 0.8, 0.9) + change_on("mnist", 0.9, 0.94)
    assert "spatial < spatio-temporal: +1.93 points" in verdict(rows, "table6-kinds")["numbers"]
    swapped = [{**r, "kind": {"spatial": "spatio-temporal"}.get(r["kind"], "spatial")} for r in rows]
    assert "spatial < spatio-temporal: -1.93 points" in verdict(swapped, "table6-kinds")["numbers"]


def test_scatter_is_no_effect():
    """Without leakage seeds scatter, without reset not; neither changes the mean. And an effect has no sign."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(20):
        rows = [*accuracies("baseline", [0.7] * 6), *accuracies("without_reset", 0.7 + 1e-4 * rng.normal(size=6))]
        rows += accuracies("without_leakage", 0.7 + 0.03 * rng.normal(size=6))
        wrong += verdict(rows, "table6-reset-small")["verdict"] in ("supported", "contradicted")
    assert wrong <= 3
    for sign in (1, -1):
        rows = [*accuracies("baseline", [0.7] * 5), *accuracies("without_reset", about(0.7, 0.1))]
        rows += accuracies("without_leakage", [0.7 + 0.1 * sign + step for step in STEPS])
        assert verdict(rows, "table6-reset-small")["verdict"] == "supported"


def test_claims_across_datasets_leave_out_stand_ins_other_protocols_and_frameworks():
    mnist = change_on("mnist", 0.9, 0.94)
    for change in ({"data_source": "standin"}, {"protocol": "paper"}, {"backend": "snntorch"}, {"engine": "step"}):
        line = verdict([*mnist, *change_on("n_mnist", 0.8, 0.9, **change)], "table6-kinds")
        assert line["verdict"] == "not tested", change


def test_recurrence_is_compared_where_both_kinds_have_it():
    """Gains: xor 0.2 to 0.24; mnist 0.01; cifar10 has no recurrence and does not count."""
    rows = accuracies("baseline", [0.7] * 5, "xor", data_source="generated")
    rows += accuracies("with_recurrence", about(0.9), "xor", data_source="generated")
    rows += accuracies("baseline", [0.95] * 5, "mnist") + accuracies("with_recurrence", [0.96] * 5, "mnist")
    rows += accuracies("baseline", [0.5] * 5, "cifar10")
    line = verdict(rows, "table6-recurrence-kinds")
    assert line["verdict"] == "supported"
    assert "spatial < temporal: +19.00 points" in line["numbers"]


def test_kernels_are_apart():
    rows = [*accuracies("baseline", [0.8] * 5), *accuracies("without_leakage", about(0.65), kernel="triton")]
    assert verdict(rows)["numbers"] == ""
    rows += accuracies("without_leakage", about(0.65))
    line = verdict(rows)
    assert (line["verdict"], line["kernel"]) == ("supported", "numba-cpu")
