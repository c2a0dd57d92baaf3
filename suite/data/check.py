"""Is a dataset what it should be: counts, shapes and statistics, beside the published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from suite.datasets import load_as_trained
from suite.datasets.formats import cifar
from suite.datasets.base import Dataset, Split
from suite.inputs import Events, Static
from suite.datasets.events.binning import EventSplit
from suite.datasets.folders import data_folder
from suite.datasets.image_split import ImageSplit


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


@dataclass(frozen=True)
class Published:
    """What is published of an original. train counts what is split into training and validation here.

    classes: samples of each class in train and test. mean, std: of the pixels of train, in [0, 1], to 4 digits.
    md5: of files below the data folder.
    """

    train: int
    test: int
    validation: int = 0  # in files of its own
    classes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    md5: Mapping[str, str] = field(default_factory=dict)


_DIGITS = {
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}

PUBLISHED: Mapping[str, Published] = {
    "mnist": Published(
        60_000,
        10_000,
        classes=_DIGITS,
        mean=(0.1307,),
        std=(0.3081,),
        md5={
            "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "fashion_mnist": Published(
        60_000, 10_000, classes={"train": (6_000,) * 10, "test": (1_000,) * 10}, mean=(0.2860,), std=(0.3530,)
    ),
    "cifar10": Published(
        50_000,
        10_000,
        classes={"train": (5_000,) * 10, "test": (1_000,) * 10},
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        md5={
            f"{cifar.FOLDER}/{file}": md5
            for file, md5 in zip(
                (*cifar.TRAIN_BATCHES, cifar.TEST_BATCH),
                (
                    "c99cafc152244af753f735de768cd75f",
                    "d4bba439e000b95fd0a9bffe97cbabec",
                    "54ebc095f3ab1f0389bbae665268c751",
                    "634d18415352ddfa80567beed471001a",
                    "482c414d41f54cd18b22e5b47cb7c3cb",
                    "40351d587109b95175f43aff81a1287e",
                ),
                strict=True,
            )
        },
    ),
    "shd": Published(8_156, 2_264),
    "ssc": Published(75_466, 20_382, validation=9_981),
    "fsdd": Published(2_700, 300, classes={"train": (270,) * 10, "test": (30,) * 10}),
    "n_mnist": Published(60_000, 10_000, classes=_DIGITS),
    "dvs128_gesture": Published(1_176, 288),
}
"""Sources: the datasets' own pages and papers; MD5 of the unpacked MNIST and CIFAR10 files as torchvision has them.
DVS128 Gesture: SpikingJelly's cut of the recordings."""

_COMPLETE = ("original", "FSDD spikes", "CIFAR10 (JPEG copy)")


def check(name: str, *, source: str = "auto", **options: Any) -> Report:
    """Load a dataset, go through all of it, and compare it with what is published of the original.

    A stand-in, or a part of an original, is looked at but has nothing to be compared with. Raises as `load` does.
    """
    dataset = load_as_trained(name, source=source, **options)
    published = PUBLISHED.get(name) if dataset.source in _COMPLETE else None
    return Report(name, dataset.source, dataset.data_hash, tuple(_look(dataset, published, options)))


def _look(dataset: Dataset, published: Published | None, options: Mapping[str, Any]) -> Iterator[Finding]:
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    counts = {part: _count(split, dataset.n_classes) for part, split in splits.items()}
    if published and options.get("split") == "official":  # of DVS128 Gesture
        published = Published(1_077, 264)
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
    yield _shape(dataset)
    if isinstance(dataset.train, ImageSplit):
        yield from _pixels(dataset.train, published)
    for part, split in splits.items():
        if isinstance(split, EventSplit):
            yield from _events(part, split)
    if dataset.source == "original" and published:
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


def _shape(dataset: Dataset) -> Finding:
    x = next(iter(dataset.test.epoch(8))).x
    B = min(8, len(dataset.test))
    expected = (dataset.n_steps, B, *dataset.input_shape)
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
