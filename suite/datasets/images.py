"""MNIST, Fashion-MNIST and CIFAR10: read, check and split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from suite.datasets.base import Dataset
from suite.datasets.folders import data_folder, make_standin, pick_source
from suite.datasets.idx import check_idx
from suite.datasets.image_split import Augment, ImageSplit
from suite.datasets.splits import holdout
from suite.errors import DataCorrupt

CODINGS = ("direct", "poisson")
HOLDOUT = 0.1

_PREPROCESSING = 1  # raise it when the same files and options give other batches


def load_mnist(*, source: str = "auto", n_steps: int = 8, coding: str = "direct", split_seed: int = 0) -> Dataset:
    """MNIST (LeCun et al. 1998): grey digits of 28 x 28 pixels, 10 classes, 60,000 + 10,000.

    Batches [B, 1, 28, 28] in [0, 1], shown for n_steps (coding "direct"), or spikes [n_steps, B, 1, 28, 28] that are 1
    with the pixel's probability ("poisson"). Validation: a tenth of each class of train, chosen by split_seed.
    Reads DIR/MNIST/raw (uncompressed IDX). Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
    """
    return _load_idx("mnist", "MNIST", source, split_seed, {"n_steps": n_steps, "coding": coding})


def _load_idx(name: str, folder: str, source: str, split_seed: int, look: dict[str, Any]) -> Dataset:
    from suite.datasets import standin_images

    _check_options(name, **look)
    raw = data_folder() / folder / "raw"
    picked = pick_source(name, source, raw if any(file.exists() for file in idx_files(raw)) else None)
    n_train, n_test = 60_000, 10_000
    if picked == "standin":
        raw = make_standin(name, standin_images.VERSION, getattr(standin_images, f"write_{name}")) / folder / "raw"
        n_train, n_test = standin_images.N_TRAIN, standin_images.N_TEST
    files = idx_files(raw)
    train, test = _read_idx(files[0], files[1], n_train), _read_idx(files[2], files[3], n_test)
    return _dataset(name, picked, hash_files(files), split_seed, look, train, test)


def idx_files(raw: Path) -> list[Path]:
    """Images and labels of train, then of test."""
    return [raw / f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]


def _read_idx(image_file: Path, label_file: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """images uint8 [n, 1, 28, 28], labels int64 [n]. torchvision reads what has been checked to be sound."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    check_idx(image_file, (n, 28, 28))
    check_idx(label_file, (n,))
    labels: np.ndarray = read_label_file(str(label_file)).numpy()
    check_labels(label_file, labels, 10)
    return read_image_file(str(image_file)).numpy()[:, None], labels


def check_labels(path: Path, labels: np.ndarray, n_classes: int) -> None:
    """Raise DataCorrupt if a label is no class, or a class has no sample."""
    bad = labels[(labels < 0) | (labels >= n_classes)]
    if len(bad):
        raise DataCorrupt(f"{path} has the label {bad[0]}; labels are 0 to {n_classes - 1}; get it again")
    missing = np.setdiff1d(np.arange(n_classes), labels)
    if len(missing):
        raise DataCorrupt(f"{path} has no sample of class {missing[0]}; get it again")


def hash_files(files: Iterable[Path]) -> str:
    """SHA-256 over the contents, in this order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _check_options(name: str, *, n_steps: int, coding: str, **_: Any) -> None:
    if isinstance(n_steps, bool) or not isinstance(n_steps, int) or n_steps < 1:
        raise ValueError(f"{name}: n_steps = {n_steps!r} must be an integer of at least 1")
    if coding not in CODINGS:
        raise ValueError(f"{name}: coding is {' or '.join(CODINGS)}, not {coding!r}")


def _dataset(
    name: str,
    source: str,
    digest: str,
    split_seed: int,
    look: dict[str, Any],
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    augment: Augment | None = None,
) -> Dataset:
    """The three splits of images uint8 [n, C, H, W] and labels int64 [n]. `digest` stands for their contents, `look`
    are the options of ImageSplit."""
    learn, validate = holdout(train[1], HOLDOUT, split_seed)
    kind = None if augment is None else augment.__name__
    description = json.dumps([name, digest, look, kind, split_seed, HOLDOUT, _PREPROCESSING], sort_keys=True)
    return Dataset(
        name=name,
        source=source,
        data_hash=hashlib.sha256(description.encode()).hexdigest()[:16],
        n_classes=10,
        input_shape=train[0].shape[1:],
        n_steps=look["n_steps"],
        train=ImageSplit(*train, learn, augment=augment, **look),
        validation=ImageSplit(*train, validate, **look),
        test=ImageSplit(*test, np.arange(len(test[1])), **look),
    )
