"""Event recordings, parsed once: memory-mapped arrays that every later run opens in milliseconds.

A store is a folder of `.npy` files and a manifest. Its name is the hash of what it was made from (the source files'
names and contents, and the parser's version), so that a changed file gives another store and an old one is never
wrong. It is built in a temporary folder under a lock and then renamed: no reader sees half of one.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock

from suite.datasets.common.folders import cache_folder, new_folder, place, sha256, writing
from suite.datasets.events import sources
from suite.errors import DataCorrupt, MachineFault, cannot_read, is_machines
from suite.results.files import sweep

FORMAT = 1  # of the store itself
_LAST = np.iinfo(np.int32).max  # 35 minutes in microseconds
_DTYPES = {"indptr": "<i8", "t": "<i4", "unit": "<u2", "weight": "<f4", "label": "<i4", "group": "<i4"}


@dataclass(frozen=True)
class Recording:
    """One sample as a parser gives it: t [E] in microseconds and unit [E], integers; `group` is the speaker or -1.

    `where` names the recording in messages; `weight` [E] is how many events each stands for (None: one).
    """

    t: np.ndarray
    unit: np.ndarray
    label: int
    group: int = -1
    where: str = ""
    weight: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Store:
    """S recordings: those of sample s are t, unit[indptr[s] : indptr[s + 1]], sorted by time.

    indptr [S + 1] int64; label and group (speaker; -1: none) [S] int32. array: gives t [E] int32 (microseconds), unit
    [E] uint16 (below n_units) and weight [E] float32 or None by name, when they are first asked for. Those of files are
    read-only, and checked then.
    """

    folder: Path
    key: str
    n_units: int
    indptr: np.ndarray
    label: np.ndarray
    group: np.ndarray
    array: Callable[[str], Any]

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def t(self) -> np.ndarray:
        return np.asanyarray(self.array("t"))

    @cached_property
    def unit(self) -> np.ndarray:
        return np.asanyarray(self.array("unit"))

    @cached_property
    def weight(self) -> np.ndarray | None:
        weight: np.ndarray | None = self.array("weight")
        return weight

    @property
    def events(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """t, unit and weight."""
        return self.t, self.unit, self.weight

    def release(self) -> None:
        """Let go of the pages of the event arrays that were read: they stay in the system's cache, not in ours."""
        for array in self.events:
            mapped = getattr(array, "_mmap", None)
            if mapped is not None and hasattr(mapped, "madvise"):
                mapped.madvise(mmap.MADV_DONTNEED)

    def __getstate__(self) -> dict[str, Any]:
        """For another process: the arrays themselves, in memory."""
        t, unit, weight = self.events
        return {**vars(self), "array": {"t": t, "unit": unit, "weight": weight}.get}


def open_files(
    name: str, files: Sequence[Path], root: Path, version: int, n_units: int, parse: Callable[[], Iterable[Recording]]
) -> Store:
    """The store of what `parse` gives of these files below `root`; see `open_store`. Before they are parsed, what is
    remembered of them is found to be true.
    """

    def recordings() -> Iterable[Recording]:
        sources.check(files, root)
        return parse()

    return open_store(name, sources.fingerprint(files, root), version, n_units, recordings)


def open_store(name: str, source: str, version: int, n_units: int, parse: Callable[[], Iterable[Recording]]) -> Store:
    """The store made by `parse`, built on first use, and again where its files are not what was written.

    source: hash of what is parsed. version: of the parser; raise it when its result changes. parse: gives the
    recordings in order. Raises DataCorrupt if a recording is impossible (a unit of n_units or more,
    a negative time, arrays of different length) and MachineFault if the cache cannot be read or written.
    """
    key = hashlib.sha256(json.dumps([FORMAT, name, version, n_units, source]).encode()).hexdigest()[:24]
    folder = _root() / f"{name}-{key}"

    def checked(arrays: Sequence[str]) -> list[np.ndarray | None]:
        """These arrays, once they are known to be sound."""
        for _ in range(2):
            try:
                return [_read(folder, key, array) for array in arrays]
            except _Unsound as error:
                _make(folder, key, n_units, parse, arrays, str(error))
        raise MachineFault(f"the event cache {folder} was written but cannot be read back; is the disk failing?")

    indptr, label, group = checked(("indptr", "label", "group"))
    assert indptr is not None
    assert label is not None
    assert group is not None
    return Store(folder, key, n_units, indptr, label, group, lambda array: checked((array,))[0])


def _make(
    folder: Path,
    key: str,
    n_units: int,
    parse: Callable[[], Iterable[Recording]],
    arrays: Sequence[str],
    reason: str,
) -> None:
    """Build the store unless another process has by now."""
    with writing(f"the event cache {folder}", "LIF_ROLES_CACHE"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent, "*.partial-*")
        with FileLock(f"{folder}.lock"):
            if folder.exists():
                try:
                    for array in arrays:
                        _read(folder, key, array)
                    return
                except _Unsound:
                    warnings.warn(f"the event cache {folder} is damaged: {reason}; it is made again", stacklevel=4)
                    shutil.rmtree(folder)
            _build(folder, key, n_units, parse())


