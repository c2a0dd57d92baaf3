"""What all figures share: colours, sizes, the caption under a figure, and how one is saved."""

from __future__ import annotations

import io
import re
import string
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from suite.results import to_csv
from suite.results.files import atomic_file, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN, FULL = 3.3, 7.0
"""Widths in inches: one column of a paper, and its full width."""

# Okabe and Ito's colours, told apart with any colour vision; yellow is left out, too pale for a line on white.
COLOURS = {
    "baseline": "#000000",
    "without_leakage": "#0072B2",
    "complete_leakage": "#56B4E9",
    "without_reset": "#D55E00",
    "with_recurrence": "#009E73",
    "without_leakage+with_recurrence": "#CC79A7",
    "without_leakage+without_reset+with_recurrence": "#E69F00",
    "lstm": "#4D4D4D",
    "gru": "#808080",
    "rnn": "#B3B3B3",
}
DASHES = {"lstm": "--", "gru": "-.", "rnn": ":"}
OTHERS = ("#882255", "#44AA99", "#999933", "#AA4499", "#332288")
"""Colours for variants of the user's own."""
CHANCE: Any = {"color": "0.6", "linewidth": 0.7, "linestyle": (0, (1, 1.5))}
"""The line of guessing."""

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "figure.dpi": 100,
}
CAPTION = "caption"
"""The name of a figure's caption in it."""

_CAPTION_POINTS = 6.5
_LONGEST = 200


@dataclass(frozen=True)
class Drawing:
    """A figure, the data it was drawn from, and what a reader must know to read it. `name` is that of its files.

    kind: what figures of other settings share, their title without the setting; where they are many, one is shown and
    the others are folded. alt: what is to be seen, for those who do not see it (default: the title).
    """

    name: str
    title: str
    caption: str
    figure: Figure
    data: pd.DataFrame
    kind: str = ""
    alt: str = ""


def colour(variant: str) -> str:
    """The variant's colour, the same in every figure."""
    return COLOURS.get(variant) or OTHERS[zlib.crc32(variant.encode()) % len(OTHERS)]


def label(variant: str) -> str:
    """A variant's name as text."""
    return variant.replace("+", " + ").replace("_", " ")


def plain(text: object) -> str:
    """Text to be drawn as it is: a dollar sign begins no formula."""
    return str(text).replace("$", r"\$")


def looks(variant: str, line: str) -> dict[str, Any]:
    """How the line of a variant looks; `line` is what it is called."""
    return {"color": colour(variant), "linestyle": DASHES.get(variant, "-"), "label": plain(label(line))}


def seen(what: str, values: pd.Series, form: str = "{:.1f} %") -> str:
    """What a picture shows in words: "what: baseline 51.2 %, without reset 99.4 %", of values by line."""
    numbers = (f"{label(str(line))} {form.format(value)}" for line, value in values.dropna().items())
    return f"{what}: {', '.join(numbers)}" if len(values.dropna()) else ""


def panel_title(i: int, line: str) -> str:
    """ "(a) without leakage +" over "with recurrence": the title of panel i (from 0)."""
    letters = string.ascii_lowercase
    return f"({letters[i // 26 - 1] * (i > 25)}{letters[i % 26]}) {plain(label(line))}".replace(" + ", " +\n")


def file_name(*parts: object) -> str:
    """Parts joined to a file name without spaces or signs, none of more than file systems take."""
    name = "_".join(re.sub(r"[^A-Za-z0-9_.-]+", "-", str(part)).strip("-") for part in parts)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}_{zlib.crc32(name.encode()):08x}"


