"""The tables against means and intervals worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from report_rows import ready, results_of, row
from rich.console import Console

from suite.errors import ResultsError
from suite.report.measured import accuracy_rows
from suite.report.statistics import interval, mean_ci
from suite.report.table import Column, Number, Table, written
from suite.report.table6 import summary, table6
from suite.report.terminal import tables
from suite.results import STATUSES, load


def printed(rows):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(*tables(results_of(rows), "accuracy"))
    return captured.get()


def texts(rows, column):
    """A column of Table 6, as written."""
    table = table6(ready(rows))
    i = [of.name for of in table.columns].index(column)
    return [written(cells[i]) for cells in table.rows]


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


def test_an_interval_of_shares_stays_within_0_and_1():
    """Of the logit: 0.9, 0.95, 1.0: logit 2.944, half-width 4.303 * 0.05 / sqrt(3) / (0.95 * 0.05) = 2.615."""
    low, high = interval(pd.Series([0.9, 0.95, 1.0]), share=True)
    assert (low, high) == pytest.approx((1 / (1 + math.exp(-0.329)), 1 / (1 + math.exp(-5.559))), abs=1e-3)
    low, high = interval(pd.Series([0.9, 0.95, 1.0]), share=False)
    assert (low, high) == pytest.approx((0.95 - 0.1242, 0.95 + 0.1242), abs=1e-4)
    near = pd.Series([0.700, 0.701, 0.702])  # where the spread is small it is the usual one
    assert interval(near, share=True) == pytest.approx(interval(near, share=False), abs=1e-5)
    for same in ([0.7], [0.7, 0.7], [1.0, 1.0], []):
        assert all(math.isnan(end) for end in interval(pd.Series(same, dtype=float), share=True))


def test_seeds_that_learn_or_do_not_are_counted():
    rows = seeds([0.5, 0.99, 0.98, 0.51, 0.99])
    line = summary(ready(rows)).iloc[0]
    assert (line["learnt"], line["n"]) == (3, 5)
    assert (line["low"], line["high"]) == pytest.approx((0.1466, 0.9473), abs=1e-4)  # beta(0.025; 3, 3), (0.975; 4, 2)
    assert texts(rows, "SpikingJelly") == ["3 of 5 learn [14.7, 94.7]"]


def test_no_interval_of_table_6_leaves_0_to_100():
    rng = np.random.default_rng(0)
    rows = [
        row(value=value, seed=seed, variant=f"k=0.{i:03}")
        for i in range(1, 60)
        for seed, value in enumerate(rng.beta(*rng.uniform(0.1, 5, 2), rng.integers(1, 7)).round(3))
    ]
    data = summary(ready(rows))
    ends = data[["low", "high"]].to_numpy().ravel()
    assert ((ends >= 0) & (ends <= 1))[~np.isnan(ends)].all()
    assert (~np.isnan(ends)).sum() > 50
    assert not any("±" in text for text in texts(rows, "SpikingJelly"))


def test_seeds_that_some_means_lack_are_named():
    rows = [*seeds([0.6, 0.7]), *seeds([0.6], variant="without_reset"), row(value=0.5, protocol="smoke", seed=7)]
    said = [note for note in table6(ready(rows)).notes if note.startswith("Seeds that others")]
    where = "without_reset on SpikingJelly (xor, suite, fused) without 1"
    assert said == [f"Seeds that others of the same setting have: {where}."]
    assert not [note for note in table6(ready(seeds([0.6, 0.7]))).notes if note.startswith("Seeds that others")]


def test_the_cross_check_is_told():
    def check(metric, value, **about):
        return row(experiment="cross_check", metric=metric, value=value, at={"neuron": "snntorch-stock"}, **about)

    rows = [*seeds([0.7]), check("changed_predictions", 0.002), check("unexplained", 0.0)]
    said = " ".join(table6(ready(rows)).notes)
    assert "at most 0.20 % of a run's predictions change" in said
    assert "differ beyond near ties" not in said
    rows += [*seeds([0.7], variant="without_reset"), check("changed_predictions", 0.2, variant="without_reset")]
    rows += [check("unexplained", 3.0, variant="without_reset")]
    said = " ".join(table6(ready(rows)).notes)
    assert "differ beyond near ties in: xor without_reset (snntorch-stock)" in said


def test_summary_has_the_papers_number_and_the_difference():
    (line,) = summary(ready(seeds([0.7, 0.8, 0.9]))).to_dict("records")
    assert (line["n"], line["ok"], line["paper"], line["chance"]) == (3, 3, 0.775, 0.5)
    assert line["difference"] == pytest.approx(0.025)
    assert line["binomial_se"] == pytest.approx(math.sqrt(0.8 * 0.2 / 100))


@pytest.mark.parametrize("about", [{"data_source": "standin"}, {"protocol": "smoke"}, {"protocol": "smoke+epochs=3"}])
def test_no_difference_from_the_paper_where_none_is_meant(about):
    line = summary(ready(seeds([0.7], **about))).iloc[0]
    assert line["paper"] == 0.775
    assert math.isnan(line["difference"])


@pytest.mark.parametrize(
    "other",
    [
        {"benchmark_version": 1},
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
    table = summary(ready(seeds([0.6, 0.6]) + seeds([0.9, 0.9], **other)))
    assert sorted(table["mean"]) == [0.6, 0.9]


def test_statuses_are_counted_and_only_ok_and_dead_enter_the_mean():
    rows = [
        *seeds([0.6]),
        row(value=0.5, seed=1, status="dead"),
        row(value=0.9, seed=2, status="diverged"),
        row(value=None, seed=3, status="failed"),
        row(value=None, seed=4, status="skipped"),
    ]
    line = summary(ready(rows)).iloc[0]
    assert line["mean"] == pytest.approx(0.55)
    assert [line[status] for status in ("n", "ok", "dead", "diverged", "failed", "skipped")] == [2, 1, 1, 1, 1, 1]
    beside = ", ".join(f"1 {status}" for status in STATUSES if status != "ok")
    assert texts(rows, "SpikingJelly") == [f"55.0 [8.6, 94.1], n=2, {beside}"]


def test_a_cell_without_any_value_says_so_and_stays_in_the_table():
    assert texts([row(value=None, status="diverged")], "SpikingJelly") == ["1 diverged"]


def test_the_last_of_two_runs_of_a_seed_counts():
    rows = [
        row(value=0.9, run_id="new", finished_at="2026-01-02T00:00:00+00:00"),
        row(value=0.1, run_id="old", finished_at="2026-01-01T00:00:00+00:00"),
    ]
    assert accuracy_rows(ready(rows))["value"].tolist() == [0.9]
    assert "1 older rows of cells that were run again are left out." in table6(ready(rows)).notes


def test_a_skip_is_dropped_once_its_cell_has_been_run_and_kept_until_then():
    skip = row(value=None, status="skipped", data_source="missing", data_hash=None)
    assert accuracy_rows(ready([skip]))["status"].tolist() == ["skipped"]
    assert accuracy_rows(ready([skip, row(value=0.5)]))["status"].tolist() == ["ok"]
    assert len(accuracy_rows(ready([skip, row(value=0.5, seed=1)]))) == 2


def test_other_metrics_and_experiments_stay_out():
    rows = [*seeds([0.6]), row(metric="test_loss", value=1.0), row(experiment="generalization", value=0.1)]
    assert summary(ready(rows))["mean"].tolist() == [0.6]


def test_a_shared_kernel_is_said_and_marked_and_an_unshared_one_is_not():
    fused = seeds([0.6]) + seeds([0.6], backend="snntorch")
    step = [
        *seeds([0.7], engine="step", kernel="spikingjelly-step"),
        *seeds([0.7], engine="step", kernel="snntorch-step", backend="snntorch"),
    ]
    assert "same kernel (numba-cpu)" in " ".join(printed(fused).split())
    assert "same kernel" not in printed(step)
    assert texts(fused + step, "engine") == ["fused †", "step"]
    for text in (table6(ready(fused)).markdown(), table6(ready(fused)).latex()):
        assert "by construction" in text


def test_rows_come_in_the_papers_order():
    rows = [
        row(value=0.5, dataset=d, variant=v) for d in ("mnist", "xor") for v in ("with_recurrence", "mine", "baseline")
    ]
    assert list(zip(texts(rows, "dataset"), texts(rows, "variant"), strict=True)) == [
        (d, v) for d in ("xor", "mnist") for v in ("baseline", "with_recurrence", "mine")
    ]


def test_every_row_of_every_format_names_its_data_source():
    rows = seeds([0.6], data_source="original", dataset="mnist") + seeds([0.5], data_source="standin", dataset="mnist")
    table = table6(ready(rows))
    md = [line for line in table.markdown().splitlines() if line.startswith("| mnist")]
    tex = [line for line in table.latex().splitlines() if line.startswith("mnist")]
    csv = table.csv().splitlines()[1:]
    for lines in (md, tex, csv):
        assert ["original" in line for line in lines] == [True, False]
        assert ["standin" in line for line in lines] == [False, True]
    assert "data original" in printed(rows)


def test_latex_escapes_what_latex_would_trip_over():
    tex = table6(ready(seeds([0.6, 0.8], variant="mine_50%&#"))).latex()
    assert r"mine\_50\%\&\#" in tex
    assert "70.0 [0.5, 99.9], n=2" in tex
    assert tex.count(r"\toprule") == tex.count(r"\bottomrule") == 1
    body = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in body} == {7}


def test_variants_of_one_name_and_two_definitions_are_told_apart():
    names = texts(seeds([0.6]) + seeds([0.7], variant_parameters='{"leakage": 0.9}'), "variant")
    assert len(set(names)) == 2
    assert all(name.startswith("baseline #") for name in names)


def test_no_rows_is_said():
    assert "no test_accuracy rows" in printed([])


def test_markup_in_a_name_is_text():
    assert "[red]mine" in printed(seeds([0.6], variant="[red]mine"))


def test_csv_can_be_read_back(tmp_path):
    path = tmp_path / "table6.csv"
    path.write_text(table6(ready(seeds([0.7, 0.8, 0.9]))).csv())
    table = pd.read_csv(path)
    assert np.isclose(table["mean"].iloc[0], 0.8)
    with pytest.raises(ResultsError, match="results file"):
        load(path)


def test_numbers_are_written_one_way():
    assert written(Number(0.775, 0.012, 5, ("1 dead",))) == "77.5 ± 1.2, n=5, 1 dead"
    assert written(Number(0.775)) == "77.5"
    assert written(Number(12.3, 0.5, signed=True, form="{:.3g}".format)) == "+12.3 ± 0.5"
    assert written(Number(-12.3, signed=True, form="{:.3g}".format)) == "-12.3"
    assert written(Number(0.5, n=2, best=True)) == "50.0, n=2 *"
    assert written(Number(n=0)) == "no value"
    assert written(Number(0.775, n=5, low=0.763, high=0.787)) == "77.5 [76.3, 78.7], n=5"
    assert written(Number(0.8, n=5, low=0.147, high=0.947, learnt=3)) == "3 of 5 learn [14.7, 94.7]"
    assert written((Number(0.5), Number(0.6))) == "50.0; 60.0"


def test_a_row_that_does_not_fit_its_columns_is_an_error():
    with pytest.raises(ValueError, match="a row of 1 cells in 2 columns"):
        Table("mine", "", (Column("a"), Column("b")), (("x",),), pd.DataFrame())


def test_details_are_left_out_in_latex_and_the_terminal_and_come_last_on_the_page():
    table = table6(ready(seeds([0.6])))
    assert [column.name for column in table.columns][5:7] == ["kernel", "variant"]
    last = table.details_last()
    assert [column.name for column in last.columns][-2:] == ["paper", "kernel"]
    assert last.rows[0][-1] == "numba-cpu"
    assert "numba-cpu" in table.markdown()
    assert "numba-cpu" not in table.latex() + printed(seeds([0.6]))


NASTY = r"<b>|x|</b> `y` *z* \ & [red]"


def test_a_name_stays_text_in_every_format():
    table = table6(ready(seeds([0.6, 0.8], variant=NASTY)))
    (line,) = [line for line in table.markdown().splitlines() if "n=2" in line]
    assert r"&lt;b>\|x\|&lt;/b> \`y\` \*z\* \\ &amp; [red]" in line
    assert line.replace(r"\|", "").count("|") == len(table.columns) + 1
    assert r"\textless{}b\textgreater{}\textbar{}x\textbar{}" in table.latex()
    assert table.csv().count(NASTY) == 1
    assert NASTY in " ".join(printed(seeds([0.6, 0.8], variant=NASTY)).split())


def test_an_accuracy_that_is_no_fraction_is_marked_and_in_no_mean():
    for value in (97.5, -0.1, math.inf, -math.inf):
        rows = [*seeds([0.6, 0.8]), row(value=value, seed=2), row(value=value, variant="without_reset")]
        assert texts(rows, "SpikingJelly") == ["70.0 [0.5, 99.9], n=2, 1 invalid", "1 invalid"]
        results = results_of(rows)
        assert "invalid: 2 accuracies that are no fraction from 0 to 1; not in the means." in printed(rows)
        tables(results, "accuracy")
        assert len(results.problems) == 2
        assert f"is {value:g}, which is no fraction from 0 to 1" in results.problems[0]
        assert "without_reset, spikingjelly, seed 0" in results.problems[1]
    assert texts([row(value=1.0), row(value=0.0, seed=1)], "SpikingJelly") == ["50.0 [0.0, 100.0], n=2"]
    assert texts([row(value=math.nan)], "SpikingJelly") == ["no value"]


def test_smoke_runs_have_no_row_beside_others_and_are_named():
    smoke = [
        row(value=0.5, dataset="shd", data_source="standin", protocol="smoke"),
        row(dataset="ssc", data_source="standin", protocol="smoke", status="diverged", value=float("nan")),
    ]
    table = table6(ready([*seeds([0.8]), *smoke]))
    assert [written(cells[0]) for cells in table.rows] == ["xor"]
    said = "Smoke runs, which only show that everything runs, have no row: shd (standin), ssc (standin, 1 diverged)."
    assert said in table.notes
    assert len(table.data) == 3
    assert [written(cells[0]) for cells in table6(ready(smoke)).rows] == ["shd", "ssc"]


def test_the_terminal_says_what_five_seeds_decide_and_nothing_of_fewer():
    high, low = [0.99, 0.98, 0.99, 0.97, 0.98], [0.61, 0.62, 0.63, 0.61, 0.6]
    rows = [*seeds(high, variant="without_reset"), *seeds(low)]
    shown = " ".join(printed(rows).split())
    assert "Reset costs accuracy" in shown
    assert "supported" in shown
    few = [one for one in rows if one["seed"] < 4]
    assert "supported" not in printed(few)
    smoke = [{**one, "protocol": "smoke"} for one in rows]
    assert "supported" not in printed(smoke)
