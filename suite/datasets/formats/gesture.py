"""DVS128 Gesture's files, under both of its common splits.

"spikingjelly": DvsGesture/<user>_<light>.aedat with <user>_<light>_labels.csv, and trials_to_{train,test}.txt that
say which recordings belong where; every line of a csv is a sample. "official": times in milliseconds, cut already, in
ibmGesture{Train,Test}/<user>_<light>/<class>.npy.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from suite.datasets.common.folders import visible
from suite.datasets.events.preprocess import Sensor
from suite.datasets.events.store import Recording
from suite.datasets.formats import aedat
from suite.errors import DataCorrupt, DataUnavailable, cannot_read

SENSOR = Sensor(128, 128, 2)
CLASSES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
N_CLASSES = len(CLASSES)
SPLITS = ("spikingjelly", "official")
VERSION = 2  # of this parser

_USER = re.compile(r"user(\d{1,4})_[A-Za-z_]{1,40}")
_AGAIN = "get it again with `lif-roles data get`"


def folders(root: Path, split: str) -> tuple[Path, ...]:
    """Where a split lies below the data folder."""
    base = root / "DVSGesture"
    return (base / "DvsGesture",) if split == "spikingjelly" else (base / "ibmGestureTrain", base / "ibmGestureTest")


def files(root: Path, split: str, part: str) -> list[Path]:
    """All that the samples of "train" or "test" are made from. Raises DataUnavailable for what is not there."""
    if split == "official":
        folder = folders(root, split)[part == "test"]
        users = [user for user in visible(folder) if _USER.fullmatch(user.name)]
        found = [file for user in users for file in visible(user, ".npy")]
        if not found:
            raise DataUnavailable(f"{folder} has no recordings (user*/<class>.npy); {_AGAIN}")
        return found
    (folder,) = folders(root, split)
    trials = folder / f"trials_to_{part}.txt"
    found = [trials]
    for name in _lines(trials):
        if not (name.endswith(".aedat") and _USER.fullmatch(name.removesuffix(".aedat"))):
            raise DataCorrupt(f"{trials} lists {name!r}, which is no recording such as user01_led.aedat; {_AGAIN}")
        found += [folder / name, folder / f"{name.removesuffix('.aedat')}_labels.csv"]
    missing = [file.name for file in found if not file.is_file()]
    if missing:
        raise DataUnavailable(f"{folder} lacks {missing[0]} and {len(missing) - 1} more files; {_AGAIN}")
    if len(found) == 1:
        raise DataCorrupt(f"{trials} lists no recordings; {_AGAIN}")
    return found


def read(split: str, sources: Sequence[Path]) -> Iterator[Recording]:
    """The samples of `files`, times from the start of each; the group is the user. Raises DataCorrupt."""
    if split == "official":
        yield from map(_read_npy, sources)
    else:
        for recording, labels in zip(sources[1::2], sources[2::2], strict=True):
            yield from _read_aedat(recording, labels)


def _read_npy(file: Path) -> Recording:
    if not file.stem.isdigit() or int(file.stem) >= N_CLASSES:
        raise DataCorrupt(f"{file}: the name must be the class, 0 to {N_CLASSES - 1}")
    try:
        events = np.load(file, mmap_mode="r", allow_pickle=False)  # mapped: a header cannot ask for more than is there
    except OSError as error:
        raise cannot_read(file, error) from None
    except Exception as error:  # whatever numpy makes of damaged bytes
        raise DataCorrupt(f"{file} is no .npy file, or is cut: {error}; {_AGAIN}") from error
    if not isinstance(events, np.ndarray) or events.dtype.kind not in "iuf" or events.ndim != 2 or events.shape[1] != 4:
        raise DataCorrupt(f"{file} is no array of numbers [events, 4] (x, y, polarity, time in ms); {_AGAIN}")
    whole = events.astype(np.int64) if _fits(events) else None
    if whole is None or not np.array_equal(whole, events):
        raise DataCorrupt(f"{file} has values that are no whole numbers; {_AGAIN}")
    start = whole[:, 3].min(initial=1 << 50)
    return _recording(str(file), whole, (whole[:, 3] - start) * 1000, int(file.stem), file.parent.name)


def _fits(values: np.ndarray) -> bool:
    """Can be converted to int64, with room to multiply by 1000."""
    return bool(np.all(np.isfinite(values)) and np.all(np.abs(values.astype(np.float64)) < 1 << 50))


def _read_aedat(file: Path, labels: Path) -> Iterator[Recording]:
    events = aedat.read(file)
    t = events[:, 3]
    for number, (label, start, end) in enumerate(_read_labels(labels), 2):
        inside = (t >= start) & (t < end)
        yield _recording(
            f"{file}, line {number} of its labels", events[inside], t[inside] - start, label - 1, file.stem
        )


def _recording(where: str, events: np.ndarray, t: np.ndarray, label: int, name: str) -> Recording:
    x, y, polarity = events[:, 0], events[:, 1], events[:, 2]
    if not len(events):
        raise DataCorrupt(f"{where}: no events; {_AGAIN}")
    for what, values, limit in (("x", x, SENSOR.width), ("y", y, SENSOR.height), ("polarity", polarity, 2)):
        low, high = values.min(), values.max()
        if low < 0 or high >= limit:
            raise DataCorrupt(f"{where}: {what} = {low if low < 0 else high}; it is 0 to {limit - 1}; {_AGAIN}")
    match = _USER.fullmatch(name)
    assert match  # `files` gives no others
    unit = (polarity * SENSOR.height + y) * SENSOR.width + x
    return Recording(t, unit, label, int(match[1]), where)


def _read_labels(file: Path) -> Iterator[tuple[int, int, int]]:
    """(class from 1, start, end in microseconds) of every line but the first."""
    lines = _lines(file)
    if not lines or not lines[0].startswith("class"):
        raise DataCorrupt(f"{file} must start with the line class,startTime_usec,endTime_usec; {_AGAIN}")
    for number, line in enumerate(lines[1:], 2):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 3 or not all(re.fullmatch("[0-9]{1,12}", field) for field in fields):
            raise DataCorrupt(f"{file}, line {number}: {line[:80]!r} is not class,start,end; {_AGAIN}")
        label, start, end = map(int, fields)
        if not 1 <= label <= N_CLASSES or end <= start:
            raise DataCorrupt(
                f"{file}, line {number}: class {label} from {start} to {end}; classes are 1 to {N_CLASSES}, and a "
                f"sample ends after it starts; {_AGAIN}"
            )
        yield label, start, end


def _lines(file: Path) -> list[str]:
    """The lines that are not empty."""
    try:
        content = file.read_bytes().removeprefix(codecs.BOM_UTF8)  # as spreadsheets begin their files
        return [line.strip() for line in content.decode("ascii").splitlines() if line.strip()]
    except OSError as error:
        raise cannot_read(file, error) from None
    except UnicodeDecodeError:
        raise DataCorrupt(f"{file} is no text; {_AGAIN}") from None
