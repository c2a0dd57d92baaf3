"""CIFAR10 (Krizhevsky 2009): colour images of 32 x 32 pixels, 10 classes, 50,000 + 10,000."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from suite.datasets.base import Archive, Data, Dataset, Published, Timed
from suite.datasets.common.folders import data_folder, make_standin, pick_source
from suite.datasets.common.table5 import SPATIAL
from suite.datasets.formats import cifar
from suite.datasets.images.data import Labelled, check_labels, check_options, hash_files, image_data
from suite.datasets.images.split import crop_and_flip
from suite.datasets.standins import images as standin
from suite.errors import DataUnavailable
from suite.protocols import Cosine

COUNTS = 50_000, 10_000  # train, test
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
JPEG_FOLDER, JPEG_LABEL = "CIFAR10_JPEG", "CIFAR10 (JPEG copy)"


def load(*, source: str = "auto", n_steps: int = 4, coding: str = "direct", split_seed: int = 0) -> Data:
    """Batches [B, 3, 32, 32], normalised by the channels' published mean and standard deviation, shown for n_steps
    (coding "direct"), or spikes [n_steps, B, 3, 32, 32] that are 1 with the pixel's probability ("poisson"). Training
    images are shifted by up to 4 pixels each way, black at the border, and half of them mirrored. Validation: a tenth
    of each class of train, chosen by split_seed.

    Reads DIR/cifar-10-batches-py (the original pickles; nothing in them is run); if there is none, and source is
    "auto", DIR/CIFAR10_JPEG/{train,test}/<index>_<class name>.jpg under the label "CIFAR10 (JPEG copy)".
    Raises DataUnavailable, DataCorrupt, or ValueError for a bad option.
    """
    check_options("cifar10", n_steps, coding)
    look = {"n_steps": n_steps, "coding": coding, "mean": MEAN, "std": STD}
    label, digest, train, test = _read(source)
    return image_data("cifar10", label, digest, split_seed, look, train, test, augment=crop_and_flip)


def _read(source: str) -> tuple[str, str, Labelled, Labelled]:
    """(label of the data, hash of its contents, train, test)."""
    folder, copy = data_folder() / cifar.FOLDER, data_folder() / JPEG_FOLDER
    original = folder if folder.is_dir() else None
    if source == "auto" and original is None and copy.is_dir():
        parts = cifar.read_jpeg(copy, dict(zip(("train", "test"), COUNTS, strict=True)))
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
    n_train, n_test = COUNTS
    if picked == "standin":
        folder = make_standin("cifar10", standin.VERSION, standin.write_shapes) / cifar.FOLDER
        n_train, n_test = standin.N_TRAIN, standin.N_TEST
    files = [folder / name for name in (*cifar.TRAIN_BATCHES, cifar.TEST_BATCH)]
    read = [cifar.read_batch(file, n_train // 5) for file in files[:-1]]
    train = np.concatenate([images for images, _ in read]), np.concatenate([labels for _, labels in read])
    test = cifar.read_batch(files[-1], n_test)
    check_labels(folder, train[1], 10)
    check_labels(files[-1], test[1], 10)
    return picked, hash_files(files), train, test


def archives() -> Mapping[str, tuple[Archive, ...]]:
    """The address and checksum as torchvision has them."""
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    md5 = "c58f30108f718f92721af3b95e74349a"
    return {"cifar10": (Archive("cifar-10-python.tar.gz", cifar.FOLDER, md5, 500 * 10**6, (url,), 170_498_071),)}


UNPACKED = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
"""MD5, as torchvision has them."""

PAPER = replace(
    SPATIAL,
    data={"n_steps": 4},
    network="resnet18",
    hidden=(64,),
    batch_size=512,
    readout="linear",
    loss="cross_entropy",
)

DATASET = Dataset(
    name="cifar10",
    title="CIFAR10",
    kind="spatial",
    classes=cifar.CLASSES,
    load=load,
    protocols={
        "suite": replace(PAPER, batch_size=128, learning_rate=1e-3, schedule=Cosine()),
        "paper": PAPER,
    },
    in_paper=True,
    folders=(cifar.FOLDER, JPEG_FOLDER),
    archives=archives,
    published=(
        Published(
            *COUNTS,
            classes={"train": (5_000,) * 10, "test": (1_000,) * 10},
            mean=MEAN,
            std=STD,
            md5={f"{cifar.FOLDER}/{file}": md5 for file, md5 in UNPACKED.items()},
            sources=("original", JPEG_LABEL),
        ),
    ),
    input_shape=cifar.SHAPE,
    timed=(Timed(),),
)
