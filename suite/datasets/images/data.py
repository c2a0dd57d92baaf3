"""From images in memory to `Data`: what the image datasets have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from suite.datasets.base import Data, hash_of
from suite.datasets.common.splits import HOLDOUT, holdout
from suite.datasets.images.split import Augment, ImageSplit
from suite.errors import DataCorrupt
from suite.options import MOST_STEPS, whole

CODINGS = ("direct", "poisson")

_PREPROCESSING = 1  # raise it when the same files and options give other batches


Labelled = tuple[np.ndarray, np.ndarray]
"""images uint8 [n, C, H, W], labels int64 [n]."""


def check_options(name: str, n_steps: int, coding: str) -> None:
    """Raises ValueError unless `ImageSplit` can have them."""
    whole(f"{name}: n_steps", n_steps, high=MOST_STEPS)
    if coding not in CODINGS:
        raise ValueError(f"{name}: coding is {' or '.join(CODINGS)}, not {coding!r}")


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


def image_data(
    name: str,
    source: str,
    digest: str,
    split_seed: int,
    look: dict[str, Any],
    train: Labelled,
    test: Labelled,
    augment: Augment | None = None,
) -> Data:
    """The three splits. `digest` stands for the contents, `look` are the options of ImageSplit."""
    learn, validate = holdout(train[1], HOLDOUT, split_seed)
    kind = None if augment is None else augment.__name__
    description = json.dumps([name, digest, look, kind, split_seed, HOLDOUT, _PREPROCESSING], sort_keys=True)
    return Data(
        name=name,
        source=source,
        data_hash=hash_of(description),
        n_classes=10,
        input_shape=train[0].shape[1:],
        n_steps=look["n_steps"],
        train=ImageSplit(*train, learn, augment=augment, **look),
        validation=ImageSplit(*train, validate, **look),
        test=ImageSplit(*test, np.arange(len(test[1])), **look),
    )
