"""A picture of a dataset: a few samples as the network gets them, and how many there are of each class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from suite.datasets import load_as_trained
from suite.datasets.base import Data, Split
from suite.datasets.events.binning import EventSplit
from suite.datasets.events.preprocess import Sensor
from suite.datasets.images.split import ImageSplit
from suite.drawing import FULL, new_figure, style
from suite.inputs import Static
from suite.results import atomic_file

_COLUMNS = 5
_BARS = {"train": "#0072B2", "validation": "#E69F00", "test": "#009E73"}
_ON, _OFF = np.array([0.0, 0.45, 0.7]), np.array([0.84, 0.37, 0.0])  # told apart with any colour vision


def show(name: str, out: Path, *, source: str = "auto", **options: Any) -> Data:
    """Write a PNG of some test samples, of different classes, and of the class balance to `out`.

    Images are drawn as images, cameras' events as frames (blue: brighter, orange: darker), others as rasters of
    inputs over steps. Raises as `load` does, and ResultsError if `out` cannot be written.
    """
    data = load_as_trained(name, source=source, **options)
    sensor = _sensor(data.test)
    rows = 3 if sensor else 2
    height = 1.45 * rows + 1.4
    caption = f"{name}, {data.source}, data {data.data_hash}. {_what(data, sensor)}"
    with style():
        figure, axes = new_figure(FULL, height, caption, nrows=rows + 1, ncols=_COLUMNS)
        samples = _samples(data, rows if sensor else rows * _COLUMNS)
        if sensor:
            for row, (x, label) in zip(axes, samples, strict=False):
                _draw_frames(row, x, label, sensor)
        else:
            for axis, (x, label) in zip(axes[:rows].flat, samples, strict=False):
                if x.ndim == 4 and x.shape[1] in (1, 3):
                    _draw_image(axis, x, label, data.test)
                else:
                    _draw_raster(axis, x, label)
        for axis in axes[:rows].flat:
            axis.set_visible(bool(axis.has_data()))
        grid = axes[-1, 0].get_gridspec()
        for axis in axes[-1]:
            axis.remove()
        _draw_balance(figure.add_subplot(grid[-1, :]), data)
        with atomic_file(out) as part:
            figure.savefig(part, format="png", dpi=200)
    return data


def _sensor(split: Split) -> Sensor | None:
    """Where a camera's inputs lie; None for anything else."""
    if isinstance(split, EventSplit) and split.preprocess.pooled.height > 1:
        return split.preprocess.pooled
    return None


def _what(data: Data, sensor: Sensor | None) -> str:
    if sensor:
        return (
            f"Events of {_COLUMNS} spans of {data.n_steps} steps, one test sample a row; blue: brighter, "
            "orange: darker, black: both."
        )
    if isinstance(data.test, ImageSplit):
        return "Test images." if data.test.coding == "direct" else "Mean of the Poisson spikes."
    return "Inputs that are active in each step, test samples."


def _samples(data: Data, n: int) -> list[tuple[np.ndarray, int]]:
    """n test samples (x [T, *], label), of as many classes as there are, in order of class."""
    first: dict[int, list[torch.Tensor]] = {}
    per_class = -(-n // data.n_classes)
    for batch in data.test.epoch(64):
        dense = batch.x if isinstance(batch.x, torch.Tensor) else batch.x.dense()
        if isinstance(batch.x, Static):
            dense = dense[:1]
        for i, label in enumerate(batch.y.tolist()):
            found = first.setdefault(label, [])
            if len(found) < per_class:
                found.append(dense[:, i].clone())
        if sum(map(len, first.values())) >= min(n, per_class * data.n_classes):
            break
    pairs = [(x.numpy(), label) for label in sorted(first) for x in first[label]]
    return pairs[:n]


def _bare(axis: Any, title: str) -> None:
    axis.set_title(title)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def _draw_image(axis: Any, x: np.ndarray, label: int, split: Split) -> None:
    """x [T, C, H, W], as the network gets it; drawn as it was before it was normalised, if that is known."""
    image = x.mean(0).transpose(1, 2, 0)
    if isinstance(split, ImageSplit) and split.coding == "direct":
        image = image * np.array(split.std) + np.array(split.mean)
    elif not isinstance(split, ImageSplit):
        image = (image - image.min()) / max(np.ptp(image), 1e-9)
    axis.imshow(image.clip(0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    _bare(axis, f"class {label}")


def _draw_raster(axis: Any, x: np.ndarray, label: int) -> None:
    """x [T, *]."""
    x = x.reshape(len(x), -1)
    step, unit = np.nonzero(x)
    axis.scatter(step, unit, s=0.3 if len(step) > 500 else 3, c="black", linewidths=0, rasterized=True)
    axis.set(xlim=(0, len(x)), ylim=(0, x.shape[1]), title=f"class {label}", xlabel="step", ylabel="input")


def _draw_frames(axes: Any, x: np.ndarray, label: int, sensor: Sensor) -> None:
    """x [T, N]: the sums over spans of steps, on white."""
    frames = x.reshape(len(x), sensor.polarities, sensor.height, sensor.width)
    spans = np.array_split(np.arange(len(x)), len(axes))
    summed = np.stack([frames[span].sum(0) for span in spans])
    strength = np.minimum(summed / max(np.quantile(summed[summed > 0], 0.99) if summed.any() else 1, 1e-9), 1)[
        ..., None
    ]
    # the polarity of the events is 0 for darker and 1 for brighter
    colours = (_OFF, _ON) if sensor.polarities == 2 else (np.zeros(3),)
    for i, (axis, span) in enumerate(zip(axes, spans, strict=True)):
        ink = sum(strength[i, p] * (1 - colour) for p, colour in enumerate(colours))
        axis.imshow(np.clip(1 - ink, 0, 1), interpolation="nearest")
        _bare(axis, f"class {label}, steps {span[0]}-{span[-1]}" if len(span) else "")


def _draw_balance(axis: Any, data: Data) -> None:
    labels = np.arange(data.n_classes)
    width = 0.8 / len(_BARS)
    for i, (part, colour) in enumerate(_BARS.items()):
        split: Split = getattr(data, part)
        y = torch.cat([batch.y for batch in split.epoch(512)]).numpy()
        count = np.bincount(y, minlength=data.n_classes)
        axis.bar(labels + (i - 1) * width, count, width, color=colour, label=f"{part}, {len(y):,}")
    axis.set(xticks=labels, xlabel="class", ylabel="samples", title="class balance")
    axis.margins(x=0.01)
    axis.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
