"""Figure 3: loss and accuracy of every epoch, in training and validation, under each variant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import CHANCE, FULL, Drawing, colour, key, label, new_figure, plain, seen, style, within
from suite.report.measured import COUNTED, KEY, SETTING, chance, with_baselines
from suite.report.settings import Part, by_setting
from suite.report.statistics import interval, means
from suite.results import Results

METRICS = (("train_loss", "validation_loss"), ("train_accuracy", "validation_accuracy"))
DASHES: tuple[Any, ...] = ("", (3, 1.5), (1, 1), (4, 1, 1, 1))
RUN = ["line", "framework", "seed"]


def curve_rows(results: Results) -> pd.DataFrame:
    """A row for each epoch, metric and run whose accuracy was measured; of several runs of one seed those of the last
    finished.
    """
    measured = set(results.rows.loc[results.rows["experiment"] == "accuracy", "run_id"])
    curves = results.curves[results.curves["run_id"].isin(measured)].sort_values("finished_at", kind="stable")
    wanted = [metric for column in METRICS for metric in column]
    rows = curves.drop_duplicates([*KEY, "seed", "epoch"], keep="last").melt(
        [name for name in curves if name not in wanted], wanted, "metric", "value"
    )
    return rows.astype({"value": float})


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting that has curves."""
    for part in by_setting(with_baselines(curve_rows(results))):
        yield _draw(part)


def _draw(part: Part) -> Drawing:
    rows, lines = part.rows, part.lines
    counted = rows["status"].isin(COUNTED)
    data = means(rows[counted & rows["value"].notna()], ["line", "framework", "metric", "epoch"])
    rows = _one_of_alike(rows)
    caption = part.about
    caption += (
        " Lines: mean over the seeds that ended ok or dead; bands: 95 % t-interval (none for n = 1), cut at the frame."
    )
    if (~counted & rows["value"].notna()).any():
        caption += " Thin lines ending in a cross: single runs that diverged."
    frameworks = list(dict.fromkeys(rows["framework"]))
    shades = [colour(variant) for variant in part.variants.values()]
    with style():
        figure, axes = new_figure(FULL, 3.6, caption, nrows=2, ncols=2, sharex=True)
        for column, metrics in enumerate(METRICS):
            for ax, metric in zip(axes[:, column], metrics, strict=True):
                scale = 100 if metric.endswith("accuracy") else 1
                own = rows[(rows["metric"] == metric) & rows["value"].notna()]
                own = own.assign(epoch=own["epoch"].astype(float), value=scale * own["value"])
                _lines(ax, own[own["status"].isin(COUNTED)], lines, shades, frameworks, scale)
                for (line, framework, _), run in own[~own["status"].isin(COUNTED)].groupby(RUN, sort=False):
                    _stopped(
                        ax, run, shades[lines.index(str(line))], _dashes(frameworks)[frameworks.index(str(framework))]
                    )
                _fit(ax)
                within(ax, 0, 100 if scale == 100 else math.inf)
                _label(ax, metric, rows)
        guess = 100 * chance(rows)
        low = [ax for ax in axes[:, 1] if ax.get_ylim()[0] <= guess]
        for ax in low:
            ax.axhline(guess, **CHANCE, zorder=0)
        for ax in axes[1]:
            ax.set_xlabel("epoch")
        _legend(figure, dict(zip(map(label, lines), shades, strict=True)), frameworks, bool(low))
    data = data.assign(**{name: part.setting[name] for name in SETTING})[[*SETTING, *data.columns]]
    last = data[(data["metric"] == "validation_accuracy") & (data["epoch"] == data["epoch"].max())]
    shows = seen("validation accuracy at the end", 100 * last.groupby("line", sort=False)["mean"].mean())
    return part.drawing("curves", "Figure 3: loss and accuracy", caption, figure, data, shows)


def _one_of_alike(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which frameworks whose curves are all the same are one, which its name says: lines on one another show
    nothing.
    """
    where = ["line", "metric", "epoch", "seed"]
    table = rows.pivot_table(index=where, columns="framework", values="value", dropna=False, sort=False)
    table = table.dropna(how="all")
    if table.shape[1] < 2 or not table.eq(table.iloc[:, 0], axis=0).all(axis=None):
        return rows
    name = f"{' and '.join(map(str, table.columns))} (the same)"
    return rows[rows["framework"] == table.columns[0]].assign(framework=name)


def _dashes(frameworks: list[str]) -> list[Any]:
    return [DASHES[i % len(DASHES)] for i in range(len(frameworks))]


def _lines(
    ax: Any, rows: pd.DataFrame, lines: list[str], shades: list[str], frameworks: list[str], scale: float
) -> None:
    """Means and intervals over seeds."""
    import seaborn as sns

    def between(values: pd.Series) -> tuple[float, float]:
        low, high = interval(values / scale, share=scale > 1)
        return scale * low, scale * high

    if rows.empty:
        return
    sns.lineplot(
        rows,
        x="epoch",
        y="value",
        hue="line",
        hue_order=lines,
        palette=shades,
        style="framework",
        style_order=frameworks,
        dashes=_dashes(frameworks),
        marker="." if rows["epoch"].nunique() < 4 else None,
        markeredgewidth=0,
        markersize=4,
        errorbar=between,
        err_kws={"alpha": 0.13, "linewidth": 0},
        legend=False,
        ax=ax,
    )


def _stopped(ax: Any, run: pd.DataFrame, shade: str, dashes: Any) -> None:
    """One run that did not end well."""
    run = run.sort_values("epoch")
    ax.plot(run["epoch"], run["value"], linewidth=0.5, alpha=0.7, color=shade, linestyle=(0, dashes or (1, 0)))
    ax.plot(run["epoch"].iloc[-1:], run["value"].iloc[-1:], marker="x", markersize=4, color=shade)


def _fit(ax: Any) -> None:
    """Let the lines fill the panel: a band of few seeds is many times as wide as they are apart."""
    values = np.concatenate([line.get_ydata() for line in ax.get_lines()] or [np.zeros(1)]).astype(float)
    values = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    low, high = values.min(), values.max()
    margin = 0.2 * (high - low) or 1.0
    ax.set_ylim(low - margin, high + margin)


def _label(ax: Any, metric: str, rows: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    split, _, what = metric.partition("_")
    units = ", ".join(sorted(set(rows["loss_unit"].dropna())))
    ax.set_ylabel("accuracy (%)" if what == "accuracy" else plain(f"{what} ({units})" if units else what))
    ax.set_title("training" if split == "train" else split)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(figure: Any, shades: dict[str, str], frameworks: list[str], guess: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=shade, label=plain(name)) for name, shade in shades.items()]
    for framework, dashes in zip(frameworks, _dashes(frameworks), strict=True):
        handles.append(Line2D([], [], color="0.3", linestyle=(0, dashes or (1, 0)), label=plain(framework)))
    if guess:
        handles.append(Line2D([], [], **CHANCE, label="chance"))
    key(figure, handles, ncols=4, handlelength=2.6)
