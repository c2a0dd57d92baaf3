"""Figure 4: how often hidden neurons fire, variants side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from suite.drawing import FULL, Drawing, colour, panel_title, panels, seen, style
from suite.report.measured import artifact_lines, at_all, measured
from suite.report.settings import Part, by_framework, samples
from suite.report.statistics import means
from suite.results import Results


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    counts = artifact_lines(results, "spike_rate", "histogram")
    numbers = measured(results, "spike_rate", "spike_rate", "dead_fraction", "effective_acs", "effective_macs")
    for part in by_framework(pd.concat([counts, numbers], ignore_index=True)):
        if "neurons" in part.rows and part.rows["neurons"].notna().any():
            yield _draw(part)


def _short(n: float) -> str:
    """286000 -> "286 k"."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return f"{n:.3g}"


def _draw(part: Part) -> Drawing:
    rows, lines = part.rows, part.lines
    counts = rows[rows["metric"].isna()]
    shares = counts.groupby(["line", "seed", "low"], sort=False)["neurons"].sum().rename("value").reset_index()
    shares["value"] /= shares.groupby(["line", "seed"])["value"].transform("sum")
    data = means(shares, ["line", "low"])
    whole = rows[rows["metric"].notna()]
    numbers = means(whole[at_all(whole)], ["line", "metric"]).set_index(["line", "metric"])["mean"]
    caption = (
        f"{part.about} Share of hidden neurons by mean spikes a step, in bins of 0.02, "
        f"mean over seeds; rates over {samples(rows)} test samples and all steps. Dashed: mean rate. SynOps: "
        "effective synaptic operations a sample."
    )
    with style():
        figure, axes, grid = panels(len(lines), 5, FULL, 1.9, caption, sharex=True, sharey=True)
        for i, (ax, line) in enumerate(zip(axes, lines, strict=True)):
            own = data[data["line"] == line].sort_values("low")
            ax.bar(
                own["low"], 100 * own["mean"], width=0.02, align="edge", color=colour(part.variants[line]), linewidth=0
            )
            rate = numbers.get((line, "spike_rate"), np.nan)
            ax.axvline(rate, color="0.35", linestyle="--", linewidth=0.8)
            operations = numbers.get((line, "effective_acs"), 0) + numbers.get((line, "effective_macs"), 0)
            silent = 100 * numbers.get((line, "dead_fraction"), np.nan)
            said = f"mean {rate:.3f}\nsilent {silent:.0f} %\nSynOps {_short(operations)}"
            ax.text(0.97, 0.95, said, transform=ax.transAxes, ha="right", va="top", fontsize=6.5)
            ax.set_title(panel_title(i, line))
            ax.set_yscale("symlog", linthresh=1)
            ax.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
            ax.set_ylim(0, 100)
            ax.set_xlim(0, 1)
            ax.set_xticks([0, 0.5, 1])
        for ax in grid[-1]:
            ax.set_xlabel("spikes per step")
        for ax in grid[:, 0]:
            ax.set_ylabel("hidden neurons (%)")
    rates = pd.Series({line: numbers.get((line, "spike_rate"), np.nan) for line in lines}, dtype=float)
    shows = seen("mean spikes a step", rates, "{:.3f}")
    return part.drawing("spike_rate", "Figure 4: spike rates", caption, figure, data, shows)
