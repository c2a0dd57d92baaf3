"""Section 5 as a picture: what each variant has of two criteria, and which variants no other beats in both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import (
    FULL,
    Drawing,
    colour,
    file_name,
    key,
    label,
    panel_title,
    panels,
    plain,
    spread,
    style,
    within,
)
from suite.report.measured import SETTING
from suite.report.settings import settings
from suite.report.tradeoff import COSTS, SHARES, criteria
from suite.results import Results

AGAINST = {
    "flips_median": "median flips to mislead",
    "worst_fixed_steps": "accuracy at the worst resolution (%)",
    "operations": "operations a sample",
}
TITLE = "Section 5: accuracy against robustness, generalization and operations"


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting and framework in which two variants or more have accuracy and another criterion."""
    for setting, rows in settings(criteria(results).rename(columns={"low": "lower", "high": "upper"})):
        for framework, own in rows.groupby("framework", sort=False):
            table = own.pivot_table(index="variant", columns="criterion", values="mean", sort=False)
            if "accuracy" in table:
                pairs = {name: table[["accuracy", name]].dropna() for name in AGAINST if name in table}
                pairs = {name: pair[np.isfinite(pair[name])] for name, pair in pairs.items()}
                pairs = {name: pair for name, pair in pairs.items() if len(pair) > 1}
                if pairs:
                    yield _draw(setting, str(framework), own, pairs)


def front(accuracy: np.ndarray, other: np.ndarray, *, less: bool) -> np.ndarray:
    """Which points no other is as good as in both and better in one; less: of `other` less is better."""
    second = -other if less else other
    at_least = (accuracy[None] >= accuracy[:, None]) & (second[None] >= second[:, None])
    more = (accuracy[None] > accuracy[:, None]) | (second[None] > second[:, None])
    return np.asarray(~(at_least & more).any(1))


def _draw(setting: dict[str, Any], framework: str, rows: pd.DataFrame, pairs: dict[str, pd.DataFrame]) -> Drawing:
    from matplotlib.lines import Line2D
    from matplotlib.ticker import EngFormatter

    said = []
    handles: dict[str, Any] = {}
    data = rows.assign(front=False)
    n = rows["n"]
    caption = (
        f"Data: {setting['dataset']}, {setting['data_source']}. Protocol: {setting['protocol']} (benchmark "
        f"{setting['benchmark_version']}). Engine: {setting['engine']}. {framework}. Means over n = {n.min()}"
        + (f" to {n.max()}" if n.max() > n.min() else "")
        + " seeds; bars: 95 % t-interval (none for n = 1). Filled and joined: the front, which no other variant beats "
        "in both; hollow: the others. Arrows point where both are better."
    )
    with style():
        figure, axes, _ = panels(len(pairs), 3, FULL, 2.3, caption)
        for i, (ax, (criterion, pair)) in enumerate(zip(axes, pairs.items(), strict=True)):
            less = criterion in COSTS
            best = front(pair["accuracy"].to_numpy(), pair[criterion].to_numpy(), less=less)
            data.loc[(data["criterion"] == criterion) & data["variant"].isin(pair.index[best]), "front"] = True
            said.append(f"front of {AGAINST[criterion]}: {', '.join(map(label, pair.index[best]))}")
            scale = 100 if criterion in SHARES else 1
            on = pair[best].sort_values("accuracy")
            ax.plot(scale * on[criterion], 100 * on["accuracy"], color="0.7", linewidth=0.8, zorder=1)
            for (variant, point), is_best in zip(pair.iterrows(), best, strict=True):
                bars = {}
                for name, factor in (("accuracy", 100), (criterion, scale)):
                    one = rows[(rows["variant"] == variant) & (rows["criterion"] == name)]
                    bars[name] = factor * spread(one)
                shade = colour(str(variant).partition(" #")[0])
                look: dict[str, Any] = {"marker": "o", "markersize": 4.5, "color": shade}
                ax.errorbar(
                    scale * point[criterion],
                    100 * point["accuracy"],
                    xerr=bars[criterion],
                    yerr=bars["accuracy"],
                    **look,
                    linestyle="",
                    mfc=shade if is_best else "white",
                    elinewidth=0.6,
                )
                handles[str(variant)] = Line2D([], [], **look, linestyle="", label=plain(label(str(variant))))
            ax.set_xlabel(AGAINST[criterion])
            within(ax, 0, 100)
            if scale == 100:
                low, high = ax.get_xlim()
                ax.set_xlim(max(low, 0), min(high, 100))
            else:
                ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
            ax.set_title(panel_title(i, "↖" if less else "↗"))
        axes[0].set_ylabel("test accuracy (%)")
        key(figure, list(handles.values()), ncols=4)
    about = f"{TITLE} on {setting['dataset']}, {framework}{setting['told']}"
    name = file_name("pareto", setting["name"], framework)
    alt = f"Trade-off on {setting['dataset']}, {framework}. " + "; ".join(said)
    data = data[[*SETTING, *(column for column in data if column not in SETTING)]]
    return Drawing(name, about, caption, figure, data, TITLE, alt)
