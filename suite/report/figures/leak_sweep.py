"""What changes with the leak coefficient, over the k that training finds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from suite.drawing import FULL, Drawing, error_bars, panels, seen, style, within
from suite.report.measured import KEY, SETTING, artifact_lines, measured, sweep_k
from suite.report.settings import Part, by_framework
from suite.report.statistics import means
from suite.results import Results

INK = "#0072B2"
NAMES = {
    "test_accuracy": "test accuracy (%)",
    "spike_rate": "hidden spikes per step",
    "accuracy at 1 ms": "accuracy at 1 ms (%)",
    "accuracy at 10 ms": "accuracy at 10 ms (%)",
    "flips_median": "median flips to mislead",
}


def draw(results: Results) -> Iterator[Drawing]:
    """Accuracy, rate, generalization and robustness against k, over the k that training finds, and beside it what it
    gains there. A k of which a seed's median flips lie beyond the cap has no mean of them.
    """
    own = measured(results, "leak_sweep", "test_accuracy", "spike_rate")
    rows = pd.concat([own, _resolutions(results), _flips(results)], ignore_index=True)
    rows["k"] = rows["variant_parameters"].map(sweep_k)
    learnt = artifact_lines(results, "leak_sweep", "k")
    trained = rows[rows["run_id"].isin(set(learnt["run_id"])) & (rows["variant"] == "baseline")]
    rows = rows[rows["k"].notna()]
    if rows.loc[rows["metric"] == "test_accuracy", "k"].nunique() < 3:
        return
    for part in by_framework(rows):
        here = part.rows[SETTING].iloc[0].astype(str)
        same = learnt[(learnt[SETTING].astype(str) == here).all(axis=1)]
        same = same[same["backend"].isin(set(part.rows["backend"]))]
        beside = trained[trained["run_id"].isin(set(same["run_id"])) & trained["kernel"].isin(set(part.rows["kernel"]))]
        yield _draw(part, same, beside)


def _resolutions(results: Results) -> pd.DataFrame:
    """The accuracies at 1 and 10 ms, each a metric."""
    rows = measured(results, "generalization", "test_accuracy")
    if rows.empty:
        return rows
    rows = rows[(rows["mode"] == "fixed_steps") & (rows["readout"] == "trained") & rows["dt_ms"].isin([1, 10])]
    return rows.assign(metric="accuracy at " + rows["dt_ms"].map("{:g}".format) + " ms")


def _flips(results: Results) -> pd.DataFrame:
    """The median flips of the gradient attack, without the variants of which a seed has none."""
    rows = measured(results, "robustness", "flips_median", empty=True)
    if rows.empty:
        return rows
    rows = rows[rows["attack"] == "gradient"]
    beyond = pd.MultiIndex.from_frame(rows.loc[rows["value"].isna(), KEY])
    return rows[~pd.MultiIndex.from_frame(rows[KEY]).isin(beyond)]


def _draw(part: Part, learnt: pd.DataFrame, trained: pd.DataFrame) -> Drawing:
    data = means(part.rows, ["metric", "k"])
    learnable = means(trained, ["metric"]).set_index("metric")["mean"]
    shown = [metric for metric in NAMES if (data["metric"] == metric).any()]
    caption = f"{part.about} Means over seeds; bars: 95 % t-interval (none for n = 1)."
    if len(learnt):
        caption += f" Grey: distribution of the k that training finds, {len(learnt)} neurons (all seeds)."
    if len(learnable):
        caption += " Dashed: the learnable k of the baseline."
    if data["metric"].str.startswith("accuracy at").any():
        caption += " At 1 and 10 ms: as many steps as in training."
    if (data["metric"] == "flips_median").any():
        caption += " Flips: gradient attack; no point where a median outlasts the cap."
    with style():
        figure, axes, _ = panels(len(shown), 3, FULL, 1.9, caption)
        for ax, metric in zip(axes, shown, strict=True):
            scale = 100 if "accuracy" in metric else 1
            own = data[data["metric"] == metric].sort_values("k")
            if len(learnt):
                behind = ax.twinx()
                behind.hist(learnt["k"], bins=25, range=(0, 1), color="0.85")
                behind.set_yticks([])
                behind.spines[:].set_visible(False)
                ax.set_zorder(behind.get_zorder() + 1)
                ax.patch.set_visible(False)
            error_bars(ax, own["k"], own, scale, color=INK)
            ax.set_ylabel(NAMES[metric])
            ax.set_xlabel("leak coefficient k")
            ax.set_xlim(-0.05, 1.05)
            if metric in learnable:
                ax.axhline(scale * learnable[metric], color="0.3", linestyle="--", linewidth=0.9)
            ax.set_ylim(0, max(1.08 * ax.dataLim.y1, 1e-9))  # room for the highest point; dataLim: bars too
            within(ax, 0, 100 if "accuracy" in metric else math.inf)
    accuracies = data[data["metric"] == "test_accuracy"].sort_values("k")
    shows = seen("mean test accuracy", 100 * accuracies.set_index("k")["mean"].rename(index="k = {:g}".format))
    return part.drawing("leak_sweep", "Leak sweep", caption, figure, data, shows)
