"""N-MNIST's files: one recording of an ATIS camera in each, five bytes an event.

x, y (a byte each), then a bit of polarity and 23 bits of time in microseconds, big-endian. An event with y = 240
is no event: it says that the clock has wrapped, and adds 2^13 us to all that follow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suite.datasets.common.folders import visible
from suite.datasets.events.preprocess import Sensor
from suite.datasets.events.store import Recording
from suite.errors import DataCorrupt, DataUnavailable, cannot_read

SENSOR = Sensor(34, 34, 2)
N_CLASSES = 10
VERSION = 1  # of this parser

_WRAP, _WRAP_US = 240, 1 << 13
_LARGEST = 1 << 26  # bytes: 13 million events, thousands of times as many as in any recording of the camera


def files(folder: Path) -> list[Path]:
    """folder/<digit>/*.bin, digit by digit, each in order of name. Raises DataUnavailable if there are none."""
    found = [file for digit in range(N_CLASSES) for file in visible(folder / str(digit), ".bin")]
    if not found:
        raise DataUnavailable(f"{folder} has no recordings (<digit>/*.bin); get them again with `lif-roles data get`")
    return found


def read(file: Path) -> Recording:
    """One recording; its label is the name of its folder. Raises DataCorrupt if it is none."""
    try:
        size = file.stat().st_size
        data = file.read_bytes() if size <= _LARGEST else b""
    except OSError as error:
        raise cannot_read(file, error) from None
    if size > _LARGEST:
        raise DataCorrupt(f"{file} has {size:,} bytes; a recording has at most {_LARGEST:,}")
    t, unit = parse(data, str(file))
    return Recording(t, unit, int(file.parent.name), where=str(file))


def parse(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Times [E] in microseconds and units [E] of the events in `data`, in the file's order.

    Raises DataCorrupt if there are none, if the last one is cut, or if an address is outside 34 x 34.
    """
    if len(data) % 5:
        raise DataCorrupt(f"{where} has {len(data)} bytes, not a multiple of 5: it is cut in an event; get it again")
    raw = np.frombuffer(data, dtype=np.uint8).reshape(-1, 5).astype(np.int64)
    x, y, polarity = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    wraps = y == _WRAP
    t = (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4]
    t += np.cumsum(wraps) * _WRAP_US
    real = ~wraps
    if not real.any():
        raise DataCorrupt(f"{where} has no events; get it again")
    outside = np.flatnonzero(real & ((x >= SENSOR.width) | (y >= SENSOR.height)))
    if len(outside):
        at = outside[0]
        raise DataCorrupt(f"{where}: event {at} is at ({x[at]}, {y[at]}); the camera has 34 x 34 pixels; get it again")
    unit = (polarity * SENSOR.height + y) * SENSOR.width + x
    return t[real], unit[real]


def encode(x: np.ndarray, y: np.ndarray, polarity: np.ndarray, t: np.ndarray) -> bytes:
    """The bytes of a recording: x, y below 34, polarity 0 or 1, t [E] in microseconds, below 2^23."""
    raw = np.empty((len(t), 5), dtype=np.uint8)
    raw[:, 0], raw[:, 1] = x, y
    raw[:, 2] = polarity.astype(np.int64) << 7 | t >> 16
    raw[:, 3], raw[:, 4] = t >> 8 & 255, t & 255
    return raw.tobytes()
