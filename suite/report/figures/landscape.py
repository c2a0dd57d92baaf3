"""Figure 6: the loss around the trained weights, every model on one scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from suite.drawing import (
    COLUMN,
    FULL,
    Drawing,
    error_bars,
    key,
    looks,
    new_figure,
    panel_title,
    panels,
    plain,
    seen,
    style,
)
from suite.report.measured import artifact_lines, measured, on_axes
from suite.report.settings import Part, by_framework, samples
from suite.report.statistics import means
from suite.results import Results

SHOWN = ["line", "seed", "x", "y", "loss", "accuracy", "rise"]


def draw(results: Results) -> Iterator[Drawing]:
    """For each setting and framework the surfaces, their contours, and the rise of the loss with its spread."""
    grids = artifact_lines(results, "landscape", "pair0")
    circles = on_axes(measured(results, "landscape", "loss_rise", "accuracy_fall"), "radius", "pair")
    for part in by_framework(grids[grids["part"] == "grid"] if len(grids) else grids):
        rise = part.rows["loss"] - part.rows.groupby("run_id")["loss"].transform(_centre)
        rows = part.rows.assign(rise=rise)
        first = Part(part.setting, part.framework, rows[rows["seed"] == rows.groupby("line")["seed"].transform("min")])
        own = circles[circles["run_id"].isin(set(first.rows["run_id"]))]
        yield _surfaces(first, _caption(first, own))
        yield _contours(first, _caption(first, own), sorted(own["radius"].unique()) if len(own) else [])
    for part in by_framework(circles):
        yield _rises(part)


def _centre(loss: pd.Series) -> float:
    return float(loss.iloc[len(loss) // 2])


def _square(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = rows.pivot_table(index="y", columns="x", values="rise", dropna=False)
    x, y = np.meshgrid(table.columns.to_numpy(float), table.index.to_numpy(float))
    return x, y, table.to_numpy(float)


def _unit(circles: pd.DataFrame) -> str:
    return ", ".join(sorted(set(circles.loc[circles["metric"] == "loss_rise", "unit"].dropna())))


def _caption(part: Part, circles: pd.DataFrame) -> str:
    measured_on = f" ({_unit(circles)}, {samples(circles)} samples)" if len(circles) else ""
    return (
        f"{part.about_models} Rise of the training loss{measured_on} over "
        "that at the trained weights (0, 0), in the plane of two filter-normalised random directions; one pair, lowest "
        "seed, one scale. "
    )


def _highest(rows: pd.DataFrame) -> str:
    return seen("highest loss rise", rows.groupby("line", sort=False)["rise"].max(), "{:.3g}")


def _surfaces(part: Part, caption: str) -> Drawing:
    rows = part.rows
    top = float(rows["rise"].replace(np.inf, np.nan).max())
    with style():
        figure, axes, _ = panels(len(part.lines), 3, FULL, 2.5, caption, subplot_kw={"projection": "3d"})
        for i, (ax, line) in enumerate(zip(axes, part.lines, strict=True)):
            x, y, z = _square(rows[rows["line"] == line])
            ax.plot_surface(
                x, y, z, cmap="viridis", vmin=0, vmax=top, linewidth=0, antialiased=True, rcount=51, ccount=51
            )
            ax.set_zlim(min(0.0, float(rows["rise"].min())), top)
            ax.set_title(panel_title(i, line), y=0.93)
            ax.set_xlabel("direction 1", labelpad=-6)
            ax.set_ylabel("direction 2", labelpad=-6)
            ax.set_zlabel("loss rise", labelpad=-4)
            ax.tick_params(pad=-3, labelsize=6)
            ax.tick_params(axis="z", pad=-1)
            ax.set_xticks([-1, 0, 1])
            ax.set_yticks([-1, 0, 1])
            ax.set_box_aspect(None, zoom=0.76)
    return part.drawing("landscape_surface", "Figure 6: loss landscapes", caption, figure, rows[SHOWN], _highest(rows))


def _contours(part: Part, caption: str, radii: list[float]) -> Drawing:
    from matplotlib.ticker import MaxNLocator

    rows = part.rows
    if radii:
        *first, last = (f"{radius:g}" for radius in radii)
        caption += f"Rings: radius {' and '.join(filter(None, [', '.join(first), last]))}."
    finite = rows["rise"].replace(np.inf, np.nan)
    beyond = "max" if finite.isna().any() else "neither"
    levels = MaxNLocator(12).tick_values(min(0.0, float(finite.min())), max(float(finite.max()), 1e-9))
    with style():
        figure, axes, grid = panels(len(part.lines), 3, FULL, 2.4, caption, sharex=True, sharey=True)
        for i, (ax, line) in enumerate(zip(axes, part.lines, strict=True)):
            x, y, z = _square(rows[rows["line"] == line])
            filled = ax.contourf(x, y, z, levels=levels, cmap="viridis", extend=beyond)
            ax.contour(x, y, z, levels=levels, colors="white", linewidths=0.3)
            angle = np.linspace(0, 2 * np.pi, 100)
            for radius in radii:
                ax.plot(radius * np.cos(angle), radius * np.sin(angle), color="white", linewidth=0.5, linestyle=":")
            ax.plot(0, 0, "+", color="white", markersize=5)
            ax.set_title(panel_title(i, line))
            ax.set_aspect("equal")
            ax.set_xlabel("direction 1")
        for ax in grid[:, 0]:
            ax.set_ylabel("direction 2")
        figure.colorbar(filled, ax=list(grid.flat), label="loss rise", shrink=0.8)
    return part.drawing("landscape_contour", "Figure 6 as contours: loss", caption, figure, rows[SHOWN], _highest(rows))


def _rises(part: Part) -> Drawing:
    rows = part.rows.astype({"radius": float})
    by = ["line", "variant", "metric", "radius"]
    # The planes of one network are no sample of networks: their spread is shown, not an interval for the mean.
    deviation = rows.groupby(by, sort=False)["value"].std().rename("sd").reset_index()
    data = means(rows, by).drop(columns="ci95").merge(deviation, on=by)
    data = data.assign(lower=data["mean"] - data["sd"], upper=data["mean"] + data["sd"])
    caption = (
        f"{part.about_models} Mean over circles around the trained weights in {int(rows['pair'].nunique())} random "
        f"planes a seed, {samples(rows)} training samples; bars: standard deviation over planes and seeds."
    )
    with style():
        figure, axes = new_figure(COLUMN, 3.6, caption, nrows=2, sharex=True)
        for ax, metric in zip(axes[:, 0], ("loss_rise", "accuracy_fall"), strict=True):
            scale = 100 if metric == "accuracy_fall" else 1
            for i, (line, variant) in enumerate(part.variants.items()):
                own = data[(data["line"] == line) & (data["metric"] == metric)].sort_values("radius")
                error_bars(ax, own["radius"] + 0.012 * i, own, scale, **looks(variant, line))
        axes[0, 0].set_ylabel(plain(f"loss rise ({_unit(rows)})"))
        axes[1, 0].set_ylabel("accuracy fall (points)")
        axes[1, 0].set_xlabel("distance from the trained weights")
        axes[1, 0].set_xticks(sorted(rows["radius"].unique()))
        key(figure, axes[0, 0], ncols=1)
    far = data[(data["metric"] == "loss_rise") & (data["radius"] == data["radius"].max())].set_index("line")["mean"]
    shows = seen(f"mean loss rise at a distance of {data['radius'].max():g}", far, "{:.3g}")
    return part.drawing("landscape_rise", "Sharpness in numbers", caption, figure, data, shows)
