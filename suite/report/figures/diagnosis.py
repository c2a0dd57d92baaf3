"""Leak against input gain: accuracy, hidden rate and prediction entropy of each."""

from __future__ import annotations

import math
from collections.abc import Iterator

from suite.drawing import FULL, Drawing, colour, new_figure, plain, seen, spread, style, within
from suite.report.measured import chance, measured
from suite.report.settings import Part, by_framework, samples
from suite.report.statistics import means
from suite.results import Results

DIAGNOSED = {
    "baseline": "baseline",
    "complete_leakage": "k = 0\ngain 1",
    "k=0+gain=1-k": "k = 0\ngain 1-k",
    "without_leakage": "k = 1\ngain 1",
    "k=1+gain=1-k": "k = 1\ngain 1-k",
}
SHADES = {"k=0+gain=1-k": "complete_leakage", "k=1+gain=1-k": "without_leakage"}
"""Whose colour a variant has that differs from it in the gain."""
UNITS = {
    "test_accuracy": "test accuracy (%)",
    "spike_rate": "hidden spikes per step",
    "prediction_entropy": "prediction entropy (nats)",
}


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    for part in by_framework(measured(results, "diagnosis", *UNITS)):
        yield _draw(part)


def _draw(part: Part) -> Drawing:
    data = means(part.rows, ["variant", "metric"])
    there = dict.fromkeys(data["variant"])
    variants = [name for name in DIAGNOSED if name in there] + [name for name in there if name not in DIAGNOSED]
    caption = (
        f"{part.about} Means over seeds; bars: 95 % t-interval (none for n = 1); "
        f"{samples(part.rows)} test samples. Dotted: chance. Entropy of how often each class is predicted: "
        "0 nats where it is always the same."
    )
    with style():
        figure, axes = new_figure(FULL, 2.0, caption, ncols=3)
        for ax, (metric, text) in zip(axes[0], UNITS.items(), strict=True):
            scale = 100 if metric == "test_accuracy" else 1
            for i, variant in enumerate(variants):
                own = data[(data["variant"] == variant) & (data["metric"] == metric)]
                if len(own):
                    shade, gain = colour(SHADES.get(variant, variant)), "gain" in variant
                    look = {"color": "white" if gain else shade, "edgecolor": shade, "hatch": "////" if gain else None}
                    mean, bar = scale * float(own["mean"].iloc[0]), scale * spread(own)
                    ax.bar(i, mean, yerr=bar if own["lower"].notna().all() else None, capsize=2, **look)
                    ax.text(i, mean + bar[1, 0], f"{mean:.3g}", ha="center", va="bottom", fontsize=6)
            if metric == "test_accuracy":
                ax.axhline(100 * chance(part.rows), color="0.5", linestyle=":", linewidth=0.8)
            ax.set_xticks(range(len(variants)), [plain(DIAGNOSED.get(name, name)) for name in variants], fontsize=6)
            ax.set_ylabel(text)
            ax.margins(y=0.15)
            within(ax, 0, 100 if metric == "test_accuracy" else math.inf)
    shows = seen("mean test accuracy", 100 * data[data["metric"] == "test_accuracy"].set_index("variant")["mean"])
    return part.drawing("diagnosis", "Leak against input gain", caption, figure, data, shows)
