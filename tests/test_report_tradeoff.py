"""The trade-off of Section 5, each number by hand."""

import io

import pandas as pd
import pytest
from report_rows import ready, row

from suite.report.table import written
from suite.report.tradeoff import criteria, pareto, tradeoff

ABOUT = {"dataset": "n_mnist", "data_source": "original"}


def resolutions(variant, accuracies, mode="fixed_steps", readout="trained", **about):
    return [
        row(
            experiment="generalization",
            variant=variant,
            value=value,
            at={"dt_ms": ms, "n_steps": 15, "mode": mode, "readout": readout},
            **{**ABOUT, **about},
        )
        for ms, value in accuracies.items()
    ]


def of(variant, experiment, metric, value, at=None, **about):
    given = {**ABOUT, "variant": variant, "experiment": experiment, "metric": metric, **about}
    return row(value=value, at=at or {}, **given)


def numbers(rows):
    table = criteria(ready(rows))
    return {(line["variant"], line["criterion"]): line for line in table.to_dict("records")}


def test_worst_resolution_is_the_lowest_of_each_seed_and_needs_them_all():
    """Worst of seed 0: 0.5 at 1 ms, of seed 1: 0.7 at 10 ms: mean 0.6. The last step's 0.1 is another readout."""
    rows = resolutions("baseline", {1: 0.5, 2: 0.8, 3: 0.9, 5: 0.8, 10: 0.6})
    rows += resolutions("baseline", {1: 0.9, 2: 0.8, 3: 0.9, 5: 0.8, 10: 0.7}, seed=1)
    rows += resolutions("baseline", {1: 0.1, 2: 0.1, 3: 0.1, 5: 0.1, 10: 0.1}, readout="last_step")
    rows += resolutions("without_reset", {1: 0.4, 3: 0.9})  # 2, 5 and 10 ms are missing
    found = numbers(rows)
    assert set(found) == {("baseline", "worst_fixed_steps")}
    line = found["baseline", "worst_fixed_steps"]
    assert line["mean"] == pytest.approx(0.6)
    assert line["n"] == 2
    assert not line["best"]  # of one variant nothing is best


def test_costs_are_best_when_low_and_operations_are_both_kinds_together():
    rows = []
    for variant, rate, acs, macs in (("baseline", 0.1, 100, 900), ("without_reset", 0.2, 500, 400)):
        rows += [
            of(variant, "spike_rate", "spike_rate", rate),
            of(variant, "spike_rate", "spike_rate", 9.0, {"layer": 1}),
            of(variant, "spike_rate", "effective_acs", acs),
            of(variant, "spike_rate", "effective_macs", macs),
        ]
    found = numbers(rows)
    assert found["baseline", "operations"]["mean"] == 1000
    assert found["without_reset", "operations"]["mean"] == 900
    assert [found[v, "operations"]["best"] for v in ("baseline", "without_reset")] == [False, True]
    assert [found[v, "spike_rate"]["best"] for v in ("baseline", "without_reset")] == [True, False]


def test_a_median_beyond_the_cap_is_the_most_robust_and_not_left_out_of_a_mean():
    def flips(variant, value, seed):
        return of(variant, "robustness", "flips_median", value, {"attack": "gradient"}, seed=seed)

    rows = [flips("baseline", 50, 0), flips("baseline", None, 1), flips("without_leakage", 60, 0)]
    rows.append(of("without_leakage", "robustness", "flips_median", 9999, {"attack": "random"}))
    found = numbers(rows)
    assert found["baseline", "flips_median"]["best"]
    assert found["without_leakage", "flips_median"]["mean"] == 60
    table = tradeoff(ready(rows))
    i = [column.name for column in table.columns].index("median flips to mislead")
    assert {cells[table.n_section]: written(cells[i]) for cells in table.rows} == {
        "baseline": "beyond the cap, n=2 *",
        "without_leakage": "60, n=1",
    }


def test_data_protocols_frameworks_and_kernels_are_apart():
    """Each line alone in its section: nothing is best."""
    changes = ({}, {"data_source": "standin"}, {"protocol": "smoke"}, {"backend": "snntorch"}, {"kernel": "triton"})
    rows = [of(f"k=0.{i}", "accuracy", "test_accuracy", 0.5, **change) for i, change in enumerate(changes)]
    table = criteria(ready(rows))
    assert len(table) == len(changes)
    assert not table["best"].any()
    on = table.set_index("variant")["framework"]
    assert (on["k=0.0"], on["k=0.4"], on["k=0.3"]) == ("SpikingJelly (numba-cpu)", "SpikingJelly (triton)", "snnTorch")
    rows[1:] = [of("k=0.9", "accuracy", "test_accuracy", 0.6)]
    assert criteria(ready(rows))["best"].tolist() == [False, True]


def test_files_leave_blank_what_is_not_measured():
    rows = [of("baseline", "accuracy", "test_accuracy", value, seed=seed) for seed, value in enumerate((0.8, 0.9))]
    table = tradeoff(ready(rows))
    # s = 0.0707, half-width 12.706 * 0.0707 / sqrt(2) = 0.635
    assert "| baseline | 85.0 [3.7, 99.9], n=2 |  |  |  |  |  |" in table.markdown()
    assert "### n_mnist: data original, protocol suite" in table.markdown()
    (line,) = pd.read_csv(io.StringIO(table.csv())).to_dict("records")
    assert line["mean"] == pytest.approx(0.85)
    assert tradeoff(ready([])).rows == ()


def test_the_front_is_what_nothing_beats():
    """a is most accurate, b cheapest; c is beaten by both, d by a; without operations of e the other criteria count."""

    def cell(variant, accuracy, operations):
        rows = [row(value=accuracy, variant=variant)]
        about = {"experiment": "spike_rate", "variant": variant, "unit": "operations per sample"}
        rows += [row(value=operations, metric="effective_acs", **about)] * (operations is not None)
        rows += [row(value=0.0, metric="effective_macs", **about)] * (operations is not None)
        return rows

    rows = [*cell("a", 0.9, 500.0), *cell("b", 0.8, 100.0), *cell("c", 0.7, 600.0), *cell("d", 0.9, 700.0)]
    assert pareto(ready(rows)).query("front")["variant"].tolist() == ["a", "b"]
    rows += cell("e", 0.95, None)
    assert pareto(ready(rows)).query("front")["variant"].tolist() == ["e"]
    assert pareto(ready([])).empty
