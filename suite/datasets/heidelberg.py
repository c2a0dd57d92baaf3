"""SHD, SSC and FSDD spikes: spoken words as spikes of 700 cochlear channels, in the Heidelberg HDF5 layout.

`spikes/times` (seconds, a float array a recording), `spikes/units` (0 to 699), `labels`, `extra/speaker`,
`extra/keys` (class names). Layout and data: Cramer et al. 2020, "The Heidelberg spiking data sets for the systematic
evaluation of spiking neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suite.datasets.base import Dataset
from suite.datasets.events.binning import Augment, EventSplit, Layout, check_classes, check_layout, data_hash
from suite.datasets.events.preprocess import Preprocess, fixed_interval
from suite.datasets.events.store import Store, fingerprint, open_store
from suite.datasets.folders import data_folder, make_standin, pick_source
from suite.datasets.formats.heidelberg import CHANNELS, VERSION, read_safely
from suite.datasets.splits import holdout
from suite.errors import DataUnavailable

HOLDOUT = 0.1


@dataclass(frozen=True)
class _Layout:
    folder: str
    splits: tuple[str, ...]
    n_classes: int
    label: str = "original"

    def file(self, root: Path, name: str, split: str) -> Path:
        return root / self.folder / f"{name}_{split}.h5"


LAYOUTS = {
    "shd": _Layout("SHD", ("train", "test"), 20),
    "ssc": _Layout("SSC", ("train", "valid", "test"), 35),
    "fsdd": _Layout("FSDD", ("train", "test"), 10, "FSDD spikes"),
}


def load_shd(**options: Any) -> Dataset:
    """Spiking Heidelberg Digits: 8,156 + 2,264 spoken digits, English and German (20 classes). Options: see `load`.

    The test set has two speakers whom the training set has not, so validation holds out whole speakers too.
    """
    return load("shd", **options)


def load_ssc(**options: Any) -> Dataset:
    """Spiking Speech Commands: 75,466 + 9,981 (validation) + 20,382 spoken words (35 classes). Options: see `load`."""
    return load("ssc", **options)


def load_fsdd(**options: Any) -> Dataset:
    """FSDD spikes: 2,700 + 300 spoken English digits of the Free Spoken Digit Dataset through SHD's cochlea model.

    Options: see `load`. Validation holds out one of the six speakers, so it has a sixth of the samples.
    """
    return load("fsdd", **options)


def load(
    name: str,
    *,
    source: str = "auto",
    dt_ms: float = 4.0,
    n_steps: int = 250,
    binary: bool = True,
    split_seed: int = 0,
    layout: Layout = "events",
    augment: Augment | None = None,
) -> Dataset:
    """One of the three: N = 700 inputs, step i holds the spikes in [i dt, (i + 1) dt), later ones are dropped.

    dt_ms: length of a step in milliseconds. binary: 0 or 1, else the number of spikes.
    split_seed: of the speakers held out for validation (SSC has a validation file). layout: "events" or "dense"
    batches. augment: changes training recordings, see `suite.datasets.events.binning.Augment`.
    Raises DataUnavailable, DataCorrupt, or ValueError for impossible options.
    """
    preprocess = Preprocess(CHANNELS, fixed_interval(dt_ms, n_steps), binary)
    check_layout(layout)
    about = LAYOUTS[name]
    root, label = find(name, source)
    stores = {split: store(name, root, split) for split in about.splits}
    train, held = stores["train"], stores["train"]
    everyone = np.arange(len(train))
    if "valid" in stores:
        chosen, held, held_samples = everyone, stores["valid"], np.arange(len(stores["valid"]))
    else:
        chosen, held_samples = holdout(train.label, HOLDOUT, split_seed, groups=train.group)
    return Dataset(
        name=name,
        source=label,
        data_hash=data_hash(stores.values(), preprocess, split_seed, augment),
        n_classes=about.n_classes,
        input_shape=(CHANNELS.n_units,),
        n_steps=n_steps,
        train=EventSplit(train, chosen, preprocess, layout, augment),
        validation=EventSplit(held, held_samples, preprocess, layout),
        test=EventSplit(stores["test"], np.arange(len(stores["test"])), preprocess, layout),
    )


def store(name: str, root: Path, split: str) -> Store:
    """The event store of one file ("train", "valid" or "test") below the data folder `root`."""
    about = LAYOUTS[name]
    file = about.file(root, name, split)
    opened = open_store(
        f"{name}-{split}",
        fingerprint([file], root),
        VERSION,
        CHANNELS.n_units,
        lambda: read_safely(file, about.n_classes),
    )
    check_classes(opened, about.n_classes, str(file))
    return opened


def find(name: str, source: str) -> tuple[Path, str]:
    """The data folder to read and what it holds: "standin", or the name of the real data.

    Raises DataUnavailable if some of the files are missing, or if all are and `source` is "original".
    """
    from suite.datasets.standins import speech as standin_speech

    about = LAYOUTS[name]
    folder = data_folder() / about.folder
    files = [about.file(data_folder(), name, split) for split in about.splits]
    there = [file.exists() for file in files]
    if pick_source(name, source, folder if any(there) else None) == "standin":
        write = getattr(standin_speech, f"write_{name}")
        return make_standin(name, standin_speech.VERSION, write), "standin"
    if not all(there):
        missing = ", ".join(file.name for file, here in zip(files, there, strict=True) if not here)
        raise DataUnavailable(f"{folder} lacks {missing}; get it with `lif-roles data get {name}`")
    return data_folder(), about.label
