"""XOR accuracy against the length T of the sequence; each T is trained on its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from suite.drawing import COLUMN, Drawing, colour, error_bars, key, label, new_figure, plain, seen, style
from suite.report.measured import chance, measured, on_axes
from suite.report.settings import Part, by_setting
from suite.report.statistics import means
from suite.results import Results

DASHES = ("-", "--", ":", "-.")


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting, whichever the delay."""
    rows = on_axes(measured(results, "delay_ladder", "test_accuracy"), "T")
    if rows.empty:
        return
    # one setting for all delays, which are datasets with protocols of their own: xor, xor_50, ...
    family = rows["dataset"].str.replace(r"_\d+$", "", regex=True)
    for part in by_setting(rows.assign(dataset=family, data_hash="", protocol_hash="")):
        yield _draw(part)


def _draw(part: Part) -> Drawing:
    data = means(part.rows.astype({"T": int}), ["line", "variant", "framework", "T"])
    frameworks = list(dict.fromkeys(data["framework"]))
    guess = 100 * chance(part.rows)
    caption = (
        f"{part.about} {', '.join(frameworks)}. The patterns are the first and last 10 of T steps; a "
        "network of its own for each T. Means over seeds, lines a little apart sideways; bars: 95 % t-interval (none "
        "for n = 1). Dotted: chance."
    )
    with style():
        figure, axes = new_figure(COLUMN, 2.4, caption)
        ax = axes[0, 0]
        for i, framework in enumerate(frameworks):
            for j, line in enumerate(part.lines):
                own = data[(data["line"] == line) & (data["framework"] == framework)].sort_values("T")
                aside = 1.5 * (j - (len(part.lines) - 1) / 2)  # lines at chance would hide each other
                if len(own):
                    named = plain(label(line)) if i == 0 else None
                    look: dict[str, Any] = {
                        "color": colour(part.variants[line]),
                        "linestyle": DASHES[i % len(DASHES)],
                        "label": named,
                    }
                    error_bars(ax, own["T"] + aside, own, 100, **look)
        ax.axhline(guess, color="0.5", linestyle=":", linewidth=0.8)
        ax.set_xticks(sorted(data["T"].unique()))
        ax.set_xlabel("sequence length T (steps)")
        ax.set_ylabel("test accuracy (%)")
        ax.set_ylim(max(0, guess - 10), 100)
        for i, framework in enumerate(frameworks if len(frameworks) > 1 else ()):
            ax.plot([], [], color="0.3", linestyle=DASHES[i % len(DASHES)], label=plain(framework))
        key(figure, ax, ncols=2)
    longest = data[data["T"] == data["T"].max()].groupby("line", sort=False)["mean"].mean()
    shows = seen(f"mean at T = {data['T'].max()}", 100 * longest)
    return part.drawing("delay_ladder", "Accuracy at several delays", caption, figure, data, shows)
