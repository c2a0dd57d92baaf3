"""Figure 3: loss and accuracy of every epoch, in training and validation, under each variant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from suite.drawing import FULL, Drawing, colour, label, new_figure, style
from suite.report.settings import about_setting, settings, with_labels
from suite.report.summary import COUNTED, KEY, SETTING, chance, mean_ci

METRICS = (("train_loss", "validation_loss"), ("train_accuracy", "validation_accuracy"))
DASHES: tuple[Any, ...] = ("", (3, 1.5), (1, 1), (4, 1, 1, 1))
RUN = ["line", "framework", "seed"]


def curve_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Per-epoch rows of the accuracy experiment; of several runs of one seed those of the last finished."""
    wanted = [metric for column in METRICS for metric in column]
    rows = frame[(frame["experiment"] == "accuracy") & frame["metric"].isin(wanted) & frame["epoch"].notna()]
    rows = rows.sort_values("finished_at", kind="stable")
    return rows.drop_duplicates([*KEY, "seed", "metric", "epoch"], keep="last")


def epoch_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, ci95 and n of each line, framework, metric and epoch, over ok and dead runs of rows with labels."""
    counted = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    keys = ["line", "framework", "metric", "epoch"]
    out = []
    for key, part in counted.groupby(keys, sort=False):
        mean, ci = mean_ci(part["value"])
        out.append({**dict(zip(keys, key, strict=True)), "mean": mean, "ci95": ci, "n": len(part)})
    return pd.DataFrame(out, columns=[*keys, "mean", "ci95", "n"])


def draw(frame: pd.DataFrame) -> Iterator[Drawing]:
    """One figure for each setting that has curves."""
    for setting, part in settings(curve_rows(frame)):
        yield _draw(setting, with_labels(part))


def _draw(setting: dict[str, Any], rows: pd.DataFrame) -> Drawing:
    means = epoch_means(rows)
    stopped = rows[~rows["status"].isin(COUNTED) & rows["value"].notna()]
    caption = about_setting(setting, rows)
    caption += (
        " Lines: mean over the seeds that ended ok or dead; bands: 95 % t-interval (none for n = 1), cut at the frame."
    )
    if len(stopped):
        caption += " Thin lines ending in a cross: single runs that diverged."
    lines = list(dict.fromkeys(rows["line"]))
    frameworks = list(dict.fromkeys(rows["framework"]))
    variant_of = dict(zip(rows["line"], rows["variant"], strict=True))
    shades = [colour(variant_of[line]) for line in lines]
    with style():
        figure, axes = new_figure(FULL, 3.6, caption, nrows=2, ncols=2, sharex=True)
        for column, metrics in enumerate(METRICS):
            for ax, metric in zip(axes[:, column], metrics, strict=True):
                scale = 100 if metric.endswith("accuracy") else 1
                part = rows[(rows["metric"] == metric) & rows["value"].notna()]
                part = part.assign(epoch=part["epoch"].astype(float), value=scale * part["value"])
                _lines(ax, part[part["status"].isin(COUNTED)], lines, shades, frameworks)
                for (line, framework, _), run in part[~part["status"].isin(COUNTED)].groupby(RUN, sort=False):
                    _stopped(ax, run, shades[lines.index(line)], _dashes(frameworks)[frameworks.index(framework)])
                _fit(ax)
                _label(ax, metric, rows)
        guess = 100 * chance(setting["dataset"])
        seen = [ax for ax in axes[:, 1] if ax.get_ylim()[0] <= guess]
        if seen:
            for ax in seen:
                ax.axhline(guess, color="0.6", linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
        for ax in axes[1]:
            ax.set_xlabel("epoch")
        _legend(figure, dict(zip(map(label, lines), shades, strict=True)), frameworks, bool(seen))
    name = f"figure3_curves_{setting['name']}"
    title = f"Figure 3: loss and accuracy on {setting['dataset']} ({setting['data_source']})"
    data = means.assign(**{key: setting[key] for key in SETTING})
    return Drawing(name, title, caption, figure, data[[*SETTING, *means.columns]])


def _dashes(frameworks: list[str]) -> list[Any]:
    return [DASHES[i % len(DASHES)] for i in range(len(frameworks))]


def _lines(ax: Any, rows: pd.DataFrame, lines: list[str], shades: list[str], frameworks: list[str]) -> None:
    """Means and intervals over seeds."""
    import seaborn as sns

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
        errorbar=_interval,
        err_kws={"alpha": 0.13, "linewidth": 0},
        legend=False,
        ax=ax,
    )


def _interval(values: pd.Series) -> tuple[float, float]:
    mean, half = mean_ci(values)
    return mean - half, mean + half


def _stopped(ax: Any, run: pd.DataFrame, shade: str, dashes: Any) -> None:
    """One run that did not end well."""
    run = run.sort_values("epoch")
    ax.plot(run["epoch"], run["value"], linewidth=0.5, alpha=0.7, color=shade, linestyle=(0, dashes or (1, 0)))
    ax.plot(run["epoch"].iloc[-1:], run["value"].iloc[-1:], marker="x", markersize=4, color=shade)


def _fit(ax: Any) -> None:
    """Let the lines fill the panel: a band of few seeds is many times as wide as they are apart."""
    values = np.concatenate([line.get_ydata() for line in ax.get_lines()] or [np.zeros(1)]).astype(float)
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.2 * (high - low) or 1.0
    ax.set_ylim(low - margin, high + margin)


def _label(ax: Any, metric: str, rows: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    split, _, what = metric.partition("_")
    units = ", ".join(sorted(set(rows.loc[rows["metric"] == metric, "unit"].dropna())))
    ax.set_ylabel("accuracy (%)" if what == "accuracy" else f"{what} ({units})" if units else what)
    ax.set_title("training" if split == "train" else split)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(figure: Any, shades: dict[str, str], frameworks: list[str], guess: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=shade, label=name) for name, shade in shades.items()]
    for framework, dashes in zip(frameworks, _dashes(frameworks), strict=True):
        handles.append(Line2D([], [], color="0.3", linestyle=(0, dashes or (1, 0)), label=framework))
    if guess:
        handles.append(Line2D([], [], color="0.6", linewidth=0.7, linestyle=(0, (1, 1.5)), label="chance"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=2.6)
