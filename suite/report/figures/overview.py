"""Table 6 as a picture: the test accuracies of all settings of a protocol side by side, a panel each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from suite.drawing import FULL, Drawing, colour, error_bars, file_name, key, label, panels, plain, style, within
from suite.paper import TABLE_6
from suite.report.figures.accuracy import MARKERS
from suite.report.measured import COUNTED, accuracy_rows, comparable, with_baselines
from suite.report.settings import Part, by_setting, seeds_text
from suite.report.statistics import means
from suite.results import Results

TITLE = "Table 6 drawn: test accuracy in every setting"


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each protocol and benchmark version that two settings or more have."""
    rows = accuracy_rows(results)
    rows = rows[rows["status"].isin(COUNTED) & rows["value"].notna()]
    alike: dict[tuple[str, int], list[Part]] = {}
    for part in by_setting(with_baselines(rows)):
        alike.setdefault((part.setting["protocol"], part.setting["benchmark_version"]), []).append(part)
    for (protocol, version), parts in alike.items():
        if len(parts) > 1:
            yield _draw(protocol, version, parts)


def _draw(protocol: str, version: int, parts: list[Part]) -> Drawing:
    from matplotlib.lines import Line2D

    lines = list(dict.fromkeys(line for part in parts for line in part.lines))
    variants = {line: variant for part in parts for line, variant in part.variants.items()}
    frameworks = list(dict.fromkeys(name for part in parts for name in part.rows["framework"]))
    caption = (
        f"Protocol: {protocol} (benchmark {version}). A panel for each dataset, its data and the engine, on a scale of "
        "its own. Mean over seeds with 95 % t-interval (none for n = 1)."
    )
    dash: dict[str, Any] = {"marker": "_", "markersize": 9, "color": "0.45", "linestyle": ""}
    handles = [Line2D([], [], linewidth=2.5, color=colour(variants[one]), label=plain(label(one))) for one in lines]
    mark: dict[str, Any] = {"linestyle": "", "color": "0.3", "mfc": "white", "markersize": 4}
    for i, name in enumerate(frameworks):
        handles.append(Line2D([], [], marker=MARKERS[i % len(MARKERS)], label=plain(name), **mark))
    tables = []
    with style():
        figure, axes, grid = panels(len(parts), 4, FULL, 1.35, caption)
        has_paper = False
        for ax, part in zip(axes, parts, strict=True):
            setting = part.setting
            data = means(part.rows, ["line", "framework"])
            about = {
                name: setting[name] for name in ("dataset", "data_source", "engine", "protocol", "benchmark_version")
            }
            tables.append(data.assign(**about)[[*about, *data.columns]])
            n = seeds_text(part.rows).removesuffix("s").removesuffix(" seed")
            for x, line in enumerate(lines):
                for i, framework in enumerate(frameworks):
                    own = data[(data["line"] == line) & (data["framework"] == framework)]
                    aside = 0.3 * (i - (len(frameworks) - 1) / 2)
                    look = {"color": colour(variants[line]), "fmt": MARKERS[i % len(MARKERS)], "mfc": "white"}
                    if len(own):
                        error_bars(ax, [x + aside], own, 100, markersize=3.2, **look)
                paper = TABLE_6.get((variants[line], setting["dataset"]))
                if paper and line in part.lines and comparable(setting["data_source"], protocol):
                    ax.plot(x, 100 * paper, zorder=1, **dash)
                    has_paper = True
            ax.set_title(
                plain(f"{setting['dataset']}, {setting['engine']}\n{setting['data_source']}{setting['told']}, {n}")
            )
            ax.set_xlim(-0.6, len(lines) - 0.4)
            ax.set_xticks([])
            within(ax, 0, 100)
        for ax in grid[:, 0]:
            ax.set_ylabel("accuracy (%)")
        if has_paper:
            handles.append(Line2D([], [], label="paper (Table 6)", **dash))
        key(figure, handles, ncols=4)
    title = f"{TITLE} of protocol {protocol}, benchmark {version}"
    names = ", ".join(f"{part.setting['dataset']} ({part.setting['engine']})" for part in parts)
    data = pd.concat(tables, ignore_index=True)
    name = file_name("overview", protocol, f"benchmark-{version}")
    return Drawing(
        name, title, caption, figure, data, TITLE, f"{title}. Panels: {names}; their numbers are in the table"
    )
