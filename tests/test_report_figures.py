"""Figures show the numbers they are made of, and leave nothing out that a reader needs."""

import math
import os
import subprocess
import sys

import matplotlib.text
import pandas as pd
import pytest
import torch
from report_rows import artifact, ready, row
from report_rows import curves as epochs

from neurons import VARIANTS
from neurons.reference import simulate
from suite import drawing
from suite.errors import ResultsError
from suite.report import figures
from suite.report.figures import accuracy, curves, variants
from suite.report.settings import with_labels
from suite.results import atomic_file


def text_of(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def test_figure_2_is_the_papers_equations():
    data = variants.data()
    x = torch.stack([variants.current().roll(delay) for delay in variants.DELAYS], dim=-1).unsqueeze(1).double()
    for name in variants.SHOWN:
        variant = VARIANTS[name]
        weight = variants.COUPLING * (1 - torch.eye(3, dtype=torch.float64)) if variant.recurrent else None
        leak = variant.resolve_leakage(variants.LEAK)
        spikes, u = simulate(x, leak=leak, threshold=variants.THRESHOLD, reset=variant.reset, recurrent_weight=weight)
        rows = data[data["variant"] == name]
        assert rows["spike"].tolist() == spikes[:, 0, 0].tolist()
        assert rows["u"].tolist() == pytest.approx(u[:, 0, 0].tolist(), abs=1e-5)
        fired = rows["spike"] == 1
        assert (rows.loc[fired, "u_after_reset"] == (rows.loc[fired, "u"] if variant.reset == "none" else 0)).all()


def test_figure_2_tells_the_variants_apart():
    spikes = variants.data().groupby("variant")["spike"].apply(tuple)
    assert spikes.nunique() == len(variants.SHOWN)


def test_curves_are_means_over_seeds_that_ended_well():
    rows = [
        *epochs(validation_accuracy=[0.2, 0.4], seed=0),
        *epochs(validation_accuracy=[0.4, 0.8], seed=1),
        *epochs(validation_accuracy=[0.9], seed=2, status="diverged"),
    ]
    (made,) = curves.draw(ready(rows, rows))
    assert made.data[["epoch", "mean", "n"]].to_numpy().tolist() == [
        [1, pytest.approx(0.3), 2],
        [2, pytest.approx(0.6), 2],
    ]
    # t(0.975, 1) = 12.7062; s = 0.2 / sqrt(2); half-width = 12.7062 * 0.1414214 / sqrt(2) = 1.27062
    assert made.data["ci95"].iloc[0] == pytest.approx(1.27062, abs=1e-5)
    ax = made.figure.axes[3]
    assert ax.get_lines()[0].get_ydata().tolist() == pytest.approx([30, 60])
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert [line.get_ydata().tolist() for line in crosses] == [[90]]
    assert "single runs that diverged" in made.caption
    assert "n = 2 seeds" in made.caption


def test_curves_have_units_and_chance_on_their_axes():
    values = {"train_accuracy": [0.5], "validation_accuracy": [0.5], "train_loss": [0.1], "validation_loss": [0.1]}
    lines = epochs(**values, loss_unit="squared error")
    (made,) = curves.draw(ready(lines, lines))
    assert [ax.get_ylabel() for ax in made.figure.axes] == ["loss (squared error)", "accuracy (%)"] * 2
    assert any(list(line.get_ydata()) == [50, 50] for line in made.figure.axes[1].get_lines())


def test_accuracy_plot_shows_seeds_mean_interval_and_the_papers_number():
    rows = [row(value=value, seed=seed) for seed, value in enumerate([0.7, 0.8, 0.9])]
    (made,) = accuracy.draw(ready(rows))
    drawn = [sorted(float(y) for y in line.get_ydata()) for line in made.figure.axes[0].get_lines()]
    for wanted in ([70, 80, 90], [80], [77.5], [50, 50]):  # seeds, mean, paper, chance
        assert pytest.approx(wanted) in drawn
    (bar,) = made.figure.axes[0].containers
    low, high = bar.lines[1]
    # logit of 0.8: 1.386294; half-width 0.248414 / (0.8 * 0.2) = 1.552588
    assert (low.get_ydata()[0], high.get_ydata()[0]) == pytest.approx((45.8522, 94.9735), abs=1e-3)
    assert "100 test samples" in made.caption


def test_chance_far_below_is_in_the_caption_and_not_on_the_axes():
    """A line at 10 % would leave no room to see 98.1 and 98.2 % apart."""
    (made,) = accuracy.draw(ready([row(dataset="mnist", value=0.98), row(dataset="mnist", value=0.982, seed=1)]))
    ax = made.figure.axes[0]
    assert ax.get_ylim()[0] > 50
    assert "Chance is 10 %." in made.caption
    assert "chance" not in [text.get_text() for text in made.figure.legends[0].get_texts()]


def test_curves_far_above_chance_have_no_chance_in_the_legend():
    accuracies = {f"{split}_accuracy": [0.97, 0.98] for split in ("train", "validation")}
    losses = {f"{split}_loss": [0.1, 0.2] for split in ("train", "validation")}
    lines = epochs(dataset="mnist", **accuracies, **losses)
    (made,) = curves.draw(ready(lines, lines))
    assert "chance" not in [text.get_text() for text in made.figure.legends[0].get_texts()]


def test_one_seed_has_no_error_bar():
    (made,) = accuracy.draw(ready([row(value=0.7)]))
    (bar,) = made.figure.axes[0].containers
    assert not bar.has_yerr


def test_runs_without_a_value_stay_in_the_accuracy_plot():
    rows = [
        row(value=0.7),
        row(value=None, seed=1, status="diverged"),
        row(value=None, variant="without_reset", status="failed"),
    ]
    (made,) = accuracy.draw(ready(rows))
    ticks = [label.get_text() for label in made.figure.axes[0].get_xticklabels()]
    assert ticks == ["baseline\n1/2\ndiverged", "without\nreset\n1/1\nfailed"]


@pytest.mark.parametrize("about", [{"data_source": "standin"}, {"protocol": "smoke"}])
def test_the_papers_number_is_left_out_where_it_does_not_compare(about):
    (made,) = accuracy.draw(ready([row(value=0.7, **about)]))
    assert 77.5 not in [float(y) for line in made.figure.axes[0].get_lines() for y in line.get_ydata()]
    assert "left out" in made.caption


@pytest.mark.parametrize("module", [curves, accuracy])
def test_data_sources_protocols_and_engines_get_figures_of_their_own(module):
    others = [
        {},
        {"benchmark_version": 1},
        {"data_source": "standin"},
        {"data_hash": "ffff"},
        {"protocol": "paper"},
        {"engine": "step", "kernel": "spikingjelly-step"},
    ]
    lines = [line for about in others for line in epochs(validation_accuracy=[0.5], **about)] * (module is curves)
    made = list(module.draw(ready([row(value=0.5, **about) for about in others], lines)))
    assert len(made) == len({one.name for one in made}) == len(others)
    for one in made:
        assert one.caption.startswith("Data: xor, ")
        assert " ".join(one.caption.split())[:60] in text_of(one.figure)
        assert one.data["data_source"].nunique() == 1


@pytest.mark.parametrize("module", [curves, accuracy])
def test_captions_say_that_a_shared_kernel_proves_nothing(module):
    def made(kernels):
        both = [{"backend": backend, "kernel": kernel} for backend, kernel in kernels.items()]
        lines = [line for about in both for line in epochs(validation_accuracy=[0.5], **about)] * (module is curves)
        (one,) = module.draw(ready([row(value=0.5, **about) for about in both], lines))
        return one.caption

    assert "by construction" in made({"spikingjelly": "numba-cpu", "snntorch": "numba-cpu"})
    assert "by construction" not in made({"spikingjelly": "spikingjelly-step", "snntorch": "snntorch-step"})


def test_two_kernels_of_one_framework_are_two_series():
    rows = [row(value=0.2), row(value=0.8, kernel="cupy-cuda")]
    assert with_labels(ready(rows).rows)["framework"].tolist() == [
        "SpikingJelly (cupy-cuda)",
        "SpikingJelly (numba-cpu)",
    ]
    (made,) = accuracy.draw(ready(rows))
    assert len(made.figure.axes[0].containers) == 2


def test_variants_keep_their_colour_and_no_two_share_one():
    colours = [drawing.colour(name) for name in VARIANTS]
    assert len(set(colours)) == len(colours)
    assert drawing.colour("my own") == drawing.colour("my own")
    assert drawing.colour("my own") not in colours


def test_saved_figure_is_png_svg_and_csv(tmp_path):
    made = next(variants.draw(ready([])))
    png, svg, csv = drawing.save(made, tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pd.read_csv(csv).shape == made.data.shape
    assert "</svg>" in svg.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([png.name, svg.name, csv.name])


def test_a_figure_that_fails_leaves_no_half_file(tmp_path, monkeypatch):
    made = next(variants.draw(ready([])))

    def broken(path, **_):
        path.write_bytes(b"half")
        raise RuntimeError("no")

    monkeypatch.setattr(made.figure, "savefig", broken)
    with pytest.raises(RuntimeError):
        drawing.save(made, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(ResultsError, match="cannot write"), atomic_file(tmp_path / "no" / "x.csv") as part:
        part.write_text("x")


def test_the_terminal_table_needs_no_plotting_library():
    code = "import sys, suite.report.terminal as _; print([m for m in ('matplotlib', 'seaborn') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


NASTY = r"$\frac{1$"


def test_a_dollar_sign_in_a_name_is_no_formula(tmp_path):
    """matplotlib's mathtext cannot read it; a name is no mathtext."""
    about = {"variant": NASTY, "dataset": NASTY, "data_source": NASTY, "backend": NASTY, "kernel": NASTY}
    rows = [row(value=0.5, **about), row(value=0.6, **{**about, "kernel": "a$b$"})]
    rows += [
        row(
            value=0.6,
            experiment="generalization",
            at={"dt_ms": 1, "mode": "fixed_steps", "readout": "trained"},
            **about,
        )
    ]
    rows += [
        row(value=0.6, experiment="diagnosis", **about),
        row(value=0.6, experiment="delay_ladder", at={"T": 9}, **about),
    ]
    lines = epochs(validation_accuracy=[0.5], train_loss=[0.5], loss_unit=NASTY, **about)
    made = [one for name, own in figures.draw(ready(rows, lines)).items() if name for one in own]
    assert len(made) == 5
    for one in made:
        drawing.save(one, tmp_path)
        drawn = one.figure.findobj(matplotlib.text.Text)
        shown = [text._preprocess_math(text.get_text()) for text in drawn if "frac" in text.get_text()]
        assert shown
        assert not any(is_math for _, is_math in shown)
        assert any("$" in said and r"\$" not in said for said, _ in shown)


def test_losses_and_accuracies_that_are_no_numbers_do_not_end_a_figure(tmp_path):
    values = {"train_loss": [math.inf, 0.5], "validation_loss": [math.inf] * 2, "train_accuracy": [97.0, 0.5]}
    lines = epochs(validation_accuracy=[0.4, math.nan], **values)
    (made,) = curves.draw(ready(lines, lines))
    drawing.save(made, tmp_path)
    means = made.data.set_index(["metric", "epoch"])["mean"]
    assert ("train_accuracy", 1) not in means
    assert means["train_accuracy", 2] == 0.5
    (made,) = accuracy.draw(ready([row(value=97.5), row(value=0.5, seed=1), row(value=math.inf, seed=2)]))
    drawing.save(made, tmp_path)
    assert "Left out: 2 accuracies that are no fraction from 0 to 1." in made.caption
    assert made.data["value"].dropna().tolist() == [0.5]


def test_users_variants_and_datasets_have_their_own_lines():
    about = {"dataset": "theirs", "n_classes": 4, "kind": "temporal", "variant": "mine"}
    (made,) = accuracy.draw(ready([row(value=0.5, **about), row(value=0.4, **{**about, "variant": "baseline"})]))
    assert list(dict.fromkeys(made.data["line"])) == ["baseline", "mine"]
    assert any(list(line.get_ydata()) == [25, 25] for line in made.figure.axes[0].get_lines())  # chance
    many = [row(value=0.5, **{**about, "variant": f"v{i}"}) for i in range(30)]
    counts = pd.DataFrame({"layer": 1, "low": [0.0, 0.5], "high": [0.02, 0.52], "neurons": [3, 1]})
    rows = []
    for i in range(30):
        at = {**about, "variant": f"v{i}", "experiment": "spike_rate"}
        rows += [artifact("histogram", counts, **at), row(metric="spike_rate", value=0.1, **at)]
    made = [one for name, own in figures.draw(ready([*many, *rows])).items() if name for one in own]
    assert [one.data["line"].nunique() for one in made] == [30, 30]
    assert made[1].figure.axes[27].get_title(loc="left").startswith("(ab) v")


def test_the_same_rows_give_the_same_bytes(tmp_path):
    """In another process, with other hashes of texts, the layout was solved in another order."""
    code = (
        "import sys; from pathlib import Path; from report_rows import ready; from suite import drawing; "
        "from suite.report.figures import variants; "
        "[drawing.save(one, Path(sys.argv[1])) for one in variants.draw(ready([]))]"
    )
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment)
    for name in ("variants.png", "variants.svg", "variants.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_frameworks_whose_curves_are_the_same_are_one_entry():
    """Two lines on one another show nothing, and a legend of both would speak of what nobody sees."""

    def names(other):
        lines = epochs(validation_accuracy=[0.5, 0.6]) + epochs(validation_accuracy=[0.5, other], backend="snntorch")
        (made,) = curves.draw(ready(lines, lines))
        return [text.get_text() for text in made.figure.legends[0].get_texts()]

    assert "SpikingJelly and snnTorch (the same)" in names(0.6)
    assert names(0.7)[1:3] == ["SpikingJelly", "snnTorch"]


def test_shares_end_at_0_and_100_whatever_their_intervals():
    rows = [row(value=value, seed=seed, variant=name) for name in ("a", "b") for seed, value in enumerate((0.02, 1.0))]
    rows += [
        row(
            experiment="generalization",
            value=value,
            seed=seed,
            at={"dt_ms": dt, "mode": "fixed_steps", "readout": "trained"},
        )
        for seed, value in enumerate((0.02, 1.0))
        for dt in (1, 3)
    ]
    lines = [
        line
        for seed, value in enumerate((0.02, 1.0))
        for line in epochs(validation_accuracy=[value] * 3, seed=seed, variant="a")
    ]
    drawn = figures.draw(ready(rows, lines))
    axes = [ax for name in ("accuracy", "generalization") for one in drawn[name] for ax in one.figure.axes]
    shares = [ax for ax in axes if ax.get_ylabel().endswith("(%)")]
    assert len(shares) == 4
    assert all(0 <= ax.get_ylim()[0] < ax.get_ylim()[1] <= 100 for ax in shares)


def test_a_legend_is_no_wider_than_its_figure():
    names = [f"a variant with a name that is long {i}" for i in range(7)]
    rows = [row(value=0.5, variant=name, experiment="generalization", dataset="n_mnist",
                at={"dt_ms": 1, "mode": "fixed_steps", "readout": "trained"}) for name in names]  # fmt: skip
    (made,) = figures.draw(ready(rows))["generalization"]
    (legend,) = made.figure.legends
    assert legend.get_window_extent().width <= made.figure.bbox.width
    assert [text.get_text() for text in legend.get_texts()] == names
