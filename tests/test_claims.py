"""Verdicts follow from the numbers, seed by seed, and never mix data."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pandas as pd
from report_rows import ready, row

from neurons import Variant
from suite.registry import datasets
from suite.report.claims import CLAIMS, Comparison
from suite.report.verdicts import judge, verdicts


def accuracies(variant, values, dataset="shd", **about):
    about = {"data_source": "original", "dataset": dataset, **about}
    return [row(variant=variant, value=value, seed=seed, **about) for seed, value in enumerate(values)]


def verdict(rows, claim="table6-no-leak"):
    table = verdicts(ready(rows))
    (line,) = table[(table["claim"] == claim)].to_dict("records")
    return line


def test_supported_contradicted_undecided():
    """Differences 0.1, 0.2, 0.3: mean 0.2, t(0.975, 2) = 4.303, half-width 4.303 * 0.1 / sqrt(3) = 0.248: undecided.
    0.18, 0.2, 0.22: half-width 0.0497: decided.
    """
    baseline = accuracies("baseline", [0.9, 0.9, 0.9])
    line = verdict([*baseline, *accuracies("without_leakage", [0.72, 0.7, 0.68])])
    assert line["verdict"] == "supported"
    assert "+0.2 ± 0.0497 (n = 3)" in line["numbers"]
    assert verdict([*baseline, *accuracies("without_leakage", [0.8, 0.7, 0.6])])["verdict"] == "undecided"
    higher = [*accuracies("baseline", [0.5, 0.5, 0.5]), *accuracies("without_leakage", [0.72, 0.7, 0.68])]
    assert verdict(higher)["verdict"] == "contradicted"


def test_one_seed_decides_nothing():
    line = verdict([*accuracies("baseline", [0.9]), *accuracies("without_leakage", [0.1])])
    assert line["verdict"] == "undecided"
    assert "+0.8 (n = 1)" in line["numbers"]


def test_differences_that_are_all_the_same_decide_nothing():
    """0.51 - 0.5 and 0.61 - 0.6 differ in the last bit."""
    rows = [*accuracies("baseline", [0.51, 0.61]), *accuracies("without_leakage", [0.5, 0.6])]
    assert verdict(rows)["verdict"] == "undecided"
    low, high = pd.Series({0: 0.50, 1: 0.60}), pd.Series({0: 0.51, 1: 0.61})
    assert judge(Comparison("a < b", lambda _: low, lambda _: high), pd.DataFrame()).verdict == "undecided"
    high[1] += 1e-3
    assert judge(Comparison("a < b", lambda _: low, lambda _: high), pd.DataFrame()).verdict == "supported"


def test_an_accuracy_that_is_no_fraction_leaves_a_verdict_open():
    rows = [*accuracies("baseline", [0.9, 0.9, 90.0]), *accuracies("without_leakage", [0.72, 0.7, 0.68])]
    line = verdict(rows)
    assert line["verdict"] == "undecided"
    assert "(n = 2)" in line["numbers"]


def test_seeds_are_paired():
    """Seeds far apart, but each 0.01 to 0.012 better than its own counterpart."""
    rows = [*accuracies("baseline", [0.2, 0.5, 0.8]), *accuracies("without_leakage", [0.19, 0.488, 0.789])]
    assert verdict(rows)["verdict"] == "supported"
    unpaired = [*accuracies("baseline", [0.2, 0.5, 0.8]), *accuracies("without_leakage", [0.789, 0.488, 0.19])]
    assert verdict(unpaired)["verdict"] == "undecided"


def test_one_contradicted_comparison_contradicts_a_claim_and_a_missing_one_leaves_it_open():
    def flips(variant, values):
        about = {"experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}}
        return accuracies(variant, values, "n_mnist", **about)

    both = [*flips("without_leakage", [10, 11, 12]), *flips("baseline", [20, 21, 22.1])]
    assert verdict(both, "figure9-leak")["verdict"] == "undecided"
    assert "no rows" in verdict(both, "figure9-leak")["numbers"]
    assert verdict([*both, *flips("complete_leakage", [30, 31, 32.2])], "figure9-leak")["verdict"] == "supported"
    assert verdict([*both, *flips("complete_leakage", [5, 6, 7.2])], "figure9-leak")["verdict"] == "contradicted"


def test_a_median_beyond_the_cap_decides_nothing():
    def flips(variant, values):
        about = {"experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}}
        return accuracies(variant, values, "n_mnist", **about)

    low, high = flips("with_recurrence", [10, 11, 12, 13]), flips("baseline", [20, 21, 22, 23.1])
    assert verdict([*low, *high], "figure9-recurrence")["verdict"] == "supported"
    censored = flips("baseline", [20, 21, 22.1, None])
    assert verdict([*low, *censored], "figure9-recurrence")["verdict"] == "undecided"


def test_chance_is_a_range():
    def line(values):
        return verdict(accuracies("complete_leakage", values), "table6-complete-leak")["verdict"]

    assert line([0.05, 0.052, 0.054]) == "supported"  # of 20 classes
    assert line([0.3, 0.31, 0.32]) == "contradicted"
    assert line([0.05, 0.12, 0.2]) == "undecided"


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
    assert set(table.loc[table["claim"] == "table6-no-leak", "verdict"]) == {"undecided"}
    half = {"data_source": "half of SHD"}
    line = verdict([*accuracies("baseline", [0.9, 0.9], **half), *accuracies("without_leakage", [0.5, 0.51], **half)])
    assert line["note"] == "data: half of SHD, not the paper's"


def test_the_baselines_meet_the_engine_of_the_spiking_networks():
    def tested(variant, at_1, at_10, **about):
        rows = []
        for dt, value in ((1, at_1), (3, 0.95), (10, at_10)):
            at = {"dt_ms": dt, "n_steps": 15, "mode": "fixed_steps", "readout": "trained"}
            values = [value, value + 0.001 * (dt == 3 or variant == "baseline")]
            rows += accuracies(variant, values, "n_mnist", experiment="generalization", at=at, **about)
        return rows

    torch_ = {"backend": "torch", "engine": "none", "kernel": "torch-cpu"}
    rows = tested("baseline", 0.9, 0.94)
    for rnn in ("lstm", "gru", "rnn"):
        rows += tested(rnn, 0.3, 0.2, **torch_)
    line = verdict(rows, "table7-rnn-fixed_steps")
    assert (line["verdict"], line["engine"], line["backend"]) == ("supported", "fused", "spikingjelly")
    assert "fall at 1 ms: baseline < lstm: +0.6" in line["numbers"]


def test_a_trend_over_k():
    def sweep(sign):
        rows = []
        for k in (0.0, 0.5, 1.0):
            about = {"experiment": "robustness", "metric": "flips_median", "at": {"attack": "gradient"}}
            about["variant_parameters"] = json.dumps(asdict(Variant(f"k={k}", leakage=k)))
            rows += accuracies(f"k={k}", [100 + sign * 50 * k, 101 + sign * 50 * k + sign * k], "n_mnist", **about)
        return verdict(rows, "figure9-trend")["verdict"]

    assert (sweep(-1), sweep(1)) == ("supported", "contradicted")


def test_without_rows_every_claim_is_there_and_undecided():
    table = verdicts(ready([]))
    assert table["claim"].tolist() == [claim.id for claim in CLAIMS]
    assert set(table["verdict"]) == {"undecided"}
    assert set(table["note"]) == {"no rows yet"}


def test_claims_name_what_exists():
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        for name in claim.datasets:
            assert name in datasets
        assert claim.tests
        assert re.match(r"Section \d|Diagnosis", claim.where)


def spread_on(dataset, low, high, **about):
    """Four variants, of which the highest and the lowest are `high - low` apart, in seed 1 less by 0.002 a letter of
    the dataset's name.
    """
    rows = accuracies("baseline", [high, high], dataset, **about)
    rows += accuracies("without_leakage", [low, low + 0.002 * len(dataset)], dataset, **about)
    for variant in ("complete_leakage", "without_reset"):
        rows += accuracies(variant, [(low + high) / 2] * 2, dataset, **about)
    return rows


def test_the_spread_between_variants_is_compared_across_datasets():
    """Spreads of the seeds: xor 0.4, 0.394; shd 0.6, 0.594 (mean 0.5, 0.494); n_mnist 0.1, 0.086; mnist 0.04, 0.03.
    Differences 0.06 and 0.056; 0.4 and 0.408.
    """
    rows = spread_on("xor", 0.5, 0.9, data_source="generated") + spread_on("shd", 0.2, 0.8)
    rows += spread_on("n_mnist", 0.8, 0.9) + spread_on("mnist", 0.9, 0.94)
    line = verdict(rows, "table6-kinds")
    assert line["verdict"] == "supported"
    assert "spatial < spatio-temporal: +0.058 " in line["numbers"]
    assert "spatio-temporal < temporal: +0.404 " in line["numbers"]
    assert line["dataset"] == "xor, shd, n_mnist, mnist"
    assert line["data_source"] == "generated, original"
    assert line["note"] == "without ssc, dvs128_gesture, cifar10 (no rows from original data)"
    wider = [r for r in rows if r["dataset"] != "mnist"] + spread_on("mnist", 0.2, 0.9)
    assert verdict(wider, "table6-kinds")["verdict"] == "contradicted"


def test_the_kind_of_a_dataset_is_what_its_rows_say():
    rows = spread_on("n_mnist", 0.8, 0.9) + spread_on("mnist", 0.9, 0.94)
    assert "spatial < spatio-temporal: +0.058 " in verdict(rows, "table6-kinds")["numbers"]
    swapped = [{**r, "kind": {"spatial": "spatio-temporal"}.get(r["kind"], "spatial")} for r in rows]
    assert "spatial < spatio-temporal: -0.058 " in verdict(swapped, "table6-kinds")["numbers"]


def test_claims_across_datasets_leave_out_stand_ins_other_protocols_and_frameworks():
    mnist = spread_on("mnist", 0.9, 0.94)
    for change in ({"data_source": "standin"}, {"protocol": "paper"}, {"backend": "snntorch"}, {"engine": "step"}):
        line = verdict([*mnist, *spread_on("n_mnist", 0.8, 0.9, **change)], "table6-kinds")
        assert (line["verdict"], line["note"]) == ("undecided", "no rows yet"), change


def test_recurrence_is_compared_where_both_kinds_have_it():
    """Gains: xor 0.2, 0.21; mnist 0.01, 0.01; cifar10 has no recurrence and does not count."""
    rows = accuracies("baseline", [0.7, 0.7], "xor", data_source="generated")
    rows += accuracies("with_recurrence", [0.9, 0.91], "xor", data_source="generated")
    rows += accuracies("baseline", [0.95, 0.95], "mnist") + accuracies("with_recurrence", [0.96, 0.96], "mnist")
    rows += accuracies("baseline", [0.5, 0.5], "cifar10")
    line = verdict(rows, "table6-recurrence-kinds")
    assert line["verdict"] == "supported"
    assert "spatial < temporal: +0.195" in line["numbers"]


def test_kernels_are_apart():
    rows = [*accuracies("baseline", [0.9, 0.9]), *accuracies("without_leakage", [0.5, 0.51], kernel="triton")]
    assert verdict(rows)["numbers"] == ""
    rows += accuracies("without_leakage", [0.5, 0.51])
    line = verdict(rows)
    assert (line["verdict"], line["kernel"]) == ("supported", "numba-cpu")
