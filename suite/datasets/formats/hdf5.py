"""HDF5, read with suspicion: nothing of another file, and nothing that would make HDF5 itself crash or hang.

A file may name others: its links may lead there, and its arrays may be stored or put together from there.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from suite.errors import DataCorrupt

_POINTER = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
_MOST_LINKS = 16  # on the way to an array


def find(file: Path, opened: Any, name: str) -> Any:
    """The group or array (of h5py) at the path `name` of an opened file, or None if nothing is there.

    Links within the file are followed. Raises DataCorrupt for what is kept in another file, which is not opened.
    """
    import h5py

    found = _walk(file, opened, name)
    if isinstance(found, h5py.Dataset):
        properties = found.id.get_create_plist()
        if properties.get_external_count():
            other = properties.get_external(0)[0].decode(errors="replace")
            raise DataCorrupt(f"{file}: the values of {name} are stored in another file, {other!r}, which is not read")
        if properties.get_layout() == h5py.h5d.VIRTUAL:
            raise DataCorrupt(f"{file}: {name} is a virtual dataset, put together from other files, which are not read")
    return found


def _walk(file: Path, opened: Any, name: str) -> Any:
    """The object at a path, or None. h5py's own lookup would follow links to other files."""
    import h5py

    at, parts, followed = opened, deque(name.encode().split(b"/")), 0
    while parts:
        part = parts.popleft()
        if part in (b"", b"."):
            continue
        if not isinstance(at, h5py.Group) or not at.id.links.exists(part):
            return None
        kind = at.id.links.get_info(part).type
        if kind == h5py.h5l.TYPE_HARD:
            at = at[part]
            continue
        if kind != h5py.h5l.TYPE_SOFT:
            target = at.id.links.get_val(part)[0] if kind == h5py.h5l.TYPE_EXTERNAL else b"?"
            raise DataCorrupt(
                f"{file}: {part.decode(errors='replace')!r}, on the way to {name}, is a link to another file, "
                f"{target.decode(errors='replace')!r}, which is not read"
            )
        followed += 1
        if followed > _MOST_LINKS:
            raise DataCorrupt(f"{file}: more than {_MOST_LINKS} links lead to {name}")
        target = at.id.links.get_val(part)
        parts.extendleft(reversed(target.split(b"/")))
        at = opened if target.startswith(b"/") else at
    return at


def check_claims(file: Path, array: Any) -> None:
    """Raise DataCorrupt if an array of arrays claims more values than the file has bytes for, or if the heaps that hold
    them are broken. HDF5 itself would ask for all that memory first, or go round in circles.

    16 bytes stand for each: how many values it has (4), the address of its heap (8), its number there (4). Where those
    are compressed, or addresses have another size, they are not looked at.
    """
    import h5py

    values = h5py.check_vlen_dtype(array.dtype)
    if values is None:
        raise DataCorrupt(f"{file}: {array.name} has no array for each recording")
    if array.file.id.get_create_plist().get_sizes() != (8, 8):
        return
    data, start = np.memmap(file, mode="r"), array.file.userblock_size  # which the heaps' addresses do not count
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
        if not _sound_heap(data, start + heap):
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
