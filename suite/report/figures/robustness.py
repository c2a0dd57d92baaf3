"""Figure 9: flips that mislead each variant, and how many samples survive a budget of flips."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from suite.drawing import FULL, Drawing, colour, key, label, new_figure, plain, seen, style
from suite.report.measured import artifact_lines, order, sweep_k
from suite.report.settings import Part, by_framework
from suite.results import Results


def draw(results: Results) -> Iterator[Drawing]:
    """For each setting and framework a figure of the named variants, and one of the sweep of k if there is one."""
    samples = artifact_lines(results, "robustness", "samples")
    if samples.empty:
        return
    samples["k"] = samples["variant_parameters"].map(sweep_k)
    described = samples["variant"].str.contains("=")
    for part in by_framework(samples[~described]):
        yield _draw(part, swept=False)
    swept = samples[samples["k"].notna()]
    if swept["k"].nunique() > 2:
        for part in by_framework(swept):
            # both ends of the sweep have names of their own
            rows = part.rows.assign(line=part.rows["k"].map(lambda k: f"k = {k:g}")).sort_values("k", kind="stable")
            yield _draw(Part(part.setting, part.framework, rows), swept=True)


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


def _draw(part: Part, *, swept: bool) -> Drawing:
    import matplotlib as mpl

    rows, lines = part.rows, part.lines
    ramp = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(lines)))
    shade = {line: ramp[i] if swept else colour(part.variants[line]) for i, line in enumerate(lines)}
    gradient = rows[rows["attack"] == "gradient"]
    counts = gradient.groupby("line")["sample"].size()
    caption = (
        f"{part.about} Gradient attack on input spikes (Liang et al. 2021), "
        f"{_range(counts)} correctly classified test samples a variant, each on its own, "
        "all seeds together. (a) Flipped input elements at the first success: box: quartiles, whiskers: 5 to 95 %; "
        "above: share misled, the rest outlasted the cap. (b) Share of samples still right (Kaplan-Meier; samples that "
        "outlasted the cap are censored); dotted: random flips."
    )
    curves = []
    with style():
        figure, axes = new_figure(FULL, 2.7, caption, ncols=2)
        box, curve = axes[0]
        for i, line in enumerate(lines):
            own = gradient[gradient["line"] == line]
            hit = own.loc[own["success"] == 1, "flips"].to_numpy(float)
            if len(hit):
                look = {"color": shade[line], "linewidth": 0.9}
                parts = {f"{name}props": look for name in ("box", "whisker", "cap")}
                parts["medianprops"] = {**look, "linewidth": 1.6}
                box.boxplot([hit], positions=[i], widths=0.55, whis=(5, 95), showfliers=False, **parts)
            share = f"{100 * own['success'].mean():.0f} %"
            box.text(i, 1.01, share, transform=box.get_xaxis_transform(), ha="center", va="bottom", fontsize=6)
            for kind, dash, width in (("gradient", "-", 1.1), ("random", ":", 0.8)):
                own = rows[(rows["line"] == line) & (rows["attack"] == kind)]
                budgets, share_right = survival(own["flips"].to_numpy(), own["success"].to_numpy())
                x, y = np.r_[0.5, budgets], np.r_[1.0, share_right]
                named = plain(label(line)) if kind == "gradient" else None
                look = {"color": shade[line], "linestyle": dash, "linewidth": width, "label": named}
                curve.step(x, 100 * y, where="post", **look)
                curves += [(line, kind, float(a), float(b)) for a, b in zip(x, y, strict=True)]
        box.set_yscale("log")
        crowded = len(lines) > 5 and not swept  # the key names them
        ticks = [plain(label(line)).replace(" + ", " +\n").replace(" ", "\n", 0 if swept else 1) for line in lines]
        box.set_xticks(range(len(lines)), [""] * len(lines) if crowded else ticks)
        box.set_xlim(-0.6, len(lines) - 0.4)
        box.set_ylabel("flips at first success")
        box.set_title("(a)", pad=11)
        curve.set_xscale("log")
        curve.set_xlabel("flips")
        curve.set_ylabel("samples still right (%)")
        curve.set_ylim(0, 100)
        curve.set_title("(b)", pad=11)
        key(figure, curve, ncols=5)
    data = pd.DataFrame(curves, columns=["line", "attack", "flips", "share_right"])
    data = data.sort_values("line", key=order, kind="stable")
    misled = gradient[gradient["success"] == 1].groupby("line", sort=False)["flips"].median()
    shows = seen("median flips of the samples that were misled", misled, "{:.0f}")
    name, title = (
        ("robustness_k", "Robustness against the leak coefficient") if swept else ("robustness", "Figure 9: robustness")
    )
    return part.drawing(name, title, caption, figure, data, shows)
