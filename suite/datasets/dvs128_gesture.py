"""DVS128 Gesture (Amir et al. 2017): 11 arm gestures of 29 people under a 128 x 128 event camera, some 6 s each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from suite.datasets.base import Archive, Data, Dataset, Published, Timed
from suite.datasets.common.folders import data_folder, make_standin, pick_source
from suite.datasets.common.table5 import SPATIAL
from suite.datasets.events.binning import Layout, check_classes, check_layout
from suite.datasets.events.data import event_data
from suite.datasets.events.preprocess import Preprocess, fixed_frames
from suite.datasets.events.recordings import Augmentation
from suite.datasets.events.store import Store, open_files
from suite.datasets.formats import gesture
from suite.errors import DataUnavailable
from suite.options import whole


def load(
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
    augment: Augmentation | None = None,
) -> Data:
    """split "spikingjelly": 1,176 + 288 samples cut from the `.aedat` files by their csv labels. "official": 1,077 +
    264, IBM's own cuts as tonic publishes them (`.npy`, times in milliseconds). In both, test has other people than
    train.

    A sample becomes n_frames frames, by "number" of events or by "time" (see `preprocess.FixedFrames`), with counts
    summed over pool x pool pixels: N = 2 x 32 x 32 = 2048 inputs, (polarity * height + y) * width + x. split_seed: of
    the people held out for validation. binary: 0 or 1, else the number of events; polarity: keep the two apart. layout:
    "events" or "dense". augment: see `suite.datasets.events.recordings.Augmentation`; or a tonic transform.
    Reads DIR/DVSGesture/DvsGesture/*.aedat or DIR/DVSGesture/ibmGesture{Train,Test}/user*/*.npy.
    Raises DataUnavailable, DataCorrupt, or ValueError for impossible options.
    """
    if split not in gesture.SPLITS:
        raise ValueError(f"split = {split!r}; it is {' or '.join(map(repr, gesture.SPLITS))}")
    if whole("pool", pool) > gesture.SENSOR.width:
        raise ValueError(f"pool = {pool}; it must be 1 to {gesture.SENSOR.width}")
    preprocess = Preprocess(gesture.SENSOR, fixed_frames(n_frames, by), binary, pool, polarity)
    check_layout(layout)
    root, picked = find(source, split)
    return event_data(
        "dvs128_gesture",
        picked,
        gesture.N_CLASSES,
        {part: store(root, split, part) for part in ("train", "test")},
        preprocess,
        split_seed=split_seed,
        layout=layout,
        augment=augment,
        once=True,  # 350,000 events a sample become some thousand
    )


def find(source: str, split: str) -> tuple[Path, str]:
    """The data folder to read, and "original" or "standin". Raises DataUnavailable if only the other split is there."""
    from suite.datasets.standins import camera

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
        write = partial(camera.write_gestures, split=split)
        return make_standin(f"dvs128_gesture_{split}", camera.VERSION, write), picked
    return root, picked


def store(root: Path, split: str, part: str) -> Store:
    """The event store of "train" or "test" below the data folder. Raises DataCorrupt if a gesture is missing."""
    files = gesture.files(root, split, part)
    opened = open_files(
        f"dvs128_gesture-{split}-{part}",
        files,
        root,
        gesture.VERSION,
        gesture.SENSOR.n_units,
        lambda: gesture.read(split, files),
    )
    check_classes(opened, gesture.N_CLASSES, str(files[0].parent))
    return opened


def archives() -> Mapping[str, tuple[Archive, ...]]:
    """Of both splits. IBM gives out the recordings by hand only, with the checksum that SpikingJelly has; its own cuts
    are where tonic says.
    """
    from tonic.datasets import DVSGesture

    recordings = Archive(
        "DvsGesture.tar.gz",
        "DVSGesture/DvsGesture",
        "8a5c71fb11e24e5ca5b11866ca6c00a1",
        16 * 10**9,
        page="https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794",
    )
    official = tuple(
        Archive(file, f"DVSGesture/{file.removesuffix('.tar.gz')}", md5, 32 * 10**9, (url,))
        for file, md5, url in (
            (DVSGesture.train_filename, DVSGesture.train_md5, DVSGesture.train_url),
            (DVSGesture.test_filename, DVSGesture.test_md5, DVSGesture.test_url),
        )
    )
    return {"dvs128_gesture": (recordings,), "dvs128_gesture_official": official}


PAPER = replace(SPATIAL, data={"n_frames": 20, "by": "number", "split": "spikingjelly"}, hidden=(512, 512))

DATASET = Dataset(
    name="dvs128_gesture",
    title="DVS128 Gesture",
    kind="spatio-temporal",
    classes=gesture.CLASSES,
    load=load,
    protocols={"suite": replace(PAPER, batch_size=64), "paper": PAPER},
    in_paper=True,
    folders=("DVSGesture",),
    archives=archives,
    published=(Published(1_176, 288), Published(1_077, 264, options={"split": "official"})),
    input_shape=(2048,),
    timed=(Timed(density=0.25, counts=True),),  # assumed
)
