"""Table 7 as a picture: test accuracy against the temporal resolution of the test data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from suite.drawing import FULL, Drawing, colour, file_name, label, new_figure, style
from suite.report.measured import by_framework, means, measured
from suite.report.settings import about_setting

PANELS = (
    ("fixed_steps", "trained", "as many steps as in training"),
    ("fixed_window", "trained", "as much time as in training"),
    ("fixed_steps", "last_step", "as many steps, last one read"),
)
DASHES = {"lstm": "--", "gru": "-.", "rnn": ":"}


def draw(frame: pd.DataFrame) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    for setting, framework, part in by_framework(measured(frame, "generalization", "test_accuracy")):
        yield _draw(setting, framework, part)


def _draw(setting: dict[str, Any], framework: str, rows: pd.DataFrame) -> Drawing:
    rows = rows.assign(dt_ms=rows["dt_ms"].astype(float))
    data = means(rows, ["line", "variant", "mode", "readout", "dt_ms"])
    caption = (
        f"{about_setting(setting, rows)} {framework} (lstm, gru, rnn: PyTorch). Networks trained at one bin width, "
        f"tested at others, {int(rows['n'].min())} samples. Points: mean over seeds; bars: 95 % t-interval "
        "(none for n = 1)."
    )
    with style():
        figure, axes = new_figure(FULL, 2.6, caption, ncols=len(PANELS), sharex=True, sharey=True)
        for ax, (mode, readout, title) in zip(axes[0], PANELS, strict=True):
            for line in dict.fromkeys(data["line"]):
                part = data[(data["line"] == line) & (data["mode"] == mode) & (data["readout"] == readout)]
                part = part.sort_values("dt_ms")
                variant = str(part["variant"].iloc[0]) if len(part) else line
                look = {"color": colour(variant), "linestyle": DASHES.get(variant, "-"), "label": label(line)}
                ax.errorbar(
                    part["dt_ms"], 100 * part["mean"], 100 * part["ci95"].fillna(0), marker=".", capsize=1.5, **look
                )
            ax.set_xscale("log")
            ticks = sorted(data["dt_ms"].unique())
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
            ax.set_xlabel("bin width (ms)")
            ax.set_title(title)
            ax.set_ylim(0, 100)
        axes[0, 0].set_ylabel("test accuracy (%)")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
    name = file_name("table7_resolutions", setting["name"], framework)
    return Drawing(
        name, f"Table 7 drawn: {setting['dataset']} at other resolutions, {framework}", caption, figure, data
    )
