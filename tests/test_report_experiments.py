"""Figures and Table 7 of the experiments, from made-up rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_rows import frame_of, row

from neurons import Variant
from suite import artifacts, drawing
from suite.errors import ResultsError
from suite.report import attacks, embeddings, experiments, landscapes, rates, resolutions, sweeps
from suite.report.attacks import survival
from suite.report.measured import means, measured, sweep_k, with_baselines
from suite.report.page import render
from suite.report.table7 import latex7, markdown7, summary7, table7
from suite.variants import describe

TORCH = {"backend": "torch", "engine": "none", "kernel": "torch-cpu"}
ON = {"dataset": "n_mnist", "data_source": "original"}


def parameters(name):
    return json.dumps(asdict(describe(name) or Variant(name)))


def text_of(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def resolution(variant, values, mode="fixed_steps", **about):
    return [
        row(experiment="generalization", variant=variant, value=value,
            condition=f"dt_ms={dt}, n_steps=15, mode={mode}, readout=trained", **{**ON, **about})
        for dt, value in zip((1, 2, 3, 5, 10), values, strict=True)
    ]  # fmt: skip


@pytest.fixture
def table_7_frame():
    rows = [
        *resolution("baseline", (0.8, 0.9, 0.95, 0.9, 0.7)),
        *resolution("baseline", (0.6, 0.9, 0.95, 0.9, 0.7), seed=1),
        *resolution("lstm", (0.3, 0.9, 0.98, 0.6, 0.1), **TORCH),
    ]
    return frame_of(rows)


def test_measured_takes_the_last_of_each_run_and_what_counts():
    about = {"experiment": "spike_rate", "metric": "spike_rate", "condition": "layer=1"}
    rows = [
        row(value=0.1, **about),
        row(value=0.2, **about, finished_at="2026-02-01T00:00:00+00:00"),
        row(value=0.9, **about, seed=1, status="diverged"),
        row(value=None, **about, seed=2),
        row(value=0.3, **{**about, "condition": "layer=2"}),
    ]
    found = measured(frame_of(rows), "spike_rate", "spike_rate")
    assert found[["layer", "value"]].to_numpy().tolist() == [["2", 0.3], ["1", 0.2]]
    assert measured(frame_of(rows), "features", "silhouette").empty


def test_baselines_stand_beside_every_engine():
    rows = [
        row(engine="fused"),
        row(engine="step"),
        row(variant="lstm", **TORCH),
        row(variant="gru", dataset="shd", **TORCH),
    ]
    found = with_baselines(frame_of(rows))
    assert sorted(zip(found["variant"], found["engine"], strict=True)) == [
        ("baseline", "fused"), ("baseline", "step"), ("gru", "none"), ("lstm", "fused"), ("lstm", "step"),
    ]  # fmt: skip


def test_k_of_a_sweep():
    assert sweep_k(parameters("k=0.3")) == 0.3
    assert sweep_k(json.dumps(asdict(Variant("complete_leakage", leakage=0.0)))) == 0.0
    for name in ("k=0.3+gain=1-k", "k=0.3+without_reset", "baseline", "k=learnable"):
        assert np.isnan(sweep_k(parameters(name)))
    assert np.isnan(sweep_k('{"name": "lstm"}'))


def test_means_by_hand():
    frame = pd.DataFrame({"line": ["a", "a", "b"], "value": [0.2, 0.4, 0.5]})
    assert means(frame, ["line"])[["mean", "n"]].to_numpy().tolist() == [[pytest.approx(0.3), 2], [0.5, 1]]


def test_table_7(table_7_frame):
    table = summary7(table_7_frame)
    line = table[(table["variant"] == "baseline") & (table["dt_ms"] == 1)].iloc[0]
    assert (line["mean"], line["n"], line["paper"]) == (pytest.approx(0.7), 2, pytest.approx(0.9082))
    assert set(table["engine"]) == {"fused"}  # lstm beside the spiking networks
    said = markdown7(table_7_frame)
    # t(0.975, 1) = 12.7062; s / sqrt(2) = 0.1
    assert "| baseline | SpikingJelly | 70.0 ± 127.1 | 90.0 ± 0.0 |" in said
    assert "| baseline | paper | 90.8 | 94.1 | 94.8 | 94.8 | 94.6 |" in said
    assert "| lstm | PyTorch | 30.0 | 90.0 | 98.0 | 60.0 | 10.0 |" in said
    assert said.index("baseline | SpikingJelly") < said.index("lstm | PyTorch")
    assert latex7(table_7_frame).count(r"\begin{tabular}") == 1
    assert "n = 1 to 2 seeds" in said
    standin = frame_of(resolution("baseline", (0.8, 0.9, 0.95, 0.9, 0.7), data_source="standin"))
    assert "| baseline | paper | (90.8) |" in markdown7(standin)
    assert table7(frame_of([row()])) == {}


def test_the_page_has_table_7_and_the_verdicts(table_7_frame):
    page = render(table_7_frame, [])
    assert "beside Table 7" in page
    assert "<td>70.0 ± 127.1</td>" in page
    table_7, _, after = page[page.index("beside Table 7") :].partition("What each variant gains and costs")
    assert table_7.count("<td>lstm</td>") == 2  # measured, and the paper's
    # worst of Table 7's resolutions: 0.7 and 0.6; of lstm 0.1
    assert "<td>65.0 ± 63.5, n=2 *</td>" in after
    assert "<td>10.0, n=1</td>" in after
    assert "SNNs keep their accuracy at other resolutions better" in page
    assert "no rows yet" in page
    assert "beside Table 7" not in render(frame_of([row()]), [])


def test_resolutions(table_7_frame):
    (made,) = resolutions.draw(table_7_frame)
    assert set(made.data["line"]) == {"baseline", "lstm"}
    assert "n_mnist, original" in text_of(made.figure)
    assert "1 to 2 seeds" in text_of(made.figure)
    drawn = made.figure.axes[0].get_lines()[0]
    assert drawn.get_ydata().tolist() == pytest.approx([70, 90, 95, 90, 70])


def histogram(variant, counts, rate, **about):
    at = {"experiment": "spike_rate", "variant": variant, **ON, **about}
    rows = [
        row(metric="neurons", value=counts.get(i, 0), condition=f"layer=1, bin={i / 50:.2f}-{(i + 1) / 50:.2f}", **at)
        for i in range(50)
    ]
    return [*rows, row(metric="spike_rate", value=rate, **at), row(metric="dead_fraction", value=0.25, **at),
            row(metric="effective_acs", value=286_000, **at)]  # fmt: skip


def test_rates():
    rows = [*histogram("baseline", {0: 3, 10: 1}, 0.1), *histogram("baseline", {0: 1, 10: 1}, 0.3, seed=1)]
    (made,) = rates.draw(frame_of([*rows, *histogram("without_reset", {49: 4}, 0.99)]))
    data = made.data.set_index(["line", "low"])["mean"]
    assert data["baseline", 0.0] == pytest.approx((0.75 + 0.5) / 2)
    assert data["without_reset", 0.98] == 1
    said = " ".join(text.get_text() for text in made.figure.axes[0].texts)
    assert "mean 0.200" in said
    assert "silent 25 %" in said
    assert "286 k" in said


def landscape_rows(folder, variant, steepness, **about):
    axis = np.linspace(-1, 1, 5)
    table = pd.DataFrame([(x, y, 1 + steepness * (x * x + y * y), 0.9, "grid") for y in axis for x in axis],
                         columns=["x", "y", "loss", "accuracy", "part"])  # fmt: skip
    at = {"experiment": "landscape", "variant": variant, **ON, **about}
    made = row(**at)
    rows = [row(**at, **artifacts.save(folder, made["run_id"], "landscape", "pair0", table))]
    for pair in (0, 1):
        for radius in (0.25, 0.5, 1.0):
            condition = f"radius={radius}, pair={pair}"
            value = steepness * radius**2 * (1 + pair)
            rows.append(row(metric="loss_rise", value=value, condition=condition, **{**at, "unit": "nats"}))
            rows.append(row(metric="accuracy_fall", value=0.1 * radius, condition=condition, **at))
    return rows


def test_landscapes(tmp_path):
    rows = [
        *landscape_rows(tmp_path, "baseline", 1),
        *landscape_rows(tmp_path, "without_leakage+with_recurrence", 2),
        *landscape_rows(tmp_path, "lstm", 4, **TORCH),
    ]
    surface, contour, rise = landscapes.draw(frame_of(rows), tmp_path)
    assert surface.data.groupby("line")["rise"].max().to_dict() == {
        "baseline": 2, "without_leakage+with_recurrence": 4, "lstm": 8,
    }  # fmt: skip
    assert surface.data["rise"].min() == 0
    tops = {ax.get_zlim()[1] for ax in surface.figure.axes}
    assert tops == {8.0}  # one scale
    assert len(contour.figure.axes) == 4  # three models and the scale
    number = rise.data[
        (rise.data["line"] == "lstm") & (rise.data["metric"] == "loss_rise") & (rise.data["radius"] == 1)
    ]
    assert number["mean"].tolist() == [6.0]  # (4 + 8) / 2
    assert number["n"].tolist() == [2]
    assert number["sd"].tolist() == [pytest.approx(8**0.5)]  # of 4 and 8
    assert "2 random planes" in text_of(rise.figure)
    assert "SpikingJelly (lstm: PyTorch). Rise of the training loss (nats, 100 samples)" in text_of(surface.figure)
    for one in (surface, contour, rise):
        drawing.save(one, tmp_path)
    (tmp_path / rows[0]["condition"]).unlink()
    with pytest.raises(ResultsError, match="cannot be read"):
        list(landscapes.draw(frame_of(rows), tmp_path))


def test_features(tmp_path):
    rows = []
    for variant in ("baseline", "without_reset"):
        at = {"experiment": "features", "variant": variant, **ON}
        table = pd.DataFrame({"x": [0.0, 1, 2], "y": [0.0, 1, 4], "label": [0, 1, 1]})
        rows += [row(**at, **artifacts.save(tmp_path, variant, "features", "tsne", table))]
        rows += [row(metric="silhouette", value=0.25, **at), row(metric="knn_accuracy", value=0.5, **at)]
    (made,) = embeddings.draw(frame_of(rows), tmp_path)
    assert len(made.data) == 6
    assert made.figure.axes[0].get_xlabel() == "t-SNE 1 (silhouette 0.25, kNN 50 %)"


def test_survival_by_hand():
    """Misled at 2, 4, 4 flips; given up at 3: 4 at risk, 3/4 left; 2 at risk, none left."""
    budgets, share = survival(np.array([2, 4, 4, 3]), np.array([1, 1, 1, 0]))
    assert budgets.tolist() == [2, 4]
    assert share.tolist() == [0.75, 0.0]
    budgets, share = survival(np.array([5, 5]), np.array([0, 0]))
    assert len(budgets) == len(share) == 0
    assert survival(np.array([1, 5]), np.array([1, 0]))[1].tolist() == [0.5]


def attack_rows(folder, variant, flips, **about):
    at = {"experiment": "robustness", "variant": variant, "variant_parameters": parameters(variant), **ON, **about}
    n = len(flips)
    lines = {"sample": range(n), "label": 0, "elements": 100, "iterations": 1, "l2": 1.0, "success": 1}
    table = pd.concat([pd.DataFrame({**lines, "attack": kind, "flips": flips}) for kind in ("gradient", "random")])
    return [row(**at, **artifacts.save(folder, variant, "robustness", "samples", table)),
            row(metric="flips_median", value=float(np.median(flips)), condition="attack=gradient", **at)]  # fmt: skip


def test_attacks(tmp_path):
    rows = [*attack_rows(tmp_path, "baseline", [4, 8]), *attack_rows(tmp_path, "with_recurrence", [2, 3])]
    (made,) = attacks.draw(frame_of(rows), tmp_path)
    lines = made.data[(made.data["line"] == "baseline") & (made.data["attack"] == "gradient")]
    assert lines[["flips", "share_right"]].to_numpy().tolist() == [[0.5, 1], [4, 0.5], [8, 0]]
    assert "2021), 2 correctly classified" in text_of(made.figure)
    for k in (0.1, 0.5, 0.9):
        rows += attack_rows(tmp_path, f"k={k}", [int(100 * (1 - k)) + 1, 200])
    named, swept = attacks.draw(frame_of(rows), tmp_path)
    assert set(named.data["line"]) == {"baseline", "with_recurrence"}
    assert list(dict.fromkeys(swept.data["line"])) == ["k = 0.1", "k = 0.5", "k = 0.9"]


def test_leak_sweep(tmp_path):
    rows = []
    for k in (0.1, 0.5, 0.9):
        variant = f"k={k}"
        at = {"experiment": "leak_sweep", "variant": variant, "variant_parameters": parameters(variant), **ON}
        rows += [row(value=k / 2, **at), row(metric="spike_rate", value=0.1, **at)]
        rows += attack_rows(tmp_path, variant, [10, 20])
        rows += resolution(variant, (0.5, 0.6, 0.7, 0.6, 0.5), variant_parameters=parameters(variant))
    learnt = pd.DataFrame({"layer": 1, "neuron": range(4), "k": [0.6, 0.7, 0.7, 0.8]})
    at = {"experiment": "leak_sweep", "variant": "baseline", "variant_parameters": parameters("baseline"), **ON}
    rows.append(row(**at, **artifacts.save(tmp_path, "base", "leak_sweep", "k", learnt)))
    (made,) = sweeps.draw_leaks(frame_of(rows), tmp_path)
    data = made.data.set_index(["metric", "k"])["mean"]
    assert data["test_accuracy", 0.9] == 0.45
    assert data["accuracy at 10 ms", 0.1] == 0.5
    assert data["flips_median", 0.5] == 15
    assert "4 neurons" in text_of(made.figure)
    for ax in made.figure.axes[:5]:  # no panel cuts its highest point, and each has its numbers
        assert ax.get_ylim()[1] > ax.get_lines()[0].get_ydata().max()
        assert all(label.get_visible() for label in ax.get_xticklabels())
    two = [r for r in rows if r["variant"] != "k=0.5"]
    assert list(sweeps.draw_leaks(frame_of(two), tmp_path)) == []  # two points are no sweep


def test_leak_sweep_shows_the_learnable_k_and_no_mean_of_medians_beyond_the_cap(tmp_path):
    rows = []
    for k in (0.1, 0.5, 0.9):
        variant = f"k={k}"
        about = {"variant": variant, "variant_parameters": parameters(variant), **ON}
        rows += [row(experiment="leak_sweep", value=k / 2, seed=seed, **about) for seed in (0, 1)]
        flips = {"experiment": "robustness", "metric": "flips_median", "condition": "attack=gradient", **about}
        rows += [row(value=10, **flips), row(value=None if k == 0.5 else 20, seed=1, **flips)]
    at = {"experiment": "leak_sweep", "variant": "baseline", "variant_parameters": parameters("baseline"), **ON}
    learnt = pd.DataFrame({"layer": 1, "neuron": range(4), "k": [0.6, 0.7, 0.7, 0.8]})
    rows += [
        row(value=0.47, **at),
        row(**at, **artifacts.save(tmp_path, row(**at)["run_id"], "leak_sweep", "k", learnt)),
    ]
    (made,) = sweeps.draw_leaks(frame_of(rows), tmp_path)
    flips = made.data[made.data["metric"] == "flips_median"]
    assert dict(zip(flips["k"], flips["mean"], strict=True)) == {0.1: 15, 0.9: 15}
    dashed = [line for line in made.figure.axes[0].get_lines() if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [pytest.approx(47)]
    assert "Dashed: the learnable k" in text_of(made.figure)


def test_diagnosis_and_ladder():
    rows = []
    for variant, value in (("complete_leakage", 0.1), ("k=1+gain=1-k", 0.05)):
        at = {"experiment": "diagnosis", "dataset": "shd", "variant": variant, "value": value}
        rows += [row(metric=metric, **at) for metric in ("test_accuracy", "spike_rate", "prediction_entropy")]
    (made,) = sweeps.draw_diagnosis(frame_of(rows))
    assert len(made.data) == 6
    assert not made.figure.axes[0].collections  # one seed: no error bars
    assert [label.get_text() for label in made.figure.axes[0].get_xticklabels()] == ["k = 0\ngain 1", "k = 1\ngain 1-k"]
    rows = [
        row(
            experiment="delay_ladder", dataset=name, data_hash=name, protocol_hash=name, condition=f"T={T}", value=1 / T
        )
        for name, T in (("xor", 200), ("xor_50", 50), ("xor_100", 100))
    ]
    (made,) = sweeps.draw_ladder(frame_of(rows))  # three datasets, one figure
    assert "SpikingJelly" in text_of(made.figure)
    assert [text.get_text() for text in made.figure.legends[0].get_texts()] == ["baseline"]  # one framework: no key
    assert dict(zip(made.data["T"], made.data["mean"], strict=True)) == {200: 0.005, 50: 0.02, 100: 0.01}


def test_no_rows_no_figures(tmp_path: Path):
    assert list(experiments.draw(frame_of([row()]), tmp_path)) == []
    assert list(experiments.draw(frame_of([]), tmp_path)) == []
