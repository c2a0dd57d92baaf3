"""Is a dataset what it should be: counts, shapes and statistics, beside the published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from suite.datasets import load_as_trained
from suite.datasets.base import Data, Published, Split
from suite.datasets.common.folders import data_folder
from suite.datasets.events.binning import EventSplit
from suite.datasets.images.split import ImageSplit
from suite.inputs import Events, Static
from suite.registry import datasets


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `expected` is empty, and `ok` None, if nothing is published to compare it with."""

    what: str
    found: str
    expected: str = ""
    ok: bool | None = None


@dataclass(frozen=True)
class Report:
    """What `check` found."""

    name: str
    source: str
    data_hash: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok is not False for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


def check(name: str, *, source: str = "auto", **options: Any) -> Report:
    """Load a dataset, go through all of it, and compare it with what is published of the original.

    A stand-in, or a part of an original, is looked at but has nothing to be compared with. Raises as `load` does.
    """
    data = load_as_trained(name, source=source, **options)
    about = (p for p in datasets[name].published if data.source in p.sources)
    fits = [p for p in about if all(options.get(option) == value for option, value in p.options.items())]
    published = max(fits, key=lambda p: len(p.options), default=None)
    return Report(name, data.source, data.data_hash, tuple(_look(data, published)))


def _look(data: Data, published: Published | None) -> Iterator[Finding]:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    counts = {part: _count(split, data.n_classes) for part, split in splits.items()}
    in_file = {"train": counts["train"] + counts["validation"], "test": counts["test"]}
    if published and published.validation:
        in_file = counts
    for part, count in in_file.items():
        expected = None if published is None else getattr(published, part)
        what = "train + validation" if part == "train" and "validation" not in in_file else part
        yield _compare(f"samples, {what}", int(count.sum()), expected)
        classes = None if published is None else published.classes.get(part)
        yield _compare(f"of each class, {what}", count.tolist(), None if classes is None else list(classes))
    if "validation" not in in_file:
        yield Finding("of each class, validation alone", _text(counts["validation"].tolist()))
    yield _shape(data)
    if isinstance(data.train, ImageSplit):
        yield from _pixels(data.train, published)
    for part, split in splits.items():
        if isinstance(split, EventSplit):
            yield from _events(part, split)
    if data.source == "original" and published:
        for file, md5 in published.md5.items():
            yield _compare(f"MD5, {Path(file).name}", _md5(data_folder() / file), md5)


def _compare(what: str, found: Any, expected: Any) -> Finding:
    if expected is None:
        return Finding(what, _text(found))
    return Finding(what, _text(found), _text(expected), found == expected)


def _text(value: Any) -> str:
    if isinstance(value, list):
        same = len(set(value)) == 1 and len(value) > 2
        return f"{len(value)} x {value[0]:,}" if same else " ".join(f"{v:,}" for v in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _count(split: Split, n_classes: int) -> np.ndarray:
    """Samples of each class, as the batches have them."""
    labels = torch.cat([batch.y for batch in split.epoch(512)])
    return np.bincount(labels.numpy(), minlength=n_classes)


def _shape(data: Data) -> Finding:
    x = next(iter(data.test.epoch(8))).x
    B = min(8, len(data.test))
    expected = (data.n_steps, B, *data.input_shape)
    if isinstance(x, Static):
        found, kind = (x.n_steps, *x.image.shape), "one image for all steps"
    elif isinstance(x, Events):
        found, kind = x.shape, "events"
    else:
        found, kind = tuple(x.shape), "dense"
    return Finding("batch [T, B, *]", f"{list(found)}, {kind}", str(list(expected)), tuple(found) == expected)


def _pixels(split: ImageSplit, published: Published | None) -> Iterator[Finding]:
    """Mean and standard deviation a channel, over train and validation."""
    channels = split.images.shape[1]
    hist = np.stack([np.bincount(split.images[:, c].ravel(), minlength=256) for c in range(channels)])
    level = np.arange(256) / 255
    mean = hist @ level / hist.sum(1)
    std = np.sqrt(hist @ level**2 / hist.sum(1) - mean**2)
    for what, found, expected in (
        ("mean", mean, published.mean if published else ()),
        ("standard deviation", std, published.std if published else ()),
    ):
        text = " ".join(f"{value:.4f}" for value in found)
        if not expected:
            yield Finding(f"pixels, {what}", text)
        else:
            near = bool(np.all(abs(found - np.array(expected)) < 2e-3))  # JPEG copies are off by 4e-4
            yield Finding(f"pixels, {what}", text, " ".join(f"{value:.4f}" for value in expected), near)


def _events(part: str, split: EventSplit) -> Iterator[Finding]:
    """Statistics of the recordings, before they are cut into steps where the store still has them so."""
    store, samples = split.store, split.samples
    if store.weight is None:
        events = np.diff(store.indptr)[samples]
        filled = samples[events > 0]
        last = store.t[store.indptr[filled + 1] - 1] / 1e6
        yield Finding(f"last event, {part}", f"{last.mean():.3f} s on average, {last.max():.3f} s at most")
    else:
        total = np.concatenate([[0.0], np.cumsum(store.weight, dtype=np.float64)])
        events = np.diff(total[store.indptr])[samples]
    yield Finding(
        f"events a sample, {part}", f"{events.mean():,.0f} on average, {events.min():,.0f} to {events.max():,.0f}"
    )
    seen = np.zeros(store.n_units, dtype=bool)
    for sample in samples:
        seen[store.unit[store.indptr[sample] : store.indptr[sample + 1]]] = True
    yield Finding(f"silent inputs, {part}", f"{np.count_nonzero(~seen):,} of {store.n_units:,}")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
