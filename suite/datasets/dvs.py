"""N-MNIST and DVS128 Gesture: recordings of event cameras.

Units are (polarity * height + y) * width + x of the camera, or of its pooled pixels.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from suite.datasets.base import Dataset
from suite.datasets.events.binning import Augment, EventSplit, Layout, check_classes, check_layout, compact, data_hash
from suite.datasets.events.preprocess import Preprocess, fixed_frames, fixed_interval, whole
from suite.datasets.events.store import Store, fingerprint, open_store
from suite.datasets.folders import data_folder, make_standin, pick_source
from suite.datasets.formats import atis, gesture
from suite.datasets.splits import holdout
from suite.errors import DataUnavailable

HOLDOUT = 0.1


def load_n_mnist(
    *,
    source: str = "auto",
    dt_ms: float = 3.0,
    n_steps: int = 15,
    binary: bool = True,
    polarity: bool = True,
    split_seed: int = 0,
    layout: Layout = "events",
    augment: Augment | None = None,
) -> Dataset:
    """N-MNIST (Orchard et al. 2015): MNIST digits before a moving event camera, 60,000 + 10,000, about 310 ms each.

    N = 2312 inputs (2 polarities x 34 x 34; 1156 without polarity). Step i holds the events in [i dt, (i + 1) dt) from
    the start of the recording; later ones are dropped. Other dt and n_steps read the same store. binary: 0 or 1, else
    the number of events. split_seed: of the tenth of each class of train that is held out for validation. layout:
    "events" or "dense". augment: see `suite.datasets.events.binning.Augment`.
    Reads DIR/NMNIST/{Train,Test}/<digit>/*.bin; with fewer recordings than the original, the source says so.
    Raises DataUnavailable, DataCorrupt, or ValueError for impossible options.
    """
    preprocess = Preprocess(atis.SENSOR, fixed_interval(dt_ms, n_steps), binary, polarity=polarity)
    check_layout(layout)
    root, picked = find_n_mnist(source)
    train, test = n_mnist_store(root, "Train"), n_mnist_store(root, "Test")
    if picked == "original" and (len(train), len(test)) != (60_000, 10_000):
        picked = f"N-MNIST subset ({len(train)} + {len(test)})"
    return _dataset("n_mnist", picked, atis.N_CLASSES, train, test, preprocess, split_seed, layout, augment)


def find_n_mnist(source: str) -> tuple[Path, str]:
    """The data folder to read, and "original" or "standin"."""
    from suite.datasets.standins import camera as standin_camera

    folder = data_folder() / "NMNIST"
    parts = [(folder / part).is_dir() for part in ("Train", "Test")]
    if pick_source("n_mnist", source, folder if any(parts) else None) == "standin":
        return make_standin("n_mnist", standin_camera.VERSION, standin_camera.write_n_mnist), "standin"
    if not all(parts):
        raise DataUnavailable(f"{folder} must have both Train and Test; get it with `lif-roles data get n_mnist`")
    return data_folder(), "original"


def n_mnist_store(root: Path, part: str) -> Store:
    """The event store of "Train" or "Test" below the data folder `root`. Raises DataCorrupt if a digit is missing."""
    folder = root / "NMNIST" / part
    files = atis.files(folder)
    store = open_store(
        f"n_mnist-{part.lower()}",
        fingerprint(files, root),
        atis.VERSION,
        atis.SENSOR.n_units,
        lambda: map(atis.read, files),
    )
    check_classes(store, atis.N_CLASSES, str(folder))
    return store


def load_dvs128_gesture(
    *,
    source: str = "auto",
    n_frames: int = 20,
    by: str = "number",
    split: str = "spikingjelly",
    binary: bool = False,
    pool: int = 4,
    polarity: bool = True,
    split_seed: int = 0,
    layout: Layout = "events",
    augment: Augment | None = None,
) -> Dataset:
    """DVS128 Gesture (Amir et al. 2017): 11 arm gestures of 29 people under a 128 x 128 event camera, some 6 s each.

    split "spikingjelly": 1,176 + 288 samples cut from the `.aedat` files by their csv labels. "official": 1,077 + 264,
    IBM's own cuts as tonic publishes them (`.npy`, times in milliseconds). In both, test has other people than train.
    A sample becomes n_frames frames, by "number" of events or by "time" (see `preprocess.FixedFrames`), with counts
    summed over pool x pool pixels: N = 2 x 32 x 32 = 2048 inputs. split_seed: of the people held out for validation.
    binary, polarity, layout, augment: as for N-MNIST.
    Reads DIR/DVSGesture/DvsGesture/*.aedat or DIR/DVSGesture/ibmGesture{Train,Test}/user*/*.npy.
    Raises DataUnavailable, DataCorrupt, or ValueError for impossible options.
    """
    if split not in gesture.SPLITS:
        raise ValueError(f"split = {split!r}; it is {' or '.join(map(repr, gesture.SPLITS))}")
    if whole("pool", pool) > gesture.SENSOR.width:
        raise ValueError(f"pool = {pool}; it must be 1 to {gesture.SENSOR.width}")
    preprocess = Preprocess(gesture.SENSOR, fixed_frames(n_frames, by), binary, pool, polarity)
    check_layout(layout)
    root, picked = find_dvs128_gesture(source, split)
    train, test = (dvs128_gesture_store(root, split, part) for part in ("train", "test"))
    if augment is None:  # 350,000 events a sample become some thousand, so they are binned once
        (train, _), (test, preprocess) = compact(train, preprocess), compact(test, preprocess)
    return _dataset("dvs128_gesture", picked, gesture.N_CLASSES, train, test, preprocess, split_seed, layout, augment)


def find_dvs128_gesture(source: str, split: str) -> tuple[Path, str]:
    """The data folder to read, and "original" or "standin". Raises DataUnavailable if only the other split is there."""
    from suite.datasets.standins import camera as standin_camera

    root = data_folder()
    there = {name: any(folder.is_dir() for folder in gesture.folders(root, name)) for name in gesture.SPLITS}
    (other,) = set(gesture.SPLITS) - {split}
    if source != "standin" and there[other] and not there[split]:
        raise DataUnavailable(
            f"{root / 'DVSGesture'} has the {other} split of dvs128_gesture, not {split}; choose split={other!r}, or "
            "get the other with `lif-roles data get dvs128_gesture`"
        )
    picked = pick_source("dvs128_gesture", source, root if there[split] else None)
    if picked == "standin":
        write = partial(standin_camera.write_dvs128_gesture, split=split)
        return make_standin(f"dvs128_gesture_{split}", standin_camera.VERSION, write), picked
    return root, picked


def dvs128_gesture_store(root: Path, split: str, part: str) -> Store:
    """The event store of "train" or "test" below the data folder. Raises DataCorrupt if a gesture is missing."""
    files = gesture.files(root, split, part)
    store = open_store(
        f"dvs128_gesture-{split}-{part}",
        fingerprint(files, root),
        gesture.VERSION,
        gesture.SENSOR.n_units,
        lambda: gesture.read(split, files),
    )
    check_classes(store, gesture.N_CLASSES, str(files[0].parent))
    return store


def _dataset(
    name: str,
    source: str,
    n_classes: int,
    train: Store,
    test: Store,
    preprocess: Preprocess,
    split_seed: int,
    layout: Layout,
    augment: Augment | None,
) -> Dataset:
    groups = train.group if train.group.min() >= 0 else None
    learn, validate = holdout(train.label, HOLDOUT, split_seed, groups)
    return Dataset(
        name=name,
        source=source,
        data_hash=data_hash([train, test], preprocess, split_seed, augment),
        n_classes=n_classes,
        input_shape=(preprocess.pooled.n_units,),
        n_steps=preprocess.n_steps,
        train=EventSplit(train, learn, preprocess, layout, augment),
        validation=EventSplit(train, validate, preprocess, layout),
        test=EventSplit(test, np.arange(len(test)), preprocess, layout),
    )
