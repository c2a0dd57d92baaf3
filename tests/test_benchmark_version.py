"""Results of two versions of the benchmark are never in one mean, verdict, row or figure, and both are named."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pandas as pd
import pytest
from report_rows import artifact, curves, ready, results_of, row

from neurons import Variant
from suite.report import write
from suite.report.agreement import agreement
from suite.report.figures import draw, leak_sweep
from suite.report.generic import generic
from suite.report.measured import accuracy_rows
from suite.report.table6 import table6
from suite.report.table7 import table7
from suite.report.tradeoff import tradeoff
from suite.report.verdicts import claims, verdicts

ON = {"dataset": "n_mnist", "data_source": "original"}
AT = {"n_steps": 15, "mode": "fixed_steps", "readout": "trained"}
VALUES = {1: 0.9, 2: 0.5}
"""What each version measured."""


def rows_of(version):
    about = {**ON, "benchmark_version": version}
    for backend in ("spikingjelly", "snntorch"):
        for seed in range(2):
            same = {**about, "seed": seed, "backend": backend, "run_id": f"r-{version}-{backend}-{seed}"}
            yield row(value=VALUES[version], **same)
            yield from (row(experiment="generalization", value=VALUES[version], at={"dt_ms": dt, **AT}, **same)
                        for dt in (1, 2, 3, 5, 10))  # fmt: skip
            yield row(experiment="features", metric="silhouette", value=VALUES[version], unit="1", **same)


@pytest.fixture
def rows():
    return [made for version in VALUES for made in rows_of(version)]


@pytest.mark.parametrize("make", [table6, table7, tradeoff, agreement])
def test_every_row_of_a_table_is_of_one_version(make, rows):
    table = make(ready(rows))
    at = [column.name for column in table.columns].index("benchmark")
    assert {cells[at] for cells in table.rows} == {"1", "2"}
    assert set(table.data["benchmark_version"]) == {1, 2}
    if make is not agreement:
        assert set(zip(table.data["benchmark_version"], table.data["mean"], strict=True)) == set(VALUES.items())
    headings = {section.heading for section in table.sections()}
    assert any("benchmark 1" in heading for heading in headings)
    assert any("benchmark 2" in heading for heading in headings)


def test_an_experiment_s_table_is_of_one_version(rows):
    tables = generic(ready(rows), "features")
    assert [re.findall(r"benchmark (\d)", table.title) for table in tables] == [["1"], ["1"], ["2"], ["2"]]


def test_figures_are_of_one_version(rows):
    lines = [
        line
        for version in VALUES
        for line in curves(validation_accuracy=[0.5], benchmark_version=version, run_id=f"r-{version}-snntorch-0", **ON)
    ]
    made = [one for experiment, own in draw(ready(rows, lines)).items() if experiment for one in own]
    assert len({one.name for one in made}) == len({one.title for one in made}) == len(made) > 0
    for one in made:
        (version,) = re.findall(r"\(benchmark (\d)\)", one.caption)
        assert f"benchmark-{version}" in one.name
        if "benchmark_version" in one.data:
            assert set(one.data["benchmark_version"].astype(str)) == {version}


def test_what_training_finds_is_drawn_beside_its_own_version_only():
    about = {"experiment": "leak_sweep", **ON}
    rows = []
    for version in VALUES:
        for k in (0.2, 0.5, 0.9):
            parameters = json.dumps(asdict(Variant("k", leakage=k)))
            same = {"benchmark_version": version, "variant": f"k={k}", "variant_parameters": parameters, **about}
            rows.append(row(value=VALUES[version], run_id=f"r-{version}-{k}", **same))
        own = {**about, "benchmark_version": version, "run_id": f"r-{version}", "value": 1}
        rows.append(artifact("k", pd.DataFrame({"layer": 0, "neuron": range(version), "k": 0.5}), **own))
    made = list(leak_sweep.draw(ready(rows)))
    assert [re.findall(r"finds, (\d) neurons", one.caption) for one in made] == [["1"], ["2"]]


def test_a_verdict_is_of_one_version():
    """Together the seeds of two versions would decide what neither decides alone."""
    rows = []
    for version, low, high in ((1, 0.50, 0.80), (2, 0.51, 0.85)):
        same = {"dataset": "shd", "data_source": "original", "benchmark_version": version, "seed": version}
        rows += [row(value=high, **same), row(value=low, variant="without_leakage", **same)]
    found = verdicts(ready(rows))
    found = found[found["claim"] == "table6-no-leak"]
    assert found[["benchmark_version", "verdict"]].to_numpy().tolist() == [["1", "undecided"], ["2", "undecided"]]
    said = " ".join(cells[1] for cells in claims(ready(rows)).rows)
    assert "suite, benchmark 1, fused" in said
    assert "suite, benchmark 2, fused" in said


def test_claims_across_datasets_are_of_one_version():
    rows = []
    for version, names in ((1, ("shd", "xor")), (2, ("mnist", "cifar10", "n_mnist", "dvs128_gesture"))):
        for name in names:
            same = {"dataset": name, "data_source": "original", "benchmark_version": version}
            variants = ("baseline", "without_leakage", "complete_leakage", "without_reset")
            rows += [row(value=0.5, seed=seed, variant=variant, **same) for seed in (0, 1) for variant in variants]
    found = verdicts(ready(rows))
    across = found[found["dataset"].fillna("").str.contains(", ")]
    assert not across["benchmark_version"].str.contains(",").any()
    assert not across["dataset"].str.contains("shd.*mnist|mnist.*shd").any()


def test_a_skip_is_not_dropped_for_another_version_s_result():
    skip = row(value=None, status="skipped", data_source="missing", data_hash=None)
    assert sorted(accuracy_rows(ready([skip, row(value=0.5, benchmark_version=1)]))["status"]) == ["ok", "skipped"]


def test_the_page_names_the_versions(rows, tmp_path):
    html = write(results_of(rows), tmp_path)[0].read_text()
    assert "benchmark 1" in html
    assert "benchmark version" in html
