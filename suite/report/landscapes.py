"""Figure 6: the loss around the trained weights, every model on one scale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import COLUMN, FULL, Drawing, colour, file_name, label, new_figure, style
from suite.experiments.landscape import RADII
from suite.report.measured import by_framework, means, measured, tables
from suite.report.settings import about_setting

DASHES = {"lstm": "--", "gru": "-.", "rnn": ":"}


def draw(frame: pd.DataFrame, folder: Path) -> Iterator[Drawing]:
    """For each setting and framework the surfaces, their contours, and the rise of the loss with its spread."""
    grids = tables(frame, folder, "landscape", "pair0")
    circles = measured(frame, "landscape", "loss_rise", "accuracy_fall")
    if len(grids):
        for setting, framework, part in by_framework(grids[grids["part"] == "grid"]):
            rise = part["loss"] - part.groupby("run_id")["loss"].transform(_centre)
            first = part.assign(rise=rise)
            first = first[first["seed"] == first.groupby("line")["seed"].transform("min")]
            caption = _caption(setting, framework, first, circles[circles["run_id"].isin(set(first["run_id"]))])
            yield _surfaces(setting, framework, first, caption)
            yield _contours(setting, framework, first, caption)
    for setting, framework, part in by_framework(circles):
        yield _rises(setting, framework, part)


def _centre(loss: pd.Series) -> float:
    return float(loss.iloc[len(loss) // 2])


def _square(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = rows.pivot_table(index="y", columns="x", values="rise", dropna=False)
    x, y = np.meshgrid(table.columns.to_numpy(float), table.index.to_numpy(float))
    return x, y, table.to_numpy(float)


def _frameworks(framework: str, rows: pd.DataFrame) -> str:
    others = [name for name in DASHES if (rows["variant"] == name).any()]
    return f"{framework} ({', '.join(others)}: PyTorch)" if others and framework != "PyTorch" else framework


def _unit(circles: pd.DataFrame) -> str:
    return ", ".join(sorted(set(circles.loc[circles["metric"] == "loss_rise", "unit"].dropna())))


def _caption(setting: dict[str, Any], framework: str, rows: pd.DataFrame, circles: pd.DataFrame) -> str:
    measured_on = f" ({_unit(circles)}, {int(circles['n'].min())} samples)" if len(circles) else ""
    return (
        f"{about_setting(setting, rows)} {_frameworks(framework, rows)}. Rise of the training loss{measured_on} over "
        "that at the trained weights (0, 0), in the plane of two filter-normalised random directions; one pair, lowest "
        "seed, one scale. "
    )


def _surfaces(setting: dict[str, Any], framework: str, rows: pd.DataFrame, caption: str) -> Drawing:
    lines = list(dict.fromkeys(rows["line"]))
    top = float(rows["rise"].replace(np.inf, np.nan).max())
    with style():
        figure, axes = new_figure(
            FULL, 2.5 * -(-len(lines) // 3), caption, ncols=min(3, len(lines)), nrows=-(-len(lines) // 3),
            subplot_kw={"projection": "3d"},
        )  # fmt: skip
        for ax in axes.flat[len(lines) :]:
            ax.set_visible(False)
        for i, (ax, line) in enumerate(zip(axes.flat, lines, strict=False)):
            x, y, z = _square(rows[rows["line"] == line])
            ax.plot_surface(
                x, y, z, cmap="viridis", vmin=0, vmax=top, linewidth=0, antialiased=True, rcount=51, ccount=51
            )
            ax.set_zlim(min(0.0, float(rows["rise"].min())), top)
            ax.set_title(f"({'abcdefghi'[i]}) {label(line)}".replace(" + ", " +\n"), y=0.93)
            ax.set_xlabel("direction 1", labelpad=-6)
            ax.set_ylabel("direction 2", labelpad=-6)
            ax.set_zlabel("loss rise", labelpad=-4)
            ax.tick_params(pad=-3, labelsize=6)
            ax.tick_params(axis="z", pad=-1)
            ax.set_xticks([-1, 0, 1])
            ax.set_yticks([-1, 0, 1])
            ax.set_box_aspect(None, zoom=0.76)
    name = file_name("figure6_surface", setting["name"], framework)
    title = f"Figure 6: loss landscapes on {setting['dataset']}, {framework}"
    return Drawing(name, title, caption, figure, rows[["line", "seed", "x", "y", "loss", "accuracy", "rise"]])


def _contours(setting: dict[str, Any], framework: str, rows: pd.DataFrame, caption: str) -> Drawing:
    from matplotlib.ticker import MaxNLocator

    lines = list(dict.fromkeys(rows["line"]))
    caption += "Rings: radius 0.25, 0.5 and 1."
    finite = rows["rise"].replace(np.inf, np.nan)
    beyond = "max" if finite.isna().any() else "neither"
    levels = MaxNLocator(12).tick_values(min(0.0, float(finite.min())), max(float(finite.max()), 1e-9))
    with style():
        n_rows = -(-len(lines) // 3)
        figure, axes = new_figure(
            FULL, 2.4 * n_rows, caption, ncols=min(3, len(lines)), nrows=n_rows, sharex=True, sharey=True
        )
        for ax in axes.flat[len(lines) :]:
            ax.set_visible(False)
        for i, (ax, line) in enumerate(zip(axes.flat, lines, strict=False)):
            x, y, z = _square(rows[rows["line"] == line])
            filled = ax.contourf(x, y, z, levels=levels, cmap="viridis", extend=beyond)
            ax.contour(x, y, z, levels=levels, colors="white", linewidths=0.3)
            angle = np.linspace(0, 2 * np.pi, 100)
            for radius in RADII:
                ax.plot(radius * np.cos(angle), radius * np.sin(angle), color="white", linewidth=0.5, linestyle=":")
            ax.plot(0, 0, "+", color="white", markersize=5)
            ax.set_title(f"({'abcdefghi'[i]}) {label(line)}".replace(" + ", " +\n"))
            ax.set_aspect("equal")
            ax.set_xlabel("direction 1")
        for ax in axes[:, 0]:
            ax.set_ylabel("direction 2")
        figure.colorbar(filled, ax=list(axes.flat), label="loss rise", shrink=0.8)
    name = file_name("figure6_contour", setting["name"], framework)
    title = f"Figure 6 as contours: {setting['dataset']}, {framework}"
    return Drawing(name, title, caption, figure, rows[["line", "seed", "x", "y", "loss", "accuracy", "rise"]])


def _rises(setting: dict[str, Any], framework: str, rows: pd.DataFrame) -> Drawing:
    rows = rows.assign(radius=rows["radius"].astype(float))
    by = ["line", "variant", "metric", "radius"]
    # The planes of one network are no sample of networks: their spread is shown, not an interval for the mean.
    spread = rows.groupby(by, sort=False)["value"].std().rename("sd").reset_index()
    data = means(rows, by).drop(columns="ci95").merge(spread, on=by)
    units = _unit(rows)
    n_pairs = int(rows["pair"].nunique())
    caption = (
        f"{about_setting(setting, rows)} {_frameworks(framework, rows)}. Mean over circles around the trained "
        f"weights in {n_pairs} random planes a seed, {int(rows['n'].min())} training samples; bars: "
        "standard deviation over planes and seeds."
    )
    with style():
        figure, axes = new_figure(COLUMN, 3.6, caption, nrows=2, sharex=True)
        for ax, metric in zip(axes[:, 0], ("loss_rise", "accuracy_fall"), strict=True):
            scale = 100 if metric == "accuracy_fall" else 1
            for i, line in enumerate(dict.fromkeys(data["line"])):
                part = data[(data["line"] == line) & (data["metric"] == metric)].sort_values("radius")
                variant = str(part["variant"].iloc[0])
                x = part["radius"] + 0.012 * i
                look = {"color": colour(variant), "linestyle": DASHES.get(variant, "-"), "label": label(line)}
                ax.errorbar(x, scale * part["mean"], scale * part["sd"].fillna(0), marker=".", capsize=1.5, **look)
        axes[0, 0].set_ylabel(f"loss rise ({units})")
        axes[1, 0].set_ylabel("accuracy fall (points)")
        axes[1, 0].set_xlabel("distance from the trained weights")
        axes[1, 0].set_xticks(RADII)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=1)
    name = file_name("figure6_rise", setting["name"], framework)
    return Drawing(name, f"Sharpness in numbers: {setting['dataset']}, {framework}", caption, figure, data)
