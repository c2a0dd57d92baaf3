"""The whole report: one page that stands alone, all of it or nothing."""

import re

import pandas as pd
import pytest
from report_rows import frame_of, row

from suite import report
from suite.errors import ResultsError
from suite.report import page
from suite.report.agreement import agreement
from suite.results import NAMES


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    rows = []
    for backend, kernel in (("spikingjelly", "spikingjelly-step"), ("snntorch", "snntorch-step")):
        for seed, value in enumerate([0.70, 0.80]):
            about = {"backend": backend, "engine": "step", "kernel": kernel, "seed": seed}
            rows.append(row(value=value + 0.01 * (backend == "snntorch") * seed, **about))
            rows += [row(metric=f"{m}_accuracy", value=0.5, epoch=1, **about) for m in ("train", "validation")]
    rows.append(
        row(
            dataset="ssc",
            data_source="missing",
            data_hash=None,
            value=None,
            status="skipped",
            reason="no <SSC> here",
            n=None,
            epoch=None,
        )
    )
    folder = tmp_path_factory.mktemp("results")
    frame_of(rows).to_csv(folder / "results.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def made(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    paths = report.make(results, out)
    assert sorted(paths) == sorted(out.iterdir())
    return paths


def test_everything_is_written(made):
    assert made[0].name == "report.html"
    names = {path.name for path in made}
    assert {"table6.csv", "table6.md", "table6.tex", "agreement.csv", "figure2_variants.svg"} <= names
    assert {f"{kind}_xor_generated_suite_step.png" for kind in ("accuracy", "figure3_curves")} <= names


def test_page_stands_alone_and_says_what_a_reader_must_know(results, made):
    html = made[0].read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', html)
    assert html.count("<img ") == 3
    assert str(results.parent) not in html
    for wanted in (
        "75.0 ± 63.5, n=2",
        "data generated",
        "no &lt;SSC&gt; here",
        "spikingjelly-step",
        "a CPU",
        "aaaa",
        "abc",
    ):
        assert wanted in html, wanted
    assert "Runs by status: 4 ok, 0 dead, 0 diverged, 0 failed, 1 skipped." in html
    assert "pytest benchmarks --dataset xor --variant baseline --backend spikingjelly,snntorch" in html


def test_agreement_is_by_seed_and_knows_a_shared_kernel():
    own = {"spikingjelly": "spikingjelly-step", "snntorch": "snntorch-step"}
    rows = []
    for backend, kernel in own.items():
        values = {"spikingjelly": [0.7, 0.8, 0.9], "snntorch": [0.6, 0.8, 0.8, 0.1]}[backend]
        for seed, value in enumerate(values):
            rows.append(row(backend=backend, seed=seed, value=value, engine="step", kernel=kernel))
            rows.append(row(backend=backend, seed=seed, value=value, variant="without_reset"))
    by_variant = agreement(frame_of(rows)).set_index(["engine", "variant"])
    line = by_variant.loc[("step", "baseline")]
    # differences 0.1, 0, 0.1: s = 0.057735, half-width = 4.302653 * 0.057735 / sqrt(3) = 0.143422; seed 3 is alone
    assert (line["n"], line["same_kernel"]) == (3, False)
    assert line["difference"] == pytest.approx(0.2 / 3)
    assert line["ci95"] == pytest.approx(0.143422, abs=1e-6)
    assert line["largest"] == pytest.approx(0.1)
    assert by_variant.loc[("fused", "without_reset"), "same_kernel"]


def test_commands_ask_for_what_the_rows_have():
    rows = [row(value=0.5, seed=seed, dataset=name) for name in ("mnist", "xor") for seed in (2, 0)]
    rows.append(row(value=0.5, variant="lstm", backend="torch", engine="none", kernel="none", data_source="standin"))
    assert page.commands(frame_of(rows)) == [
        "pytest benchmarks --dataset xor,mnist --variant baseline --backend spikingjelly --protocol suite "
        "--engine fused --seeds 0,2 --data-source auto",
        "pytest benchmarks --dataset xor --variant lstm --protocol suite --engine auto --seeds 0 --data-source standin",
    ]


def test_commands_are_for_every_experiment_and_only_for_what_was_run_on_each_dataset():
    rows = [row(value=0.5, experiment="robustness", metric="flips_median", dataset="n_mnist", variant="k=0.5")]
    rows += [row(value=0.5, experiment="delay_ladder", dataset=name) for name in ("xor", "xor_50")]
    rows.append(row(value=0.5, experiment="delay_ladder", dataset="xor_100", variant="without_reset"))
    end = "--backend spikingjelly --protocol suite --engine fused --seeds 0 --data-source auto"
    assert page.commands(frame_of(rows)) == [
        f"pytest benchmarks -m delay_ladder --dataset xor,xor_50 --variant baseline {end}",
        f"pytest benchmarks -m delay_ladder --dataset xor_100 --variant without_reset {end}",
        f"pytest benchmarks -m robustness --dataset n_mnist --variant k=0.5 {end}",
    ]


def test_a_failing_figure_leaves_the_earlier_report_as_it_was(results, tmp_path, monkeypatch):
    before = {"report.html": b"earlier", "table6.csv": b"earlier too"}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)

    def broken(_):
        raise RuntimeError("no figure")
        yield

    monkeypatch.setattr("suite.report.curves.draw", broken)
    with pytest.raises(RuntimeError, match="no figure"):
        report.make(results, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_results_without_accuracy_give_a_page_that_says_so(tmp_path):
    pd.DataFrame(columns=NAMES).to_csv(tmp_path / "results.csv", index=False)
    made = report.make(tmp_path, tmp_path / "out")
    assert "There are no test_accuracy rows" in made[0].read_text()


def test_no_results_and_a_foreign_file_are_clear_errors_and_leave_nothing(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ResultsError, match="there are no results"):
        report.make(tmp_path, out)
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ResultsError, match="unknown a, b"):
        report.make(tmp_path, out)
    assert not out.exists()


def test_an_output_that_is_a_file_is_a_clear_error(results, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot write the report"):
        report.make(results, tmp_path / "file")
