"""From the event stores of a dataset to its `Data`: what recordings of cameras and of speech have in common."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from suite.datasets.base import Data
from suite.datasets.common.splits import HOLDOUT, holdout
from suite.datasets.events.binning import Augment, EventSplit, Layout, compact, data_hash
from suite.datasets.events.preprocess import Preprocess
from suite.datasets.events.recordings import Augmentation, Recordings, adapted
from suite.datasets.events.store import Store


def event_data(
    name: str,
    source: str,
    n_classes: int,
    stores: Mapping[str, Store],
    preprocess: Preprocess,
    *,
    split_seed: int,
    layout: Layout,
    augment: Augmentation | None,
    once: bool = False,
) -> Data:
    """The three splits of the stores "train", "test" and perhaps "valid"; without that, a tenth of train is held out,
    by speaker or user where all have one. once: bin all recordings now, unless they are augmented.
    """
    raw, sensor = stores, preprocess.sensor
    change = None if augment is None else adapted(augment, sensor)
    if once and change is None:
        stores = {part: compact(store, preprocess)[0] for part, store in raw.items()}
        preprocess = preprocess.compacted
    train = stores["train"]
    if "valid" in stores:
        held, learn, validate = "valid", np.arange(len(train)), np.arange(len(stores["valid"]))
    else:
        several = train.group.min() >= 0 and train.group.min() < train.group.max()
        groups = train.group if several else None  # one speaker alone cannot be held out
        held, (learn, validate) = "train", holdout(train.label, HOLDOUT, split_seed, groups)

    def split(part: str, samples: np.ndarray, augment: Augment | None = None) -> EventSplit:
        recordings = Recordings(raw[part], samples, sensor)
        return EventSplit(stores[part], samples, preprocess, layout, augment, recordings)

    return Data(
        name=name,
        source=source,
        data_hash=data_hash(stores.values(), preprocess, split_seed, change),
        n_classes=n_classes,
        input_shape=(preprocess.pooled.n_units,),
        n_steps=preprocess.n_steps,
        train=split("train", learn, change),
        validation=split(held, validate),
        test=split("test", np.arange(len(stores["test"]))),
    )
