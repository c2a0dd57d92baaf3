"""The Heidelberg HDF5 layout, read with suspicion.

`spikes/times` (seconds, a float array a recording), `spikes/units` (0 to 699), `labels`, `extra/speaker`, `extra/keys`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suite.datasets.events.preprocess import Sensor
from suite.datasets.events.store import Recording
from suite.errors import DataCorrupt

CHANNELS = Sensor(700)
VERSION = 1  # of this parser
_POINTER = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
_CHUNK = 512  # recordings read at a time
_SPARE = 1 << 30  # bytes of memory for reading, besides what depends on the file's size
_REFUSED = 3  # exit status


def read(file: Path, n_classes: int) -> Iterator[Recording]:
    """The recordings of an HDF5 file, times rounded down to microseconds (which keeps every event in its bin).

    Raises DataCorrupt for a file that is damaged or is not in the layout: a missing array, arrays of different length,
    a label that is no class, a time that is negative or not finite, a unit of 700 or more.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            arrays = [_array(file, opened, name) for name in ("spikes/times", "spikes/units", "labels")]
            times, units, labels = arrays
            speakers = _array(file, opened, "extra/speaker") if "extra/speaker" in opened else None
            n = len(labels)
            if n > file.stat().st_size:
                raise DataCorrupt(f"{file} claims {n:,} recordings in {file.stat().st_size:,} bytes; get it again")
            if len(times) != n or len(units) != n or (speakers is not None and len(speakers) != n):
                raise DataCorrupt(
                    f"{file}: {len(times)} recordings of times, {len(units)} of units, {n} labels"
                    f"{'' if speakers is None else f', {len(speakers)} speakers'}; they must be as many"
                )
            if n == 0:
                raise DataCorrupt(f"{file}: no recordings")
            for array in (times, units):
                _check_claims(file, array)
            label = _integers(file, "labels", labels, n_classes)
            group = np.full(n, -1) if speakers is None else _integers(file, "extra/speaker", speakers, 1 << 31)
            for start in range(0, n, _CHUNK):
                chunk = slice(start, start + _CHUNK)
                for i, (t, unit) in enumerate(zip(times[chunk], units[chunk], strict=True), start):
                    yield _recording(f"{file}, recording {i}", t, unit, int(label[i]), int(group[i]))
    except DataCorrupt:
        raise
    except Exception as error:  # whatever h5py makes of damaged bytes: OSError, RuntimeError, KeyError, TypeError, ...
        raise DataCorrupt(f"{file} is damaged or is no HDF5 file: {error}; get it again") from error


