"""`lif-roles bench growth`: how time and memory of the LIF layer grow with the steps, the batch and the neurons.

One of T, B and N is varied at a time from `BASE`; the work is that of `suite.bench.lif`, without recurrence. A
contender is left out of larger sizes once a pass takes longer than `slow_s`. Memory is measured at every third size,
each in a process of its own. An exponent is the slope of a straight line through the logarithms, over the upper half of
the sizes for time, and all for memory: 1 is proportional, 2 quadratic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from suite.bench import lif, ops, timing
from suite.drawing import FULL, Drawing, new_figure, style

BASE: lif.Shape = (250, 128, 64)
SIZES: dict[str, tuple[int, ...]] = {
    "T": (32, 64, 128, 256, 512, 1024, 2048),
    "B": (16, 32, 64, 128, 256, 512, 1024),
    "N": (16, 32, 64, 128, 256, 512, 1024),
}
MEMORY_EVERY = 3
CONTENDERS = tuple(name for name in ops.OPS if name != "lif-roles on snnTorch (fused)")
"""Our kernel once: it is the same on both frameworks."""

_LOOKS: dict[str, Any] = {
    "lif-roles on SpikingJelly (fused)": {"color": "#000000", "marker": "o", "linewidth": 1.8},
    "SpikingJelly": {"color": "#0072B2", "marker": "s"},
    "snnTorch, x[t]": {"color": "#D55E00", "marker": "^", "linestyle": "--"},
    "snnTorch, unbind": {"color": "#D55E00", "marker": "v"},
    "norse, x[t]": {"color": "#009E73", "marker": "<", "linestyle": "--"},
    "norse, unbind": {"color": "#009E73", "marker": ">"},
}
_QUANTITIES = {"median_ms": "time, ms", "peak_mb": "peak memory, MB"}
_AXES = {"T": "steps T", "B": "batch B", "N": "neurons N"}


def points() -> list[tuple[str, lif.Shape]]:
    """The shapes [T, B, N], with the name of what is varied."""
    found = []
    for axis, values in SIZES.items():
        for value in values:
            T, B, N = (value if name == axis else base for name, base in zip("TBN", BASE, strict=True))
            found.append((axis, (T, B, N)))
    return found


def run(
    *,
    device: torch.device,
    rounds: int = 3,
    slow_s: float = 2.0,
    with_memory: bool = True,
) -> Iterator[pd.DataFrame]:
    """For each of T, B and N and each size, a row a contender: times in ms, peak MB above idle."""
    slow: dict[str, set[str]] = {axis: set() for axis in SIZES}
    for axis, shape in points():
        skip = slow[axis]
        names = [name for name in CONTENDERS if name not in skip]
        value = dict(zip("TBN", shape, strict=True))[axis]
        measured = lif.timings(shape, False, device, rounds, slow_s, {}, names)
        rows = []
        for name, m in measured.items():
            row: dict[str, Any] = {"axis": axis, **dict(zip("TBN", shape, strict=True)), "contender": name}
            row |= m.columns()
            row["peak_mb"] = None
            if with_memory and m.seconds and SIZES[axis].index(value) % MEMORY_EVERY == 0:
                row["peak_mb"] = lif.peak_megabytes(name, shape, device=device.type)
            row["version"] = ops.version(ops.OPS[name].package, device)
            row["note"] = m.note
            rows.append(row | timing.device_columns(device))
            if not m.seconds or min(m.seconds) > slow_s:
                skip.add(name)
        yield pd.DataFrame(rows)


def with_exponents(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns time_exponent and memory_exponent, one value for a contender and axis."""
    fitted = []
    for (axis, _), rows in frame.groupby(["axis", "contender"], sort=False):
        upper = rows[rows[axis] >= rows[axis].median()]
        fitted.append(
            rows.assign(
                time_exponent=_slope(upper[axis], upper["median_ms"]),
                memory_exponent=_slope(rows[axis], rows["peak_mb"]),
            )
        )
    return pd.concat(fitted).sort_index()


def _slope(x: pd.Series, y: pd.Series) -> float:
    """Of log y over log x, NaN where fewer than two values are known."""
    y = pd.to_numeric(y)
    known = y > 0
    if known.sum() < 2:
        return float("nan")
    return round(float(np.polyfit(np.log(x[known]), np.log(y[known]), 1)[0]), 2)


def draw(frame: pd.DataFrame, name: str) -> Drawing:
    """Time and memory (if it was measured) over T, B and N, both axes logarithmic, from the rows of `run` with their
    exponents. `name` is that of the files.
    """
    about = frame.iloc[0]
    caption = (
        f"One LIF layer, forward and backward, float32, from [T, B, N] = {list(BASE)}, on {about['device']} (torch "
        f"{about['torch']}). Medians of time; peak memory above an idle process. A line ends where a pass takes "
        "seconds. In the legend: the exponent of time in T, fitted to the longer sequences."
    )
    with style():
        quantities = {q: text for q, text in _QUANTITIES.items() if frame[q].notna().any()}
        height = 0.6 + 1.8 * len(quantities)
        figure, axes = new_figure(FULL, height, caption, nrows=len(quantities), ncols=3, sharex="col", sharey="row")
        contenders = list(frame["contender"].unique())
        for contender in contenders:
            for column, axis in enumerate(_AXES):
                rows = frame[(frame["contender"] == contender) & (frame["axis"] == axis)]
                for row, quantity in enumerate(quantities):
                    known = rows[rows[quantity].notna()]
                    axes[row, column].plot(known[axis], known[quantity], markersize=3.5, **_LOOKS[contender])
        for column, label in enumerate(_AXES.values()):
            for panel in axes[:, column]:
                panel.set_xscale("log", base=2)
                panel.set_yscale("log")
                panel.grid(True, linewidth=0.3, color="0.85")
            axes[-1, column].set_xlabel(label)
            axes[-1, column].xaxis.set_major_formatter(lambda value, _position: f"{value:g}")
        for row, text in enumerate(quantities.values()):
            axes[row, 0].set_ylabel(text)
        labels = [_label(frame, contender) for contender in contenders]
        figure.legend(axes[0, 0].get_lines(), labels, loc="outside upper center", ncols=3)
    return Drawing(name, "Growth of time and memory", caption, figure, frame)


def _label(frame: pd.DataFrame, name: str) -> str:
    rows = frame[(frame["contender"] == name) & (frame["axis"] == "T")]
    exponent = rows["time_exponent"].iloc[0]
    return name if np.isnan(exponent) else f"{name}, $T^{{{exponent:.2f}}}$"
