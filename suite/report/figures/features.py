"""Figure 7: the last hidden layer's features in two dimensions, with numbers that do not depend on the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from suite.drawing import FULL, Drawing, key, panel_title, panels, plain, seen, style
from suite.report.measured import artifact_lines, measured
from suite.report.settings import Part, by_framework, with_labels
from suite.report.statistics import means
from suite.results import Results

# Few colours with several marks each can be told apart with any colour vision; ten colours cannot.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "^", "s", "x", "P", "v", "D")


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    numbers = measured(results, "features", "silhouette", "knn_accuracy")
    for part in by_framework(artifact_lines(results, "features", "tsne")):
        own = numbers[numbers["run_id"].isin(set(part.rows["run_id"]))]
        yield _draw(part, means(with_labels(own), ["line", "metric"]))


def _draw(part: Part, numbers: pd.DataFrame) -> Drawing:
    first = part.rows[part.rows["seed"] == part.rows.groupby("line")["seed"].transform("min")]
    value = numbers.set_index(["line", "metric"])["mean"]
    classes = sorted(first["label"].unique())
    samples = int(first.groupby("run_id").size().max())
    caption = (
        f"{part.about} t-SNE (perplexity 30, PCA start) of the time-mean spikes of the "
        f"last hidden layer, {samples} test samples of the lowest seed; distances between clusters mean little. "
        "Silhouette (-1 to 1) and leave-one-out accuracy of 5 nearest neighbours are of the features themselves, mean "
        "over seeds."
    )
    with style():
        figure, axes, _ = panels(len(part.lines), 3, FULL, 2.3, caption)
        for i, (ax, line) in enumerate(zip(axes, part.lines, strict=True)):
            points = first[first["line"] == line]
            for j, name in enumerate(classes):
                own = points[points["label"] == name]
                marker = MARKERS[j // len(COLOURS) % len(MARKERS)]
                look = {"color": COLOURS[j % len(COLOURS)], "markersize": 2.4, "markeredgewidth": 0}
                ax.plot(own["x"], own["y"], marker, linestyle="", label=plain(name), **look)
            ax.set_title(panel_title(i, line))
            silhouette, knn = (value.get((line, metric), math.nan) for metric in ("silhouette", "knn_accuracy"))
            ax.set_xlabel(f"t-SNE 1 (silhouette {silhouette:.2f}, kNN {100 * knn:.0f} %)")
            ax.set_ylabel("t-SNE 2")
            ax.set_xticks([])
            ax.set_yticks([])
        key(figure, axes[0], loc="outside right center", title="class", markerscale=3)
    data = first[["line", "seed", "x", "y", "label"]]
    parted = pd.Series({line: value.get((line, "silhouette"), math.nan) for line in part.lines}, dtype=float)
    shows = seen("silhouette", parted, "{:.2f}")
    return part.drawing("features", "Figure 7: features", caption, figure, data, shows)
