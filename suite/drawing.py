"""What all figures share: colours, sizes, the caption under a figure, and how one is saved."""

from __future__ import annotations

import re
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from suite.results import atomic_file

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
OTHERS = ("#882255", "#44AA99", "#999933", "#AA4499", "#332288")
"""For variants of the user's own."""

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
_CAPTION_POINTS = 6.5


@dataclass(frozen=True)
class Drawing:
    """A figure, the data it was drawn from, and what a reader must know to read it. `name` is that of its files."""

    name: str
    title: str
    caption: str
    figure: Figure
    data: pd.DataFrame


def colour(variant: str) -> str:
    """The variant's colour, the same in every figure."""
    return COLOURS.get(variant) or OTHERS[zlib.crc32(variant.encode()) % len(OTHERS)]


def label(variant: str) -> str:
    """A variant's name as text."""
    return variant.replace("+", " + ").replace("_", " ")


def file_name(*parts: object) -> str:
    """Parts joined to a file name without spaces or signs."""
    return "_".join(re.sub(r"[^A-Za-z0-9_.-]+", "-", str(part)).strip("-") for part in parts)


@contextmanager
def style() -> Iterator[None]:
    """Draw within this; nothing of it stays afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float, caption: str, **grid: Any) -> tuple[Figure, Any]:
    """A figure with `grid` of axes (as `subplots`) above its caption; height is that of the axes, in inches."""
    from matplotlib.figure import Figure

    per_line = int(width * 72 / (0.56 * _CAPTION_POINTS))
    lines = textwrap.wrap(caption, per_line)
    below = (len(lines) * 1.35 * _CAPTION_POINTS + 6) / 72
    total = height + below
    figure = Figure(figsize=(width, total), layout="constrained")
    figure.get_layout_engine().set(rect=(0, below / total, 1, height / total))  # type: ignore[union-attr, call-arg]
    figure.text(
        0.01, 3 / 72 / total, "\n".join(lines), fontsize=_CAPTION_POINTS, color="0.25", va="bottom", linespacing=1.3
    )
    return figure, figure.subplots(squeeze=False, **grid)


def save(drawing: Drawing, folder: Path) -> list[Path]:
    """Write PNG (300 dpi), SVG and data (CSV) into `folder`, each whole or not at all; ResultsError if it cannot."""
    import matplotlib as mpl

    paths = [folder / f"{drawing.name}.{kind}" for kind in ("png", "svg", "csv")]
    png, svg, csv = paths
    with atomic_file(png) as part:
        drawing.figure.savefig(part, format="png", dpi=300)
    with atomic_file(svg) as part, mpl.rc_context({"svg.hashsalt": "lif-roles"}):  # the same figure, the same file
        drawing.figure.savefig(part, format="svg", metadata={"Date": None})
    with atomic_file(csv) as part:
        drawing.data.to_csv(part, index=False, lineterminator="\n")
    return paths
