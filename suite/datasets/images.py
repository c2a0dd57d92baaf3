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
from suite.datasets.formats import cifar
from suite.datasets.formats.idx import check_idx
from suite.datasets.image_split import Augment, ImageSplit, crop_and_flip
from suite.datasets.splits import holdout
from suite.errors import DataCorrupt, DataUnavailable

CODINGS = ("direct", "poisson")
HOLDOUT = 0.1
MNIST_COUNTS = 60_000, 10_000  # train, test; Fashion-MNIST has as many
CIFAR10_COUNTS = 50_000, 10_000
CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
JPEG_FOLDER, JPEG_LABEL = "CIFAR10_JPEG", "CIFAR10 (JPEG copy)"

_PREPROCESSING = 1  # raise it when the same files and options give other batches

Labelled = tuple[np.ndarray, np.ndarray]


def load_mnist(*, source: str = "auto", n_steps: int = 8, coding: str = "direct", split_seed: int = 0) -> Dataset:
    """MNIST (LeCun et al. 1998): grey digits of 28 x 28 pixels, 10 classes, 60,000 + 10,000.

    Batches [B, 1, 28, 28] in [0, 1], shown for n_steps (coding "direct"), or spikes [n_steps, B, 1, 28, 28] that are 1
    with the pixel's probability ("poisson"). Validation: a tenth of each class of train, chosen by split_seed.
    Reads DIR/MNIST/raw (uncompressed IDX). Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
    """
    return _load_idx("mnist", "MNIST", source, split_seed, {"n_steps": n_steps, "coding": coding})


def load_fashion_mnist(
    *, source: str = "auto", n_steps: int = 8, coding: str = "direct", split_seed: int = 0
) -> Dataset:
    """Fashion-MNIST (Xiao et al. 2017): MNIST's format with ten kinds of clothing. As `load_mnist`, from
    DIR/FashionMNIST/raw."""
    return _load_idx("fashion_mnist", "FashionMNIST", source, split_seed, {"n_steps": n_steps, "coding": coding})


def load_cifar10(*, source: str = "auto", n_steps: int = 4, coding: str = "direct", split_seed: int = 0) -> Dataset:
    """CIFAR10 (Krizhevsky 2009): colour images of 32 x 32 pixels, 10 classes, 50,000 + 10,000.

    Batches [B, 3, 32, 32], normalised by the channels' published mean and standard deviation, shown for n_steps
    (coding "direct"), or spikes [n_steps, B, 3, 32, 32] that are 1 with the pixel's probability ("poisson"). Training
    images are shifted by up to 4 pixels each way, black at the border, and half of them mirrored. Validation: a tenth
    of each class of train, chosen by split_seed.
    Reads DIR/cifar-10-batches-py (the original pickles; nothing in them is run); if there is none, and source is
    "auto", DIR/CIFAR10_JPEG/{train,test}/<index>_<class name>.jpg under the label "CIFAR10 (JPEG copy)".
    Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
    """
    _check_options("cifar10", n_steps=n_steps, coding=coding)
    look = {"n_steps": n_steps, "coding": coding, "mean": CIFAR10_MEAN, "std": CIFAR10_STD}
    label, digest, train, test = _read_cifar10(source)
    return _dataset("cifar10", label, digest, split_seed, look, train, test, augment=crop_and_flip)


def _load_idx(name: str, folder: str, source: str, split_seed: int, look: dict[str, Any]) -> Dataset:
    from suite.datasets.standins import images as standin_images

    _check_options(name, **look)
    raw = data_folder() / folder / "raw"
    picked = pick_source(name, source, raw if any(file.exists() for file in idx_files(raw)) else None)
    n_train, n_test = MNIST_COUNTS
    if picked == "standin":
        raw = make_standin(name, standin_images.VERSION, getattr(standin_images, f"write_{name}")) / folder / "raw"
        n_train, n_test = standin_images.N_TRAIN, standin_images.N_TEST
    files = idx_files(raw)
    train, test = _read_idx(files[0], files[1], n_train), _read_idx(files[2], files[3], n_test)
    return _dataset(name, picked, hash_files(files), split_seed, look, train, test)


def idx_files(raw: Path) -> list[Path]:
    """Images and labels of train, then of test."""
    return [raw / f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]


def _read_idx(image_file: Path, label_file: Path, n: int) -> Labelled:
    """images uint8 [n, 1, 28, 28], labels int64 [n]. torchvision reads what has been checked to be sound."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    check_idx(image_file, (n, 28, 28))
    check_idx(label_file, (n,))
    labels: np.ndarray = read_label_file(str(label_file)).numpy()
    check_labels(label_file, labels, 10)
    return read_image_file(str(image_file)).numpy()[:, None], labels


def _read_cifar10(source: str) -> tuple[str, str, Labelled, Labelled]:
    """(label of the data, hash of its contents, train, test)."""
    from suite.datasets.standins import images as standin_images

    folder, copy = data_folder() / cifar.FOLDER, data_folder() / JPEG_FOLDER
    original = folder if folder.is_dir() else None
    if source == "auto" and original is None and copy.is_dir():
        parts = cifar.read_jpeg(copy, dict(zip(("train", "test"), CIFAR10_COUNTS, strict=True)))
        digest = hashlib.sha256()
        for images, labels in parts.values():
            digest.update(images.data)
            digest.update(labels.data)
        return JPEG_LABEL, digest.hexdigest(), parts["train"], parts["test"]
    if source == "original" and original is None and copy.is_dir():
        raise DataUnavailable(
            f"cifar10: {data_folder()} has only a JPEG copy, which source 'auto' takes; get the original with "
            "`lif-roles data get cifar10`"
        )
    picked = pick_source("cifar10", source, original)
    n_train, n_test = CIFAR10_COUNTS
    if picked == "standin":
        folder = make_standin("cifar10", standin_images.VERSION, standin_images.write_cifar10) / cifar.FOLDER
        n_train, n_test = standin_images.N_TRAIN, standin_images.N_TEST
    files = [folder / name for name in (*cifar.TRAIN_BATCHES, cifar.TEST_BATCH)]
    read = [cifar.read_batch(file, n_train // 5) for file in files[:-1]]
    train = np.concatenate([images for images, _ in read]), np.concatenate([labels for _, labels in read])
    test = cifar.read_batch(files[-1], n_test)
    check_labels(folder, train[1], 10)
    check_labels(files[-1], test[1], 10)
    return picked, hash_files(files), train, test


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
    train: Labelled,
    test: Labelled,
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
