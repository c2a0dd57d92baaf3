"""IDX, the file format of MNIST: a big-endian header (magic number, sizes), then the bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from suite.errors import DataCorrupt, cannot_read

_MAGIC = {1: 0x801, 3: 0x803}  # unsigned bytes in 1 dimension (labels) or 3 (images)
_LARGEST = 1 << 31  # no file of the family is near this; keeps a broken header from asking for all memory


def check_idx(path: Path, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """The sizes in the header, once they agree with `shape` (None: any) and the file has exactly as many bytes.

    Raises DataCorrupt where they don't, DataUnavailable if the file cannot be read.
    """
    header_size = 4 + 4 * len(shape)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(header_size)
    except OSError as error:
        raise cannot_read(path, error) from None
    if len(header) < header_size:
        raise DataCorrupt(f"{path} has {size} bytes, less than the {header_size} of an IDX header; get it again")
    magic, *sizes = struct.unpack(f">{1 + len(shape)}I", header)
    if magic != _MAGIC[len(shape)]:
        gzip = " (it is gzip-compressed; gunzip it)" if header.startswith(b"\x1f\x8b") else ""
        raise DataCorrupt(
            f"{path} starts with {magic:#010x}, not the IDX magic number {_MAGIC[len(shape)]:#010x}{gzip}; get it again"
        )
    if any(want is not None and want != got for want, got in zip(shape, sizes, strict=True)):
        expected = " x ".join("n" if want is None else f"{want:,}" for want in shape)
        raise DataCorrupt(f"{path} holds {' x '.join(f'{n:,}' for n in sizes)} values; it must hold {expected}")
    total = header_size + int(np.prod(sizes, dtype=object))
    if total > _LARGEST or size != total:
        raise DataCorrupt(f"{path} has {size:,} bytes; its header calls for {total:,}; get it again")
    return tuple(sizes)


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write uint8 `values` of 1 or 3 dimensions."""
    header = struct.pack(f">{1 + values.ndim}I", _MAGIC[values.ndim], *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())
