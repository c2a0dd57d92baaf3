"""The tables against means and intervals worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from report_rows import frame_of, row
from rich.console import Console

from suite.report.summary import accuracy_rows, mean_ci, summary, superseded
from suite.report.tables import comparison, layout, table6
from suite.results import load


def printed(frame):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(comparison(frame))
    return captured.get()


def seeds(values, **about):
    return [row(value=value, seed=seed, **about) for seed, value in enumerate(values)]


def test_mean_and_interval_worked_by_hand():
    # 0.7, 0.8, 0.9: s = 0.1, t(0.975, 2) = 4.302653, half-width = 4.302653 * 0.1 / sqrt(3) = 0.248414
    mean, half = mean_ci(pd.Series([0.7, 0.8, 0.9]))
    assert mean == pytest.approx(0.8)
    assert half == pytest.approx(0.248414, abs=1e-6)


def test_one_seed_has_no_interval_and_none_has_no_mean():
    mean, half = mean_ci(pd.Series([0.7]))
    assert mean == 0.7
    assert math.isnan(half)
    assert all(math.isnan(value) for value in mean_ci(pd.Series([], dtype=float)))


def test_summary_has_the_papers_number_and_the_difference():
    (line,) = summary(frame_of(seeds([0.7, 0.8, 0.9]))).to_dict("records")
    assert (line["n"], line["ok"], line["paper"], line["chance"]) == (3, 3, 0.775, 0.5)
    assert line["difference"] == pytest.approx(0.025)
    assert line["binomial_se"] == pytest.approx(math.sqrt(0.8 * 0.2 / 100))


@pytest.mark.parametrize("about", [{"data_source": "standin"}, {"protocol": "smoke"}])
def test_no_difference_from_the_paper_where_none_is_meant(about):
    line = summary(frame_of(seeds([0.7], **about))).iloc[0]
    assert line["paper"] == 0.775
    assert math.isnan(line["difference"])


@pytest.mark.parametrize(
    "other",
    [
        {"data_source": "standin"},
        {"data_hash": "ffff"},
        {"protocol": "paper"},
        {"backend": "snntorch"},
        {"engine": "step", "kernel": "spikingjelly-step"},
        {"variant_parameters": '{"leakage": 0.9}'},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_is_never_in_one_mean(other):
    table = summary(frame_of(seeds([0.6, 0.6]) + seeds([0.9, 0.9], **other)))
    assert sorted(table["mean"]) == [0.6, 0.9]


def test_statuses_are_counted_and_only_ok_and_dead_enter_the_mean():
    rows = [
        *seeds([0.6]),
        row(value=0.5, seed=1, status="dead"),
        row(value=0.9, seed=2, status="diverged"),
        row(value=None, seed=3, status="failed"),
        row(value=None, seed=4, status="skipped"),
    ]
    line = summary(frame_of(rows)).iloc[0]
    assert line["mean"] == pytest.approx(0.55)
    assert [line[status] for status in ("n", "ok", "dead", "diverged", "failed", "skipped")] == [2, 1, 1, 1, 1, 1]
    text = layout(summary(frame_of(rows)))["SpikingJelly"].iloc[0]
    assert text == "55.0 ± 63.5, n=2, 1 dead, 1 diverged, 1 failed, 1 skipped"


def test_a_cell_without_any_value_says_so_and_stays_in_the_table():
    text = layout(summary(frame_of([row(value=None, status="diverged")])))
    assert text["SpikingJelly"].tolist() == ["1 diverged"]


def test_the_last_of_two_runs_of_a_seed_counts():
    rows = [
        row(value=0.9, run_id="new", finished_at="2026-01-02T00:00:00+00:00"),
        row(value=0.1, run_id="old", finished_at="2026-01-01T00:00:00+00:00"),
    ]
    assert accuracy_rows(frame_of(rows))["value"].tolist() == [0.9]
    assert superseded(frame_of(rows)) == 1


def test_a_skip_is_dropped_once_its_cell_has_been_run_and_kept_until_then():
    skip = row(value=None, status="skipped", data_source="missing", data_hash=None)
    assert accuracy_rows(frame_of([skip]))["status"].tolist() == ["skipped"]
    assert accuracy_rows(frame_of([skip, row(value=0.5)]))["status"].tolist() == ["ok"]
    assert len(accuracy_rows(frame_of([skip, row(value=0.5, seed=1)]))) == 2


def test_other_metrics_and_experiments_stay_out():
    rows = [*seeds([0.6]), row(metric="test_loss", value=1.0), row(experiment="generalization", value=0.1)]
    assert summary(frame_of(rows))["mean"].tolist() == [0.6]


def test_a_shared_kernel_is_said_and_marked_and_an_unshared_one_is_not():
    fused = seeds([0.6]) + seeds([0.6], backend="snntorch")
    step = [
        *seeds([0.7], engine="step", kernel="spikingjelly-step"),
        *seeds([0.7], engine="step", kernel="snntorch-step", backend="snntorch"),
    ]
    assert "same kernel (numba-cpu)" in " ".join(printed(frame_of(fused)).split())
    assert "same kernel" not in printed(frame_of(step))
    both = layout(summary(frame_of(fused + step)))
    assert both["engine"].tolist() == ["fused †", "step"]
    for text in (table6(frame_of(fused))["table6.md"], table6(frame_of(fused))["table6.tex"]):
        assert "by construction" in text


def test_rows_come_in_the_papers_order():
    rows = [
        row(value=0.5, dataset=d, variant=v) for d in ("mnist", "xor") for v in ("with_recurrence", "mine", "baseline")
    ]
    text = layout(summary(frame_of(rows)))
    assert list(zip(text["dataset"], text["variant"], strict=True)) == [
        (d, v) for d in ("xor", "mnist") for v in ("baseline", "with_recurrence", "mine")
    ]


def test_every_row_of_every_format_names_its_data_source():
    rows = seeds([0.6], data_source="original", dataset="mnist") + seeds([0.5], data_source="standin", dataset="mnist")
    files = table6(frame_of(rows))
    md = [line for line in files["table6.md"].splitlines() if line.startswith("| mnist")]
    tex = [line for line in files["table6.tex"].splitlines() if line.startswith("mnist")]
    csv = files["table6.csv"].splitlines()[1:]
    for lines in (md, tex, csv):
        assert ["original" in line for line in lines] == [True, False]
        assert ["standin" in line for line in lines] == [False, True]
    assert "data original" in printed(frame_of(rows))


def test_latex_escapes_what_latex_would_trip_over():
    tex = table6(frame_of(seeds([0.6, 0.8], variant="mine_50%&#")))["table6.tex"]
    assert r"mine\_50\%\&\#" in tex
    assert r"70.0 $\pm$ 127.1, n=2" in tex
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") == 1
    body = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in body} == {6}


def test_variants_of_one_name_and_two_definitions_are_told_apart():
    text = layout(summary(frame_of(seeds([0.6]) + seeds([0.7], variant_parameters='{"leakage": 0.9}'))))
    assert len(set(text["variant"])) == 2
    assert all(name.startswith("baseline #") for name in text["variant"])


def test_no_rows_is_said():
    assert "no test_accuracy rows" in printed(frame_of([]))


def test_markup_in_a_name_is_text():
    assert "[red]mine" in printed(frame_of(seeds([0.6], variant="[red]mine")))


def test_csv_can_be_read_back(tmp_path):
    path = tmp_path / "table6.csv"
    path.write_text(table6(frame_of(seeds([0.7, 0.8, 0.9])))["table6.csv"])
    table = pd.read_csv(path)
    assert np.isclose(table["ci95"].iloc[0], 0.248414)
    with pytest.raises(Exception, match="results file"):
        load(path)
