"""AEDAT 3.1, the file format of DVS128 Gesture: lines of comment, then packets of events, little-endian.

A packet has a header of 28 bytes (type, source, size of an event, offset of its time, overflow of the clock, capacity,
number, valid) and room for `capacity` events, of which the first `number` are there. A polarity event (type 1) is 32
bits of address (valid bit, polarity, 15 bits y, 15 bits x) and 31 bits of time in microseconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suite.errors import DataCorrupt, cannot_read

_HEADER = np.dtype(
    [("type", "<u2"), ("source", "<u2")]
    + [(name, "<u4") for name in ("size", "offset", "overflow", "capacity", "number", "valid")]
)
_EVENT = np.dtype([("address", "<u4"), ("time", "<u4")])
_END = b"#!END-HEADER\r\n"
_POLARITY = 1


def read(file: Path) -> np.ndarray:
    """The polarity events of a file: int64 [E, 4], columns x, y, polarity, time in microseconds, in the file's order.

    As in SpikingJelly, events count whether or not their valid bit is set, and other types of events are skipped.
    Raises DataCorrupt for anything that is not whole packets after an AEDAT 3 header.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise cannot_read(file, error) from None
    if not data.startswith(b"#!AER-DAT3."):
        raise DataCorrupt(f"{file} does not start with #!AER-DAT3.: it is no AEDAT 3 file; get it again")
    at = _after_comments(data)
    parts = []
    while at < len(data):
        if at + _HEADER.itemsize > len(data):
            raise DataCorrupt(f"{file} is cut in the packet header at byte {at}; get it again")
        header = np.frombuffer(data, _HEADER, 1, at)[0]
        at += _HEADER.itemsize
        length = int(header["size"]) * int(header["capacity"])
        if at + length > len(data):
            raise DataCorrupt(f"{file} is cut: the packet at byte {at} has {length} bytes, {len(data) - at} are left")
        if header["type"] == _POLARITY:
            if header["size"] != _EVENT.itemsize:
                raise DataCorrupt(f"{file}: polarity events of {header['size']} bytes at byte {at}; they have 8")
            if header["number"] > header["capacity"]:
                raise DataCorrupt(f"{file}: the packet at byte {at} has {header['number']} events in room for fewer")
            events = np.frombuffer(data, _EVENT, int(header["number"]), at)
            address = events["address"].astype(np.int64)
            time = events["time"].astype(np.int64) | int(header["overflow"]) << 31
            parts.append(np.stack([address >> 17, address >> 2 & 0x7FFF, address >> 1 & 1, time], axis=1))
        at += length
    return np.concatenate(parts) if parts else np.empty((0, 4), dtype=np.int64)


def _after_comments(data: bytes) -> int:
    at = 0
    while data.startswith(b"#", at):
        line_end = data.find(b"\n", at) + 1 or len(data)
        if data[at:line_end] == _END:
            return line_end
        at = line_end
    return at


def encode(events: np.ndarray, packet: int = 8192) -> bytes:
    """The bytes of a file with these events (int64 [E, 4]: x, y, polarity, time), `packet` of them in a packet."""
    parts = [b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n", _END]
    for start in range(0, len(events), packet):
        x, y, polarity, time = events[start : start + packet].T
        body = np.empty(len(x), _EVENT)
        body["address"] = x << 17 | y << 2 | polarity << 1 | 1
        body["time"] = time & 0x7FFFFFFF
        header = np.zeros(1, _HEADER)
        header["type"], header["source"], header["size"], header["offset"] = _POLARITY, 1, _EVENT.itemsize, 4
        header["overflow"] = time[0] >> 31
        header["capacity"] = header["number"] = header["valid"] = len(x)
        parts += [header.tobytes(), body.tobytes()]
    return b"".join(parts)