def read_safely(file: Path, n_classes: int) -> Iterator[Recording]:
    """As `read`, after another process has read the file: on damaged bytes HDF5 may crash, hang or take all memory.

    Raises DataCorrupt for that too.
    """
    limit_s = 120 + file.stat().st_size / 1e6
    command = [sys.executable, "-m", __name__, str(file), str(n_classes)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise DataCorrupt(f"{file} is damaged: HDF5 is not done with it after {limit_s:.0f} s; get it again") from None
    if done.returncode < 0:
        raise DataCorrupt(f"{file} is damaged: HDF5 crashes when it reads it; get it again")
    if done.returncode == _REFUSED:
        raise DataCorrupt(done.stdout.decode(errors="replace"))
    return read(file, n_classes)


def _try(file: Path, n_classes: int) -> None:
    """What the other process does: read, and say what was wrong."""
    limit = _memory() + _SPARE + 4 * file.stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        for _ in read(file, n_classes):
            pass
    except DataCorrupt as error:
        print(error, end="")
        sys.exit(_REFUSED)


def _memory() -> int:
    """Bytes of addresses that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _array(file: Path, opened: Any, name: str) -> Any:
    import h5py

    if name not in opened or not isinstance(opened[name], h5py.Dataset) or opened[name].ndim != 1:
        raise DataCorrupt(
            f"{file} has no one-dimensional array {name!r}; the layout is spikes/times, spikes/units, labels, "
            "extra/speaker, extra/keys"
        )
    return opened[name]


def _check_claims(file: Path, array: Any) -> None:
    """Raise DataCorrupt if the recordings claim more values than the file has bytes for, or if the heaps that hold them
    are broken. HDF5 itself would ask for all that memory first, or go round in circles.

    16 bytes stand for a recording: how many values it has (4), the address of its heap (8), its number there (4). Where
    those are compressed, they are not looked at.
    """
    import h5py

    values = h5py.check_vlen_dtype(array.dtype)
    if values is None:
        raise DataCorrupt(f"{file}: {array.name} has no array for each recording")
    data = np.memmap(file, mode="r")
    properties = array.id.get_create_plist()
    if properties.get_layout() == h5py.h5d.CHUNKED and not properties.get_nfilters():
        blocks = [array.id.get_chunk_info(i) for i in range(array.id.get_num_chunks())]
        places = [(block.byte_offset, block.size) for block in blocks]
    elif properties.get_layout() == h5py.h5d.CONTIGUOUS and array.id.get_offset() is not None:
        places = [(array.id.get_offset(), 16 * len(array))]
    else:
        return
    claimed, heaps = 0, set()
    for at, length in places:
        if at + length > len(data):
            raise DataCorrupt(
                f"{file} has {len(data):,} bytes; {array.name} goes on to byte {at + length:,}; get it again"
            )
        pointers = np.frombuffer(data[at : at + length // 16 * 16].tobytes(), _POINTER)
        claimed += int(pointers["length"].sum(dtype=np.int64)) * np.dtype(values).itemsize
        heaps.update(pointers["heap"][pointers["length"] > 0].tolist())
    if claimed > len(data):
        raise DataCorrupt(f"{file}: {array.name} claims {claimed:,} bytes in a file of {len(data):,}; get it again")
    for heap in heaps:
        if not _sound_heap(data, heap):
            raise DataCorrupt(f"{file}: the values of {array.name} at byte {heap:,} are damaged; get it again")


def _sound_heap(data: np.ndarray, at: int) -> bool:
    """Whether a "global heap" of HDF5 begins there, and its objects (number, references, size, bytes) just fill it."""
    if at + 16 > len(data) or data[at : at + 4].tobytes() != b"GCOL":
        return False
    end = at + int.from_bytes(data[at + 8 : at + 16].tobytes(), "little")
    if end > len(data):
        return False
    at += 16
    while at + 16 <= end:
        number = int.from_bytes(data[at : at + 2].tobytes(), "little")
        size = int.from_bytes(data[at + 8 : at + 16].tobytes(), "little")
        if number == 0:  # free space up to the end; its size counts these 16 bytes
            return size >= 16 and at + size == end
        at += 16 + -(-size // 8) * 8
    return at <= end


def _integers(file: Path, name: str, array: Any, limit: int) -> np.ndarray:
    values = array[()]
    if not np.issubdtype(values.dtype, np.integer):
        raise DataCorrupt(f"{file}: {name} is {values.dtype}; it must be integer")
    wrong = (values < 0) | (values >= limit)
    if wrong.any():
        raise DataCorrupt(
            f"{file}: {name} is {values[wrong][0]} at {np.flatnonzero(wrong)[0]}; allowed: 0 to {limit - 1}"
        )
    return np.asarray(values)


def _recording(where: str, seconds: Any, unit: Any, label: int, group: int) -> Recording:
    if not (isinstance(seconds, np.ndarray) and isinstance(unit, np.ndarray)):
        raise DataCorrupt(f"{where}: times and units are no arrays")
    if not (np.issubdtype(seconds.dtype, np.floating) and np.issubdtype(unit.dtype, np.integer)):
        raise DataCorrupt(f"{where}: times are {seconds.dtype}, units {unit.dtype}; they must be float and integer")
    microseconds = np.floor(seconds.astype(np.float64) * 1e6)
    fine = np.isfinite(microseconds) & (microseconds >= 0) & (microseconds < 2**31)
    if not fine.all():
        raise DataCorrupt(f"{where}: a spike at {seconds[~fine][0]} s; times are 0 s to {2**31 // 10**6} s")
    return Recording(microseconds.astype(np.int64), unit, label, group, where)


if __name__ == "__main__":
    _try(Path(sys.argv[1]), int(sys.argv[2]))
