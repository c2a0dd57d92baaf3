"""What changes with the leak coefficient, with the input gain, and with the delay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from suite.drawing import COLUMN, FULL, Drawing, colour, file_name, label, new_figure, style
from suite.experiments.rows import condition
from suite.report.measured import by_framework, means, measured, sweep_k, tables
from suite.report.settings import about_setting, settings, with_labels
from suite.report.summary import COUNTED, KEY, chance

INK = "#0072B2"


def draw_leaks(frame: pd.DataFrame, folder: Path) -> Iterator[Drawing]:
    """Accuracy, rate, generalization and robustness against k, over the k that training finds, and beside it what it
    gains there. A k of which a seed's median flips lie beyond the cap has no mean of them.
    """
    own = measured(frame, "leak_sweep", "test_accuracy", "spike_rate")
    other = measured(frame, "generalization", "test_accuracy")
    if len(other):
        other = other[(other["mode"] == "fixed_steps") & (other["readout"] == "trained")]
        other = other.assign(metric="accuracy at " + other["dt_ms"] + " ms")
        other = other[other["dt_ms"].isin(["1", "10"])]
    flips = measured(frame, "robustness", "flips_median")
    if len(flips):
        beyond = frame[(frame["metric"] == "flips_median") & frame["value"].isna() & frame["status"].isin(COUNTED)]
        beyond = beyond[beyond["condition"] == condition(attack="gradient")]
        whole = ~pd.MultiIndex.from_frame(flips[KEY]).isin(pd.MultiIndex.from_frame(beyond[KEY]))
        flips = flips[whole & (flips["attack"] == "gradient")]
    rows = pd.concat([own, other, flips], ignore_index=True)
    rows["k"] = rows["variant_parameters"].map(sweep_k)
    learnt = tables(frame, folder, "leak_sweep", "k")
    trained = rows[rows["run_id"].isin(set(learnt["run_id"])) & (rows["variant"] == "baseline")]
    rows = rows[rows["k"].notna()]
    if rows.loc[rows["metric"] == "test_accuracy", "k"].nunique() < 3:
        return
    for setting, framework, part in by_framework(rows):
        same = learnt[
            (learnt["protocol_hash"] == setting["protocol_hash"]) & (learnt["data_hash"] == setting["data_hash"])
        ]
        same = same[(same["engine"] == setting["engine"]) & same["backend"].isin(set(part["backend"]))]
        beside = trained[trained["run_id"].isin(set(same["run_id"])) & trained["kernel"].isin(set(part["kernel"]))]
        yield _leaks(setting, framework, part, same, beside)


def _leaks(
    setting: dict[str, Any], framework: str, rows: pd.DataFrame, learnt: pd.DataFrame, trained: pd.DataFrame
) -> Drawing:
    data = means(rows, ["metric", "k"])
    learnable = means(trained, ["metric"]).set_index("metric")["mean"]
    shown = [
        m
        for m in ("test_accuracy", "spike_rate", "accuracy at 1 ms", "accuracy at 10 ms", "flips_median")
        if (data["metric"] == m).any()
    ]
    names = {
        "test_accuracy": "test accuracy (%)",
        "spike_rate": "hidden spikes per step",
        "accuracy at 1 ms": "accuracy at 1 ms (%)",
        "accuracy at 10 ms": "accuracy at 10 ms (%)",
        "flips_median": "median flips to mislead",
    }
    caption = f"{about_setting(setting, rows)} {framework}. Means over seeds; bars: 95 % t-interval (none for n = 1)."
    if len(learnt):
        caption += f" Grey: distribution of the k that training finds, {len(learnt)} neurons (all seeds)."
    if len(learnable):
        caption += " Dashed: the learnable k of the baseline."
    if data["metric"].str.startswith("accuracy at").any():
        caption += " At 1 and 10 ms: as many steps as in training."
    if (data["metric"] == "flips_median").any():
        caption += " Flips: gradient attack; no point where a median outlasts the cap."
    with style():
        n_columns = min(len(shown), 3)
        n_rows = -(-len(shown) // n_columns)
        figure, axes = new_figure(FULL, 1.9 * n_rows, caption, nrows=n_rows, ncols=n_columns)
        for ax in axes.flat[len(shown) :]:
            ax.set_visible(False)
        for ax, metric in zip(axes.flat, shown, strict=False):
            scale = 100 if "accuracy" in metric else 1
            part = data[data["metric"] == metric].sort_values("k")
            if len(learnt):
                behind = ax.twinx()
                behind.hist(learnt["k"], bins=25, range=(0, 1), color="0.85")
                behind.set_yticks([])
                behind.spines[:].set_visible(False)
                ax.set_zorder(behind.get_zorder() + 1)
                ax.patch.set_visible(False)
            ax.errorbar(
                part["k"], scale * part["mean"], scale * part["ci95"].fillna(0), marker=".", capsize=1.5, color=INK
            )
            ax.set_ylabel(names[metric])
            ax.set_xlabel("leak coefficient k")
            ax.set_xlim(-0.05, 1.05)
            if metric in learnable:
                ax.axhline(scale * learnable[metric], color="0.3", linestyle="--", linewidth=0.9)
            ax.set_ylim(0, max(1.08 * ax.dataLim.y1, 1e-9))  # room for the highest point; dataLim: bars too
    name = file_name("leak_sweep", setting["name"], framework)
    return Drawing(name, f"Leak sweep on {setting['dataset']}, {framework}", caption, figure, data)


def draw_diagnosis(frame: pd.DataFrame) -> Iterator[Drawing]:
    """Accuracy, hidden rate and prediction entropy of each gain and leak."""
    rows = measured(frame, "diagnosis", "test_accuracy", "spike_rate", "prediction_entropy")
    for setting, framework, part in by_framework(rows):
        yield _diagnosis(setting, framework, part)


DIAGNOSED = {
    "baseline": "baseline",
    "complete_leakage": "k = 0\ngain 1",
    "k=0+gain=1-k": "k = 0\ngain 1-k",
    "without_leakage": "k = 1\ngain 1",
    "k=1+gain=1-k": "k = 1\ngain 1-k",
}


def _diagnosis(setting: dict[str, Any], framework: str, rows: pd.DataFrame) -> Drawing:
    data = means(rows, ["variant", "metric"])
    variants = [name for name in DIAGNOSED if (data["variant"] == name).any()]
    variants += [name for name in dict.fromkeys(data["variant"]) if name not in DIAGNOSED]
    caption = (
        f"{about_setting(setting, rows)} {framework}. Means over seeds; bars: 95 % t-interval (none for n = 1); "
        f"{int(rows['n'].min())} test samples. Dotted: chance. Entropy of how often each class is predicted: 0 nats "
        "where it is always the same."
    )
    units = {
        "test_accuracy": "test accuracy (%)",
        "spike_rate": "hidden spikes per step",
        "prediction_entropy": "prediction entropy (nats)",
    }
    with style():
        figure, axes = new_figure(FULL, 2.0, caption, ncols=3)
        for ax, (metric, text) in zip(axes[0], units.items(), strict=True):
            scale = 100 if metric == "test_accuracy" else 1
            for i, variant in enumerate(variants):
                part = data[(data["variant"] == variant) & (data["metric"] == metric)]
                if len(part):
                    shade = colour(
                        {"k=0+gain=1-k": "complete_leakage", "k=1+gain=1-k": "without_leakage"}.get(variant, variant)
                    )
                    hatch = "////" if "gain" in variant else None
                    face = "white" if hatch else shade
                    ax.bar(
                        i,
                        scale * part["mean"],
                        yerr=None if part["ci95"].isna().all() else scale * part["ci95"],
                        color=face,
                        edgecolor=shade,
                        hatch=hatch,
                        capsize=2,
                    )
                    ax.text(
                        i,
                        scale * float((part["mean"] + part["ci95"].fillna(0)).iloc[0]),
                        f"{scale * float(part['mean'].iloc[0]):.3g}",
                        ha="center",
                        va="bottom",
                        fontsize=6,
                    )
            if metric == "test_accuracy":
                ax.axhline(100 * chance(setting["dataset"]), color="0.5", linestyle=":", linewidth=0.8)
            ax.set_xticks(range(len(variants)), [DIAGNOSED.get(name, name) for name in variants], fontsize=6)
            ax.set_ylabel(text)
            ax.margins(y=0.15)
    name = file_name("diagnosis", setting["name"], framework)
    return Drawing(name, f"Leak against input gain on {setting['dataset']}, {framework}", caption, figure, data)


def draw_ladder(frame: pd.DataFrame) -> Iterator[Drawing]:
    """XOR accuracy against the length T of the sequence; each T is trained on its own."""
    rows = measured(frame, "delay_ladder", "test_accuracy")
    if rows.empty:
        return
    # one setting for all delays, which are datasets with protocols of their own
    rows = rows.assign(dataset="xor", data_hash="", protocol_hash="")
    for setting, part in settings(rows):
        labelled = with_labels(part)
        labelled["T"] = labelled["T"].astype(int)
        yield _ladder(setting, labelled)


def _ladder(setting: dict[str, Any], rows: pd.DataFrame) -> Drawing:
    data = means(rows, ["line", "variant", "framework", "T"])
    frameworks = list(dict.fromkeys(data["framework"]))
    caption = (
        f"{about_setting(setting, rows)} {', '.join(frameworks)}. The patterns are the first and last 10 of T steps; a "
        "network of its own for each T. Means over seeds, lines a little apart sideways; bars: 95 % t-interval (none "
        "for n = 1). Dotted: chance."
    )
    with style():
        figure, axes = new_figure(COLUMN, 2.4, caption)
        ax = axes[0, 0]
        for i, framework in enumerate(frameworks):
            lines = list(dict.fromkeys(data["line"]))
            for j, line in enumerate(lines):
                part = data[(data["line"] == line) & (data["framework"] == framework)].sort_values("T")
                aside = 1.5 * (j - (len(lines) - 1) / 2)  # lines at chance would hide each other
                if len(part):
                    shade = colour(str(part["variant"].iloc[0]))
                    look = {
                        "color": shade,
                        "linestyle": ("-", "--", ":", "-.")[i % 4],
                        "label": label(line) if i == 0 else None,
                    }
                    ax.errorbar(
                        part["T"] + aside,
                        100 * part["mean"],
                        100 * part["ci95"].fillna(0),
                        marker=".",
                        capsize=1.5,
                        **look,
                    )
        ax.axhline(50, color="0.5", linestyle=":", linewidth=0.8)
        ax.set_xticks(sorted(data["T"].unique()))
        ax.set_xlabel("sequence length T (steps)")
        ax.set_ylabel("test accuracy (%)")
        ax.set_ylim(40, 102)
        for i, framework in enumerate(frameworks if len(frameworks) > 1 else ()):
            ax.plot([], [], color="0.3", linestyle=("-", "--", ":", "-.")[i % 4], label=framework)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return Drawing(file_name("delay_ladder", setting["name"]), "Delayed XOR at several delays", caption, figure, data)
