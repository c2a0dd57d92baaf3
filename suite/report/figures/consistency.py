"""How the implementations of one network part while they train: the gradients' difference, update by update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from suite.drawing import FULL, Drawing, key, panel_title, panels, style
from suite.report.measured import artifact_lines
from suite.report.settings import Part, by_setting
from suite.results import Results

COLOURS = {"float32": "#D55E00", "float64": "#0072B2"}
DASHES: dict[str, Any] = {"spikingjelly-step": "-", "snntorch-step": (0, (2, 1.5))}
MARKS: dict[str, dict[str, Any]] = {
    "edges": {"marker": "o", "markersize": 4, "fillstyle": "none", "markeredgewidth": 0.7},
    "spikes": {"marker": "."},
}
CAPTION = (
    "Difference of the gradient from the fused kernels', relative (norm over all weights), from the same weights on "
    "the same batches; a line a seed. Training multiplies what rounding begins. Circle: a potential is on another side "
    "of an edge of the surrogate for the first time; dot: of the threshold, so that hidden spikes differ. Where "
    "nothing is drawn, the gradients are equal to the last bit."
)


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting, a panel for each variant."""
    lines = artifact_lines(results, "consistency", "updates")
    for part in by_setting(lines):
        yield _draw(part)


def _draw(part: Part) -> Drawing:
    data = _differences(part.rows)
    caption = f"{part.about} {CAPTION}"
    with style():
        figure, axes, grid = panels(len(part.lines), 4, FULL, 1.9, caption, sharex=True, sharey=True)
        for i, (ax, line) in enumerate(zip(axes, part.lines, strict=True)):
            named: set[str] = set()
            own = data[data["line"] == line]
            for _, seed in own.groupby(["implementation", "dtype", "framework", "seed"], sort=False):
                name, dtype = seed["implementation"].iloc[0], seed["dtype"].iloc[0]
                said = f"{name}, {dtype}"
                ax.plot(
                    seed["update"],
                    seed["gradient_difference"].where(seed["gradient_difference"] > 0),
                    color=COLOURS[dtype],
                    linestyle=DASHES.get(name, ":"),
                    linewidth=0.8,
                    label=None if said in named else said,
                )
                named.add(said)
                for event, mark in MARKS.items():
                    first = seed[seed[event]].head(1)
                    ax.plot(first["update"], first["gradient_difference"], color=COLOURS[dtype], **mark)
            ax.set_yscale("log")
            ax.set_title(panel_title(i, line))
        for ax in grid[:, 0]:
            ax.set_ylabel("relative difference\nof the gradient")
        for ax in axes[-grid.shape[1] :]:
            ax.set_xlabel("update")
        key(figure, axes[0], ncols=4)
    return part.drawing("consistency", "How long the implementations train alike", caption, figure, data)


def _differences(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines to draw: in which updates hidden spikes differ, and potentials on an edge of the surrogate."""
    names = ["line", "implementation", "dtype", "framework", "seed", "update"]
    numbers = lines[["gradient_difference", "differing_spikes", "differing_surrogates"]].astype(float)
    return lines[names].assign(
        update=lines["update"].astype(int),
        gradient_difference=numbers["gradient_difference"],
        spikes=numbers["differing_spikes"] > 0,
        edges=numbers["differing_surrogates"] > 0,
    )
