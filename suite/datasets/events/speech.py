"""Spoken words as spikes of 700 cochlear channels, in the Heidelberg HDF5 layout: what SHD, SSC and FSDD spikes share.

`spikes/times` (seconds, a float array a recording), `spikes/units` (0 to 699), `labels`, `extra/speaker`,
`extra/keys` (class names). Layout and data: Cramer et al. 2020, "The Heidelberg spiking data sets for the systematic
evaluation of spiking neural networks".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from suite.datasets.base import Archive, Data
from suite.datasets.common.folders import data_folder, make_standin, pick_source
from suite.datasets.events.binning import Layout, check_classes, check_layout
from suite.datasets.events.data import event_data
from suite.datasets.events.preprocess import Preprocess, fixed_interval
from suite.datasets.events.recordings import Augmentation
from suite.datasets.events.store import Store, open_files
from suite.datasets.formats.heidelberg import CHANNELS, VERSION, read_safely
from suite.datasets.standins import speech as standin
from suite.errors import DataUnavailable

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DENSITY = 0.022
"""Share of the channels that spike in a step of 4 ms, in FSDD spikes."""


@dataclass(frozen=True)
class Speech:
    """A dataset of FOLDER/<name>_<part>.h5. write: makes its stand-in. label: what real data is called. largest: bytes
    of an unpacked file.
    """

    name: str
    folder: str
    classes: tuple[str, ...]
    write: Callable[[Path], None]
    parts: tuple[str, ...] = ("train", "test")
    label: str = "original"
    largest: int = 0

    def load(
        self,
        *,
        source: str = "auto",
        dt_ms: float = 4.0,
        n_steps: int = 250,
        binary: bool = True,
        split_seed: int = 0,
        layout: Layout = "events",
        augment: Augmentation | None = None,
    ) -> Data:
        """N = 700 inputs, step i holds the spikes in [i dt, (i + 1) dt), later ones are dropped.

        dt_ms: length of a step in milliseconds. binary: 0 or 1, else the number of spikes.
        split_seed: of the speakers held out for validation, if there is no file for it. layout: "events" or "dense"
        batches. augment: changes training recordings, see `suite.datasets.events.recordings.Augmentation`; or a tonic
        transform. Raises DataUnavailable, DataCorrupt, or ValueError for impossible options.
        """
        preprocess = Preprocess(CHANNELS, fixed_interval(dt_ms, n_steps), binary)
        check_layout(layout)
        root, label = self.find(source)
        stores = {part: self.store(root, part) for part in self.parts}
        return event_data(
            self.name,
            label,
            len(self.classes),
            stores,
            preprocess,
            split_seed=split_seed,
            layout=layout,
            augment=augment,
        )

    def file(self, root: Path, part: str) -> Path:
        return root / self.folder / f"{self.name}_{part}.h5"

    def store(self, root: Path, part: str) -> Store:
        """The event store of one file ("train", "valid" or "test") below the data folder `root`."""
        file, n_classes = self.file(root, part), len(self.classes)
        opened = open_files(
            f"{self.name}-{part}",
            [file],
            root,
            VERSION,
            CHANNELS.n_units,
            lambda: read_safely(file, n_classes),
        )
        check_classes(opened, n_classes, str(file))
        return opened

    def find(self, source: str) -> tuple[Path, str]:
        """The data folder to read and what it holds: "standin", or the name of the real data.

        Raises DataUnavailable if some of the files are missing, or if all are and `source` is "original".
        """
        folder = data_folder() / self.folder
        files = [self.file(data_folder(), part) for part in self.parts]
        missing = [file.name for file in files if not file.exists()]
        if pick_source(self.name, source, folder if len(missing) < len(files) else None) == "standin":
            return make_standin(self.name, standin.VERSION, self.write), "standin"
        if missing:
            raise DataUnavailable(f"{folder} lacks {', '.join(missing)}; get it with `lif-roles data get {self.name}`")
        return data_folder(), self.label

    def archives(self) -> Mapping[str, tuple[Archive, ...]]:
        """Addresses and checksums, from tonic's dataset of the same name."""
        import tonic.datasets

        theirs = getattr(tonic.datasets, self.folder)
        zips = {part: getattr(theirs, f"{part}_zip") for part in self.parts}
        return {
            self.name: tuple(
                Archive(
                    file,
                    f"{self.folder}/{file.removesuffix('.zip')}",
                    getattr(theirs, f"{part}_md5"),
                    self.largest,
                    (theirs.base_url + file,),
                )
                for part, file in zips.items()
            )
        }
