"""N-MNIST (Orchard et al. 2015): MNIST digits before a moving event camera, 60,000 + 10,000, about 310 ms each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from suite.datasets.base import Archive, Data, Dataset, Published, Timed
from suite.datasets.common.folders import data_folder, make_standin, pick_source
from suite.datasets.common.table5 import SPATIAL
from suite.datasets.events.binning import Layout, check_classes, check_layout
from suite.datasets.events.data import event_data
from suite.datasets.events.preprocess import Preprocess, fixed_interval
from suite.datasets.events.recordings import Augmentation
from suite.datasets.events.store import Store, open_files
from suite.datasets.formats import atis
from suite.datasets.images.idx import DIGITS, DIGITS_COUNTED
from suite.errors import DataUnavailable

COUNTS = 60_000, 10_000  # train, test


def load(
    *,
    source: str = "auto",
    dt_ms: float = 3.0,
    n_steps: int = 15,
    binary: bool = True,
    polarity: bool = True,
    split_seed: int = 0,
    layout: Layout = "events",
    augment: Augmentation | None = None,
) -> Data:
    """N = 2312 inputs (2 polarities x 34 x 34; 1156 without polarity), (polarity * height + y) * width + x.

    Step i holds the events in [i dt, (i + 1) dt) from the start of the recording; later ones are dropped. Other dt and
    n_steps read the same store. binary: 0 or 1, else the number of events. split_seed: of the tenth of each class of
    train that is held out for validation. layout: "events" or "dense". augment: see
    `suite.datasets.events.recordings.Augmentation`; or a tonic transform.
    Reads DIR/NMNIST/{Train,Test}/<digit>/*.bin; with fewer recordings than the original, the source says so.
    Raises DataUnavailable, DataCorrupt, or ValueError for impossible options.
    """
    preprocess = Preprocess(atis.SENSOR, fixed_interval(dt_ms, n_steps), binary, polarity=polarity)
    check_layout(layout)
    root, picked = find(source)
    stores = {part: store(root, part) for part in ("train", "test")}
    n_train, n_test = map(len, stores.values())
    if picked == "original" and (n_train, n_test) != COUNTS:
        picked = f"N-MNIST subset ({n_train} + {n_test})"
    return event_data(
        "n_mnist", picked, atis.N_CLASSES, stores, preprocess, split_seed=split_seed, layout=layout, augment=augment
    )


def find(source: str) -> tuple[Path, str]:
    """The data folder to read, and "original" or "standin"."""
    from suite.datasets.standins import camera

    folder = data_folder() / "NMNIST"
    parts = [(folder / part).is_dir() for part in ("Train", "Test")]
    if pick_source("n_mnist", source, folder if any(parts) else None) == "standin":
        return make_standin("n_mnist", camera.VERSION, camera.write_digits), "standin"
    if not all(parts):
        raise DataUnavailable(f"{folder} must have both Train and Test; get it with `lif-roles data get n_mnist`")
    return data_folder(), "original"


def store(root: Path, part: str) -> Store:
    """The event store of "train" or "test" below the data folder `root`. Raises DataCorrupt if a digit is missing."""
    folder = root / "NMNIST" / part.capitalize()
    files = atis.files(folder)
    opened = open_files(
        f"n_mnist-{part}", files, root, atis.VERSION, atis.SENSOR.n_units, lambda: map(atis.read, files)
    )
    check_classes(opened, atis.N_CLASSES, str(folder))
    return opened


def archives() -> Mapping[str, tuple[Archive, ...]]:
    """Addresses and checksums as tonic has them."""
    from tonic.datasets import NMNIST

    return {
        "n_mnist": tuple(
            Archive(f"NMNIST/{part}.zip", f"NMNIST/{part.capitalize()}", md5, 8 * 10**9, (url,))
            for part, md5, url in (
                ("train", NMNIST.train_md5, NMNIST.train_url),
                ("test", NMNIST.test_md5, NMNIST.test_url),
            )
        )
    }


PAPER = replace(SPATIAL, data={"dt_ms": 3.0, "n_steps": 15})

DATASET = Dataset(
    name="n_mnist",
    title="N-MNIST",
    kind="spatio-temporal",
    classes=DIGITS,
    load=load,
    protocols={"suite": replace(PAPER, batch_size=128), "paper": PAPER},
    in_paper=True,
    folders=("NMNIST",),
    archives=archives,
    published=(Published(*COUNTS, classes=DIGITS_COUNTED),),
    input_shape=(atis.SENSOR.n_units,),
    timed=(Timed(density=0.017),),
    batches_timed=True,
)
