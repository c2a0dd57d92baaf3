"""Table 7 as a picture: test accuracy against the temporal resolution of the test data."""

from __future__ import annotations

from collections.abc import Iterator

from suite.drawing import FULL, Drawing, error_bars, key, looks, new_figure, seen, style
from suite.report.measured import measured, on_axes
from suite.report.settings import Part, by_framework, samples
from suite.report.statistics import means
from suite.results import Results

PANELS = (
    ("fixed_steps", "trained", "as many steps as in training"),
    ("fixed_window", "trained", "as much time as in training"),
    ("fixed_steps", "last_step", "as many steps, last one read"),
)


def draw(results: Results) -> Iterator[Drawing]:
    """One figure for each setting and framework."""
    for part in by_framework(on_axes(measured(results, "generalization", "test_accuracy"), "dt_ms", "mode", "readout")):
        yield _draw(part)


def _draw(part: Part) -> Drawing:
    data = means(part.rows, ["line", "variant", "mode", "readout", "dt_ms"]).astype({"dt_ms": float})
    caption = (
        f"{part.about_models} Networks trained at one bin width, tested at others, {samples(part.rows)} "
        "samples. Points: mean over seeds, lines a little apart sideways; bars: 95 % t-interval (none for n = "
        "1)."
    )
    with style():
        figure, axes = new_figure(FULL, 2.6, caption, ncols=len(PANELS), sharex=True, sharey=True)
        for ax, (mode, readout, title) in zip(axes[0], PANELS, strict=True):
            for i, (line, variant) in enumerate(part.variants.items()):
                aside = 1.022 ** (i - (len(part.variants) - 1) / 2)  # bars at one place would hide each other
                own = data[(data["line"] == line) & (data["mode"] == mode) & (data["readout"] == readout)]
                own = own.sort_values("dt_ms")
                error_bars(ax, own["dt_ms"] * aside, own, 100, **looks(variant, line))
            ax.set_xscale("log")
            ticks = sorted(data["dt_ms"].unique())
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
            ax.set_xlabel("bin width (ms)")
            ax.set_title(title)
            ax.set_ylim(0, 100)
        axes[0, 0].set_ylabel("test accuracy (%)")
        key(figure, axes[0, 0], ncols=4)
    steps = data[(data["mode"] == "fixed_steps") & (data["readout"] == "trained")]
    ends = dict.fromkeys((steps["dt_ms"].min(), steps["dt_ms"].max()))
    at = {end: 100 * steps[steps["dt_ms"] == end].set_index("line")["mean"] for end in ends}
    shows = "; ".join(seen(f"as many steps, at {end:g} ms", of) for end, of in at.items())
    title = "Table 7 drawn: accuracy at other resolutions"
    return part.drawing("generalization", title, caption, figure, data, shows)