@contextmanager
def style() -> Iterator[None]:
    """Draw within this; nothing of it stays afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float, caption: str, **grid: Any) -> tuple[Figure, Any]:
    """A figure with `grid` of axes (as `subplots`) above its caption; height is that of the axes, in inches."""
    from matplotlib.figure import Figure

    caption = plain(caption)
    per_line = int(width * 72 / (0.56 * _CAPTION_POINTS))
    lines = textwrap.wrap(caption, per_line)
    below = (len(lines) * 1.35 * _CAPTION_POINTS + 6) / 72
    total = height + below
    figure = Figure(figsize=(width, total), layout="constrained")
    figure.get_layout_engine().set(rect=(0, below / total, 1, height / total))  # type: ignore[union-attr, call-arg]
    look: Any = {"fontsize": _CAPTION_POINTS, "color": "0.25", "va": "bottom", "linespacing": 1.3}
    figure.text(0.01, 3 / 72 / total, "\n".join(lines), gid=CAPTION, **look)
    return figure, figure.subplots(squeeze=False, **grid)


def panels(
    n: int, per_row: int, width: float, height: float, caption: str, **grid: Any
) -> tuple[Figure, list[Any], Any]:
    """As `new_figure`, with n panels in rows of at most `per_row`, each row `height` inches high: also the n axes, and
    the grid [rows, columns] of all, the rest of which is not shown.
    """
    n_rows = -(-n // per_row)
    figure, axes = new_figure(width, height * n_rows, caption, nrows=n_rows, ncols=min(n, per_row), **grid)
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:n]), axes


def error_bars(ax: Any, x: Any, rows: pd.DataFrame, scale: float = 1, **looks: Any) -> None:
    """Points at the rows' means over thinner bars from lower to upper, where they have these."""
    looks = {"elinewidth": 0.6, **({} if "fmt" in looks else {"marker": "."}), **looks}
    bars = ax.errorbar(x, scale * rows["mean"], scale * spread(rows), **looks)
    bars.lines[0].set(clip_on=False, in_layout=False)  # a point at 100 % lies on the frame
    for bar in bars.lines[2]:
        bar.set_alpha(0.6)


def spread(rows: pd.DataFrame) -> np.ndarray:
    """[2, rows]: how far lower is below and upper above the mean; 0 where there is no interval."""
    return np.nan_to_num([rows["mean"] - rows["lower"], rows["upper"] - rows["mean"]])


def within(ax: Any, low: float, high: float) -> None:
    """Cut the vertical axis: a share is in no place below 0 or above 100 %, whatever its t-interval."""
    bottom, top = ax.get_ylim()
    ax.set_ylim(max(bottom, low), min(top, high))


def key(figure: Figure, of: Any, ncols: int = 1, **looks: Any) -> None:
    """A legend above the axes, of axes or of a list of handles; in fewer columns than `ncols` if it would be wider than
    the figure.
    """
    handles = of if isinstance(of, list) else of.get_legend_handles_labels()[0]
    legend = figure.legend(handles=handles, ncols=ncols, **{"loc": "outside upper center", **looks})
    if ncols > 1 and legend.get_window_extent().width > figure.bbox.width:
        legend.remove()
        key(figure, handles, ncols - 1, **looks)


def save(drawing: Drawing, folder: Path) -> list[Path]:
    """Write PNG (300 dpi), SVG and data (CSV) into `folder`, each whole or not at all; ResultsError if it cannot.

    The same rows give the same bytes.
    """
    paths = [folder / f"{drawing.name}.{kind}" for kind in ("png", "svg", "csv")]
    png, svg_file, csv = paths
    settle(drawing.figure)
    with atomic_file(png) as part:
        drawing.figure.savefig(part, format="png", dpi=300)
    write_text(svg_file, svg(drawing.figure))
    write_text(csv, to_csv(drawing.data))
    return paths


def settle(figure: Figure) -> None:
    """Lay the figure out, once. Rounded: the solver of the layout leaves digits that differ from run to run."""
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for ax in figure.axes:
            left, bottom, width, height = (round(edge, 5) for edge in ax.get_position(original=True).bounds)
            ax.set_position((left, bottom, width, height))


def svg(figure: Figure, **how: Any) -> str:
    """The figure as SVG, `how` as of `savefig`: without metadata, places to 0.01 pt."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "lif-roles"}):
        figure.savefig(text, format="svg", metadata={"Date": None}, **how)
    short = re.sub(r"<metadata>.*?</metadata>", "", text.getvalue(), flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"scale\([^)]*\)|-?\d+\.\d{3,}", _rounded, short))


def _rounded(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("scale") else f"{float(found[0]):.2f}"
