"""The Heidelberg HDF5 layout, read with suspicion.

`spikes/times` (seconds, a float array a recording), `spikes/units` (0 to 699), `labels`, `extra/speaker`, `extra/keys`.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suite.datasets.events.preprocess import Sensor
from suite.datasets.events.store import Recording
from suite.datasets.formats import hdf5
from suite.errors import (
    DataCorrupt,
    DataUnavailable,
    DataUnreadable,
    MachineFault,
    SuiteError,
    cannot_read,
    is_machines,
)

CHANNELS = Sensor(700)
VERSION = 1  # of this parser
_CHUNK = 512  # recordings read at a time
_SPARE = 1 << 30  # bytes of memory for reading, besides what depends on the file's size
_SAID = {3: DataCorrupt, 4: DataUnreadable, 5: DataUnavailable}
"""What the exit status of the process that tries a file stands for."""
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


def read(file: Path, n_classes: int) -> Iterator[Recording]:
    """The recordings of an HDF5 file, times rounded down to microseconds (which keeps every event in its bin).

    Raises DataCorrupt for a file that is damaged or is not in the layout: a missing array, arrays of different length,
    a label that is no class, a time that is negative or not finite, a unit of 700 or more; and for one that leads to
    another file. MachineFault if it cannot be read now, as when it is locked.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            arrays = [_array(file, opened, name) for name in ("spikes/times", "spikes/units", "labels")]
            times, units, labels = arrays
            speakers = _array(file, opened, "extra/speaker", optional=True)
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
                hdf5.check_claims(file, array)
            label = _integers(file, "labels", labels, n_classes)
            group = np.full(n, -1) if speakers is None else _integers(file, "extra/speaker", speakers, 1 << 31)
            for start in range(0, n, _CHUNK):
                chunk = slice(start, start + _CHUNK)
                for i, (t, unit) in enumerate(zip(times[chunk], units[chunk], strict=True), start):
                    yield _recording(f"{file}, recording {i}", t, unit, int(label[i]), int(group[i]))
    except SuiteError:
        raise
    except OSError as error:
        if is_machines(error) or not file.exists():
            raise cannot_read(file, error) from None
        if "already open for write" in str(error):
            raise DataUnreadable(
                f"cannot read {file}: it says that a program has it open for writing; close that, or, if it died, run "
                "`h5clear -s` on the file"
            ) from None
        raise _damaged(file, error) from error
    except Exception as error:  # whatever h5py makes of damaged bytes: RuntimeError, KeyError, TypeError, ...
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DataCorrupt:
    return DataCorrupt(f"{file} is damaged or is no HDF5 file: {error}; get it again")


def read_safely(file: Path, n_classes: int) -> Iterator[Recording]:
    """As `read`, after another process has read the file: on damaged bytes HDF5 may crash, hang or take all memory.

    Raises DataCorrupt for that too, and MachineFault if that process was ended from outside.
    """
    try:
        limit_s = 120 + file.stat().st_size / 1e6
    except OSError as error:
        raise cannot_read(file, error) from None
    command = [sys.executable, "-m", __name__, str(file), str(n_classes)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise DataCorrupt(f"{file} is damaged: HDF5 is not done with it after {limit_s:.0f} s; get it again") from None
    if -done.returncode in _CRASHES:
        raise DataCorrupt(f"{file} is damaged: HDF5 crashes when it reads it; get it again")
    if done.returncode in _SAID:
        raise _SAID[done.returncode](done.stdout.decode(errors="replace"))
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise MachineFault(
            f"cannot try {file} in another process: it ended with status {done.returncode} {said}; is there enough "
            "memory?"
        )
    return read(file, n_classes)


def _try(file: Path, n_classes: int) -> None:
    """What the other process does: read, and say what was wrong."""
    if (memory := _memory()) is not None:
        limit = memory + _SPARE + 4 * file.stat().st_size
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        for _ in read(file, n_classes):
            pass
    except tuple(_SAID.values()) as error:
        sys.stdout.buffer.write(str(error).encode(errors="replace"))
        sys.exit(next(status for status, kind in _SAID.items() if isinstance(error, kind)))


def _memory() -> int | None:
    """Bytes of addresses that this process has, where the system says so."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else None


def _array(file: Path, opened: Any, name: str, *, optional: bool = False) -> Any:
    import h5py

    found = hdf5.find(file, opened, name)
    if found is None and optional:
        return None
    if not isinstance(found, h5py.Dataset) or found.ndim != 1:
        raise DataCorrupt(
            f"{file} has no one-dimensional array {name!r}; the layout is spikes/times, spikes/units, labels, "
            "extra/speaker, extra/keys"
        )
    return found


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