def _root() -> Path:
    return cache_folder() / "events"


class _Unsound(Exception):
    """A store is not there, or not as it was written."""


_sound: set[tuple[Path, int, int, int]] = set()
"""Files that this process found to have their hash: path, inode, size, time of change."""


def _read(folder: Path, key: str, array: str) -> np.ndarray | None:
    """One array of a store, mapped; None if the store has none of that name, as it may of weights.

    Raises _Unsound unless it is what the manifest says, MachineFault if it cannot be read.
    """
    file = folder / f"{array}.npy"
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest["key"] != key:
            raise _Unsound("its manifest has another key")
        if not set(manifest["arrays"]) <= set(_DTYPES):
            raise _Unsound("its manifest has unknown arrays")
        if array == "weight" and array not in manifest["arrays"]:
            return None
        entry = manifest["arrays"][array]
        stat = file.stat()
        if stat.st_size != entry["bytes"]:
            raise _Unsound(f"{file.name} has {stat.st_size:,} bytes, not {entry['bytes']:,}")
        known = file, stat.st_ino, stat.st_size, stat.st_mtime_ns
        if known not in _sound and sha256(file) != entry["sha256"]:
            raise _Unsound(f"{file.name} does not have its hash")
        # An empty file cannot be mapped.
        mapped: np.ndarray = np.load(file, mmap_mode="r" if entry["length"] else None, allow_pickle=False)
        if mapped.shape != (entry["length"],) or mapped.dtype != np.dtype(_DTYPES[array]):
            raise _Unsound(f"{file.name} has the shape {mapped.shape}, not ({entry['length']},)")
    except OSError as error:
        if is_machines(error):
            raise cannot_read(Path(error.filename or file), error) from None
        raise _Unsound(f"{Path(error.filename or file).name} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Unsound(f"its manifest cannot be read: {error}") from None
    _sound.add(known)
    return mapped


def _build(folder: Path, key: str, n_units: int, recordings: Iterable[Recording]) -> None:
    with new_folder(folder) as temporary:
        lengths, labels, groups, reordered = [0], [], [], 0
        with _Column(temporary, "t") as t, _Column(temporary, "unit") as unit, _Column(temporary, "weight") as weight:
            for recording in recordings:
                order = _check(recording, n_units)
                reordered += order is not None
                t.append(recording.t if order is None else recording.t[order])
                unit.append(recording.unit if order is None else recording.unit[order])
                if recording.weight is not None:
                    weight.append(recording.weight if order is None else recording.weight[order])
                lengths.append(len(recording.t))
                labels.append(recording.label)
                groups.append(recording.group)
        columns = [t, unit]
        if weight.length:
            columns.append(weight)
        else:
            (temporary / "weight.npy").unlink()
        for name, values in (("indptr", np.cumsum(lengths)), ("label", labels), ("group", groups)):
            with _Column(temporary, name) as column:
                column.append(np.asarray(values))
            columns.append(column)
        arrays = {}
        for column in columns:
            file = temporary / f"{column.name}.npy"
            arrays[column.name] = {"length": column.length, "bytes": file.stat().st_size, "sha256": sha256(file)}
        manifest = {"key": key, "n_units": n_units, "reordered": reordered, "arrays": arrays}
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1))
        place(temporary, folder)


def _check(recording: Recording, n_units: int) -> np.ndarray | None:
    """None if the events are in order of time, else the (stable) order that sorts them."""
    t, unit, where = recording.t, recording.unit, recording.where
    weight = unit if recording.weight is None else recording.weight
    if not (t.ndim == 1 and t.shape == unit.shape == weight.shape):
        raise DataCorrupt(f"{where}: times of shape {t.shape}, units of shape {unit.shape}; they must be as many")
    if not len(t):
        return None
    low, high = unit.min(), unit.max()
    if low < 0 or high >= n_units:
        raise DataCorrupt(f"{where}: unit {low if low < 0 else high}; units are 0 to {n_units - 1}")
    low, high = t.min(), t.max()
    if low < 0 or high > _LAST:
        raise DataCorrupt(f"{where}: an event at {low if low < 0 else high} us; times are 0 to {_LAST} us")
    if np.all(t[1:] >= t[:-1]):
        return None
    return np.argsort(t, kind="stable")


class _Column:
    """A 1-D `.npy` file that grows: its header, which has room for any length, is written again at the end."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.length, self.dtype = name, 0, np.dtype(_DTYPES[name])
        self._file: IO[bytes] = (folder / f"{name}.npy").open("wb")
        self._header()

    def __enter__(self) -> _Column:
        return self

    def append(self, values: np.ndarray) -> None:
        self.length += len(values)
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).tobytes())

    def __exit__(self, *_: object) -> None:
        try:
            self._file.seek(0)
            self._header()
        finally:
            self._file.close()

    def _header(self) -> None:
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(self._file, header)
