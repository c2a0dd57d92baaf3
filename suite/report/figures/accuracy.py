"""Test accuracy as a picture: every seed, the mean and its interval, the paper's number and chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import CHANCE, COLUMN, FULL, Drawing, colour, key, label, new_figure, plain, seen, style, within
from suite.paper import TABLE_6
from suite.report.figures import curves
from suite.report.measured import COUNTED, SETTING, accuracy_rows, chance, comparable, with_baselines
from suite.report.settings import Part, by_setting
from suite.report.statistics import interval
from suite.results import STATUSES, Results

MARKERS = ("o", "s", "^", "v")

FAR = 0.3
"""How far below all accuracies chance must be to be left out of the axes."""


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting that has a test accuracy; then the curves of the training."""
    for part in by_setting(with_baselines(accuracy_rows(results))):
        if part.rows["value"].notna().any():
            yield _draw(part)
    yield from curves.draw(results)


def _draw(part: Part) -> Drawing:
    setting, rows, lines = part.setting, part.rows, part.lines
    frameworks = list(dict.fromkeys(rows["framework"]))
    guess, n_test = chance(rows), rows["n"].dropna()
    caption = f"{part.about} Small: seeds; large: mean with 95 % t-interval (none for n = 1)."
    if len(n_test):
        caption += f" {int(n_test.min())} test samples."
    if invalid := int(rows["invalid"].sum()):
        caption += f" Left out: {invalid} accuracies that are no fraction from 0 to 1."
    named = {line: (variant, setting["dataset"]) for line, variant in part.variants.items()}
    papers = {line: TABLE_6[where] for line, where in named.items() if where in TABLE_6}
    if papers and not comparable(setting["data_source"], setting["protocol"]):
        papers = {}
        caption += " The paper's numbers are left out: they do not compare with these."
    if not math.isnan(guess) and min([*rows["value"].dropna(), *papers.values()], default=guess) > guess + FAR:
        caption += f" Chance is {100 * guess:.0f} %."  # a line there would squeeze the differences
        guess = math.nan
    data = rows[[*SETTING, "line", "framework", "kernel", "seed", "value", "status"]]
    with style():
        width = COLUMN if len(lines) <= 5 else FULL
        figure, axes = new_figure(width, 2.5, caption)
        ax = axes[0, 0]
        for x, line in enumerate(lines):
            for i, framework in enumerate(frameworks):
                own = rows[(rows["line"] == line) & (rows["framework"] == framework)]
                _points(ax, x + _offset(i, len(frameworks)), own, MARKERS[i % len(MARKERS)], colour(named[line][0]))
            if line in papers:
                ax.plot(x, 100 * papers[line], marker="_", markersize=26, markeredgewidth=1.2, color="0.55", zorder=1)
        if not math.isnan(guess):
            ax.axhline(100 * guess, **CHANCE, zorder=0)
        ax.set_xticks(range(len(lines)), [_tick(line, rows[rows["line"] == line]) for line in lines])
        ax.set_xlim(-0.5, len(lines) - 0.5)
        ax.set_ylabel("test accuracy (%)")
        within(ax, 0, 100)
        _legend(figure, frameworks, bool(papers), not math.isnan(guess))
    return part.drawing("accuracy", "Test accuracy", caption, figure, data, "; ".join(_seen(rows, frameworks)))


def _seen(rows: pd.DataFrame, frameworks: list[str]) -> Iterator[str]:
    counted = rows[rows["status"].isin(COUNTED)]
    for name in frameworks:
        own = counted[counted["framework"] == name]
        yield seen(f"mean with {name}", 100 * own.groupby("line", sort=False)["value"].mean())


def _offset(i: int, n: int) -> float:
    return 0.36 * (i - (n - 1) / 2)


def _tick(line: str, rows: pd.DataFrame) -> str:
    """A variant's name over the runs that did not end well."""
    counts = rows["status"].value_counts()
    bad = [f"{counts[status]}/{len(rows)}\n{status}" for status in STATUSES if status != "ok" and status in counts]
    return "\n".join([plain(label(line)).replace(" + ", " +\n").replace(" ", "\n", 1), *bad])


def _points(ax: Any, x: float, rows: pd.DataFrame, marker: str, shade: str) -> None:
    """The seeds over their mean and interval."""
    values = 100 * rows.loc[rows["status"].isin(COUNTED), "value"].dropna()
    if values.empty:
        return
    mean, (low, high) = values.mean(), interval(values / 100, share=True)
    bar = None if math.isnan(low) else [[mean - 100 * low], [100 * high - mean]]
    look: dict[str, Any] = {"markersize": 4.5, "mfc": "white", "capsize": 2, "elinewidth": 0.9, "zorder": 3}
    bars = ax.errorbar(x, mean, bar, fmt=marker, color=shade, **look)
    bars.lines[0].set(clip_on=False, in_layout=False)
    spread = np.linspace(-0.08, 0.08, len(values)) if len(values) > 1 else np.zeros(1)
    ax.plot(
        x + spread, values, marker, color=shade, alpha=0.6, markersize=1.6, markeredgewidth=0, zorder=4, clip_on=False
    )


def _legend(figure: Any, frameworks: list[str], has_paper: bool, guess: bool) -> None:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"color": "0.3", "mfc": "white", "linestyle": "", "markersize": 4.5}
    handles = [
        Line2D([], [], marker=MARKERS[i % len(MARKERS)], label=plain(framework), **look)
        for i, framework in enumerate(frameworks)
    ]
    if has_paper:
        handles.append(Line2D([], [], color="0.45", marker="_", linestyle="", markersize=10, label="paper (Table 6)"))
    if guess:
        handles.append(Line2D([], [], **CHANCE, label="chance"))
    key(figure, handles, ncols=4, columnspacing=1.2, handletextpad=0.4)
