"""Figure 7: the last hidden layer's features in two dimensions, with numbers that do not depend on the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from suite.drawing import FULL, Drawing, file_name, label, new_figure, style
from suite.report.measured import by_framework, means, measured, tables
from suite.report.settings import about_setting, with_labels

# Few colours with several marks each can be told apart with any colour vision; ten colours cannot.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "^", "s", "x", "P", "v", "D")


def draw(frame: pd.DataFrame, folder: Path) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    points = tables(frame, folder, "features", "tsne")
    numbers = measured(frame, "features", "silhouette", "knn_accuracy")
    if len(points):
        for setting, framework, part in by_framework(points):
            own = numbers[numbers["run_id"].isin(set(part["run_id"]))]
            yield _draw(setting, framework, part, means(with_labels(own), ["line", "metric"]))


def _draw(setting: dict[str, Any], framework: str, rows: pd.DataFrame, numbers: pd.DataFrame) -> Drawing:
    first = rows[rows["seed"] == rows.groupby("line")["seed"].transform("min")]
    lines = list(dict.fromkeys(first["line"]))
    value = numbers.set_index(["line", "metric"])["mean"]
    classes = sorted(first["label"].unique())
    samples = int(first.groupby("run_id").size().max())
    caption = (
        f"{about_setting(setting, rows)} {framework}. t-SNE (perplexity 30, PCA start) of the time-mean spikes of the "
        f"last hidden layer, {samples} test samples of the lowest seed; distances between clusters mean little. "
        "Silhouette (-1 to 1) and leave-one-out accuracy of 5 nearest neighbours are of the features themselves, mean "
        "over seeds."
    )
    with style():
        n_rows = -(-len(lines) // 3)
        figure, axes = new_figure(FULL, 2.3 * n_rows, caption, nrows=n_rows, ncols=min(3, len(lines)))
        for ax in axes.flat[len(lines) :]:
            ax.axis("off")
        for i, (ax, line) in enumerate(zip(axes.flat, lines, strict=False)):
            part = first[first["line"] == line]
            for j, name in enumerate(classes):
                own = part[part["label"] == name]
                look = {"color": COLOURS[j % len(COLOURS)], "markersize": 2.4, "markeredgewidth": 0}
                ax.plot(
                    own["x"], own["y"], MARKERS[j // len(COLOURS) % len(MARKERS)], linestyle="", label=str(name), **look
                )
            ax.set_title(f"({'abcdefghi'[i]}) {label(line)}".replace(" + ", " +\n"))
            silhouette, knn = (value.get((line, metric), math.nan) for metric in ("silhouette", "knn_accuracy"))
            ax.set_xlabel(f"t-SNE 1 (silhouette {silhouette:.2f}, kNN {100 * knn:.0f} %)")
            ax.set_ylabel("t-SNE 2")
            ax.set_xticks([])
            ax.set_yticks([])
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", title="class", markerscale=3)
    name = file_name("figure7_features", setting["name"], framework)
    data = first[["line", "seed", "x", "y", "label"]]
    return Drawing(name, f"Figure 7: features on {setting['dataset']}, {framework}", caption, figure, data)
