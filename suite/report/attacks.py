"""Figure 9: flips that mislead each variant, and how many samples survive a budget of flips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import FULL, Drawing, colour, file_name, label, new_figure, style
from suite.report.measured import by_framework, sweep_k, tables
from suite.report.settings import about_setting
from suite.report.summary import order


def draw(frame: pd.DataFrame, folder: Path) -> Iterator[Drawing]:
    """For each setting and framework a figure of the named variants, and one of the sweep of k if there is one."""
    samples = tables(frame, folder, "robustness", "samples")
    if samples.empty:
        return
    samples["k"] = samples["variant_parameters"].map(sweep_k)
    described = samples["variant"].str.contains("=")
    for setting, framework, part in by_framework(samples[~described]):
        yield _draw(setting, framework, part, "figure9_robustness", "Figure 9: robustness")
    swept = samples[samples["k"].notna()]
    if swept["k"].nunique() > 2:
        for setting, framework, part in by_framework(swept):
            # both ends of the sweep have names of their own
            part = part.assign(line=part["k"].map(lambda k: f"k = {k:g}")).sort_values("k", kind="stable")
            yield _draw(setting, framework, part, "robustness_k", "Robustness against the leak coefficient")


def survival(flips: np.ndarray, success: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kaplan-Meier: budgets of flips at which samples are misled, and the share that is still right after each.

    flips [n]: at success, or where an attack was given up (censored: the sample survives at least so many).
    """
    budgets = np.unique(flips[success == 1])
    at_risk = np.array([(flips >= budget).sum() for budget in budgets])
    misled = np.array([((flips == budget) & (success == 1)).sum() for budget in budgets])
    return budgets, np.cumprod(1 - misled / np.maximum(at_risk, 1))


def _range(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _draw(setting: dict[str, Any], framework: str, rows: pd.DataFrame, name: str, title: str) -> Drawing:
    import matplotlib as mpl

    lines = list(dict.fromkeys(rows["line"]))
    swept = name == "robustness_k"
    shade = {
        line: mpl.colormaps["viridis"](0.9 * i / max(len(lines) - 1, 1))
        if swept
        else colour(rows.loc[rows["line"] == line, "variant"].iloc[0])
        for i, line in enumerate(lines)
    }
    counts = rows[rows["attack"] == "gradient"].groupby("line")["sample"].size()
    caption = (
        f"{about_setting(setting, rows)} {framework}. Gradient attack on input spikes (Liang et al. 2021), "
        f"{_range(counts)} correctly classified test samples a variant, each on its own, "
        "all seeds together. (a) Flipped input elements at the first success: box: quartiles, whiskers: 5 to 95 %; "
        "above: share misled, the rest outlasted the cap. (b) Share of samples still right (Kaplan-Meier; samples that "
        "outlasted the cap are censored); dotted: random flips."
    )
    gradient = rows[rows["attack"] == "gradient"]
    curves = []
    with style():
        figure, axes = new_figure(FULL, 2.7, caption, ncols=2)
        box, curve = axes[0]
        for i, line in enumerate(lines):
            part = gradient[gradient["line"] == line]
            hit = part.loc[part["success"] == 1, "flips"].to_numpy(float)
            if len(hit):
                look = {"color": shade[line], "linewidth": 0.9}
                parts = {f"{name}props": look for name in ("box", "whisker", "cap")}
                parts["medianprops"] = {**look, "linewidth": 1.6}
                box.boxplot([hit], positions=[i], widths=0.55, whis=(5, 95), showfliers=False, **parts)
            share = f"{100 * part['success'].mean():.0f} %"
            box.text(i, 1.01, share, transform=box.get_xaxis_transform(), ha="center", va="bottom", fontsize=6)
            for kind, style_ in (("gradient", "-"), ("random", ":")):
                own = rows[(rows["line"] == line) & (rows["attack"] == kind)]
                budgets, share_right = survival(own["flips"].to_numpy(), own["success"].to_numpy())
                x, y = np.r_[0.5, budgets], np.r_[1.0, share_right]
                width, name_of = (1.1, label(line)) if kind == "gradient" else (0.8, None)
                look = {"color": shade[line], "linestyle": style_, "linewidth": width}
                curve.step(x, 100 * y, where="post", label=name_of, **look)
                curves += [(line, kind, float(a), float(b)) for a, b in zip(x, y, strict=True)]
        box.set_yscale("log")
        box.set_xticks(
            range(len(lines)),
            [label(line).replace(" + ", " +\n").replace(" ", "\n", 0 if swept else 1) for line in lines],
        )
        box.set_xlim(-0.6, len(lines) - 0.4)
        if len(lines) > 5 and not swept:
            box.tick_params(axis="x", rotation=45)
        box.set_ylabel("flips at first success")
        box.set_title("(a)", pad=11)
        curve.set_xscale("log")
        curve.set_xlabel("flips")
        curve.set_ylabel("samples still right (%)")
        curve.set_ylim(0, 102)
        curve.set_title("(b)", pad=11)
        handles, labels = curve.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=5)
    data = pd.DataFrame(curves, columns=["line", "attack", "flips", "share_right"]).sort_values(
        "line", key=order, kind="stable"
    )
    return Drawing(
        file_name(name, setting["name"], framework),
        f"{title} on {setting['dataset']}, {framework}",
        caption,
        figure,
        data,
    )
