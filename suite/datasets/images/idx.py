"""MNIST and what comes in its format: grey images of 28 x 28 pixels, ten classes, in four IDX files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite.datasets.base import Archive, Data
from suite.datasets.common.folders import data_folder, make_standin, pick_source
from suite.datasets.formats.idx import check_idx
from suite.datasets.images.data import Labelled, check_labels, check_options, hash_files, image_data
from suite.datasets.standins import images as standin

DIGITS = tuple("0123456789")
DIGITS_COUNTED = {
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}
"""Of each digit in MNIST, and so in N-MNIST."""


@dataclass(frozen=True)
class Found:
    """What was read: "original" or "standin", with a digest of the files."""

    source: str
    digest: str
    train: Labelled
    test: Labelled


@dataclass(frozen=True)
class Grey:
    """A dataset in FOLDER/raw. write: makes its stand-in's files in a folder; mirrors: addresses of the folder that the
    files are published in; packed: of each file its MD5 and bytes there, compressed. counts: train, test.
    """

    name: str
    folder: str
    write: Callable[[Path], None]
    mirrors: tuple[str, ...]
    packed: Mapping[str, tuple[str, int]]
    counts: tuple[int, int] = (60_000, 10_000)

    def load(self, *, source: str = "auto", n_steps: int = 8, coding: str = "direct", split_seed: int = 0) -> Data:
        """Batches [B, 1, 28, 28] in [0, 1], shown for n_steps (coding "direct"), or spikes [n_steps, B, 1, 28, 28] that
        are 1 with the pixel's probability ("poisson"). Validation: a tenth of each class of train, by split_seed.

        Reads DIR/FOLDER/raw (uncompressed IDX). Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
        """
        check_options(self.name, n_steps, coding)
        found = self.read(source)
        look = {"n_steps": n_steps, "coding": coding}
        return image_data(self.name, found.source, found.digest, split_seed, look, found.train, found.test)

    def read(self, source: str) -> Found:
        """The images and labels that are here. Raises as `load` does."""
        below = Path(self.folder, "raw")
        raw = data_folder() / below
        picked = pick_source(self.name, source, raw if any(file.exists() for file in files(raw)) else None)
        n_train, n_test = self.counts
        if picked == "standin":
            raw = make_standin(self.name, standin.VERSION, lambda folder: self.write(folder / below)) / below
            n_train, n_test = standin.N_TRAIN, standin.N_TEST
        four = files(raw)
        train, test = _read(four[0], four[1], n_train), _read(four[2], four[3], n_test)
        return Found(picked, hash_files(four), train, test)

    def archives(self) -> Mapping[str, tuple[Archive, ...]]:
        """Addresses and checksums as torchvision has them."""
        return {
            self.name: tuple(
                Archive(
                    f"{self.folder}/{file}.gz",
                    f"{self.folder}/raw/{file}",
                    md5,
                    50 * 10**6,
                    tuple(f"{mirror}{file}.gz" for mirror in self.mirrors),
                    size,
                )
                for file, (md5, size) in self.packed.items()
            )
        }


def files(raw: Path) -> list[Path]:
    """Images and labels of train, then of test."""
    return [raw / f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]


def _read(image_file: Path, label_file: Path, n: int) -> Labelled:
    """images uint8 [n, 1, 28, 28], labels int64 [n]. torchvision reads what has been checked to be sound."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    check_idx(image_file, (n, 28, 28))
    check_idx(label_file, (n,))
    labels: np.ndarray = read_label_file(str(label_file)).numpy()
    check_labels(label_file, labels, 10)
    return read_image_file(str(image_file)).numpy()[:, None], labels
