"""Figure 4: how often hidden neurons fire, variants side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import FULL, Drawing, colour, file_name, label, new_figure, style
from suite.report.measured import by_framework, means, measured
from suite.report.settings import about_setting


def draw(frame: pd.DataFrame) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    rows = measured(frame, "spike_rate", "neurons", "spike_rate", "dead_fraction", "effective_acs", "effective_macs")
    for setting, framework, part in by_framework(rows):
        yield _draw(setting, framework, part)


def _short(n: float) -> str:
    """286000 -> "286 k"."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return f"{n:.3g}"


def _draw(setting: dict[str, Any], framework: str, rows: pd.DataFrame) -> Drawing:
    lines = list(dict.fromkeys(rows["line"]))
    counts = rows[rows["metric"] == "neurons"].assign(low=lambda r: r["bin"].str.partition("-")[0].astype(float))
    shares = counts.groupby(["line", "seed", "low"], sort=False)["value"].sum().reset_index()
    shares["value"] /= shares.groupby(["line", "seed"])["value"].transform("sum")
    data = means(shares, ["line", "low"])
    whole = rows[(rows["metric"] != "neurons") & rows["condition"].isna()]
    numbers = means(whole, ["line", "metric"]).set_index(["line", "metric"])["mean"]
    caption = (
        f"{about_setting(setting, rows)} {framework}. Share of hidden neurons by mean spikes a step, in bins of 0.02, "
        f"mean over seeds; rates over {int(rows['n'].max())} test samples and all steps. Dashed: mean rate. SynOps: "
        "effective synaptic operations a sample."
    )
    with style():
        n_rows = -(-len(lines) // 5)
        columns = min(len(lines), 5)
        figure, axes = new_figure(FULL, 1.9 * n_rows, caption, nrows=n_rows, ncols=columns, sharex=True, sharey=True)
        for ax in axes.flat[len(lines) :]:
            ax.set_visible(False)
        for i, (ax, line) in enumerate(zip(axes.flat, lines, strict=False)):
            shade = colour(rows.loc[rows["line"] == line, "variant"].iloc[0])
            part = data[data["line"] == line].sort_values("low")
            ax.bar(part["low"], 100 * part["mean"], width=0.02, align="edge", color=shade, linewidth=0)
            rate = numbers.get((line, "spike_rate"), np.nan)
            ax.axvline(rate, color="0.35", linestyle="--", linewidth=0.8)
            operations = numbers.get((line, "effective_acs"), 0) + numbers.get((line, "effective_macs"), 0)
            silent = 100 * numbers.get((line, "dead_fraction"), np.nan)
            said = f"mean {rate:.3f}\nsilent {silent:.0f} %\nSynOps {_short(operations)}"
            ax.text(0.97, 0.95, said, transform=ax.transAxes, ha="right", va="top", fontsize=6.5)
            ax.set_title(f"({'abcdefghijklmno'[i]}) {label(line)}".replace(" + ", " +\n"))
            ax.set_yscale("symlog", linthresh=1)
            ax.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
            ax.set_ylim(0, 130)
            ax.set_xlim(0, 1)
            ax.set_xticks([0, 0.5, 1])
        for ax in axes[-1]:
            ax.set_xlabel("spikes per step")
        for ax in axes[:, 0]:
            ax.set_ylabel("hidden neurons (%)")
    name = file_name("figure4_rates", setting["name"], framework)
    return Drawing(name, f"Figure 4: spike rates on {setting['dataset']}, {framework}", caption, figure, data)
