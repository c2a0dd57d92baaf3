"""CIFAR10's files: the original pickles, read without running what a pickle may hold, and a copy as JPEG files."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import pickletools
import re
import shutil
import struct
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.datasets.common.folders import cache_folder, make_once, sha256, writing
from suite.errors import DataCorrupt, cannot_read, is_machines

FOLDER = "cifar-10-batches-py"
TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCH = "test_batch"
SHAPE = (3, 32, 32)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_LARGEST = 64 << 20  # bytes; the original batches have 31 MB
_MOST_TUPLES = 64  # the originals have 8; nested ones could take forever to hash
_OPCODES = frozenset(
    """PROTO FRAME STOP MARK EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 NONE NEWTRUE NEWFALSE BININT
    BININT1 BININT2 INT SHORT_BINSTRING BINSTRING BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES BINBYTES8 BINPUT
    LONG_BINPUT PUT MEMOIZE BINGET LONG_BINGET GET GLOBAL STACK_GLOBAL REDUCE BUILD APPEND APPENDS SETITEM
    SETITEMS""".split()  # noqa: SIM905
)


class _Dtype:
    """What numpy.dtype(...) is read as."""

    def __init__(self, name: object = None, *_: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        pass  # byte order and alignment: of no account for bytes


class _Array:
    """What numpy's `_reconstruct(...)` is read as: state is (version, shape, dtype, is Fortran order, bytes)."""

    state: object = None

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state


def _encode(text: object, encoding: object = None) -> bytes:
    """How Python 3 writes bytes into a pickle of protocol 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("_codecs.encode of something else than latin1 text")
    return text.encode("latin1")


_GLOBALS: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    """Knows nothing but the names above, and gives none of them the real thing."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _GLOBALS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR10 file needs")
        return _GLOBALS[module, name]


def _unpickle(path: Path) -> Any:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= _LARGEST else b""
    except OSError as error:
        raise cannot_read(path, error) from None
    if size > _LARGEST:
        raise DataCorrupt(f"{path} has {size:,} bytes, more than twice a CIFAR10 batch; get it again")
    try:
        _check_opcodes(content)
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can fail in any way
        raise DataCorrupt(
            f"{path} is no CIFAR10 batch: {str(error)[:200] or type(error).__name__}; get it again"
        ) from None


def _check_opcodes(content: bytes) -> None:
    """Raise UnpicklingError for what the originals don't have and could eat memory or time."""
    tuples = 0
    for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f"it has the pickle opcode {opcode.name}, which no CIFAR10 file needs")
        if opcode.name in ("BINPUT", "LONG_BINPUT", "PUT") and (argument or 0) > number + 1:
            raise pickle.UnpicklingError("its memo is out of order")
        tuples += opcode.name.startswith("TUPLE")
        if tuples > _MOST_TUPLES:
            raise pickle.UnpicklingError("it has more tuples than any CIFAR10 file")


def read_batch(path: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """images uint8 [n, 3, 32, 32] and labels int64 [n] of one batch file. Raises DataCorrupt or DataUnavailable."""
    batch = _unpickle(path)
    if not isinstance(batch, dict):
        raise DataCorrupt(f"{path} holds a {type(batch).__name__}, not a dictionary; get it again")
    data, labels = (batch.get(key, batch.get(key.encode())) for key in ("data", "labels"))
    pixels = _pixels(data)
    if pixels is None or len(pixels) != n * int(np.prod(SHAPE)):
        found = "no array of bytes" if pixels is None else f"{len(pixels):,} bytes"
        raise DataCorrupt(f"{path}: 'data' is {found}; it must be {n:,} x 3,072 bytes; get it again")
    if not isinstance(labels, list) or len(labels) != n or not all(type(y) is int and 0 <= y <= 9 for y in labels):
        raise DataCorrupt(f"{path}: 'labels' is no list of {n:,} integers from 0 to 9; get it again")
    return pixels.reshape(n, *SHAPE), np.array(labels, dtype=np.int64)


def _pixels(data: object) -> np.ndarray | None:
    """The bytes of a C-ordered uint8 array [n, 3072]; None if it is anything else."""
    if not isinstance(data, _Array) or not isinstance(data.state, tuple) or len(data.state) != 5:
        return None
    _, shape, dtype, fortran, raw = data.state
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    if not isinstance(dtype, _Dtype) or dtype.name not in ("u1", b"u1") or fortran or not isinstance(raw, bytes):
        return None
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != 3072 or shape[0] * 3072 != len(raw):
        return None
    return np.frombuffer(raw, np.uint8)


def write_batch(path: Path, title: str, images: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    """Write a batch as Python 2 wrote the originals (pickle protocol 2 with byte strings), opcode by opcode."""

    def text(value: str) -> bytes:
        return b"U" + struct.pack("<B", len(value)) + value.encode("latin1")

    def items(values: list[bytes]) -> bytes:
        return b"](" + b"".join(values) + b"e"

    raw = images.reshape(len(images), -1).tobytes()
    shape = b"J" + struct.pack("<i", len(images)) + b"M\x00\x0c\x86"
    dtype = (
        b"cnumpy\ndtype\n"
        + text("u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text("|")
        + b"NNN"
        + 2 * b"J\xff\xff\xff\xff"
        + b"K\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text("b") + b"\x87R"
    array += b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    entries = {
        "batch_label": text(title),
        "labels": items([b"K" + bytes([y]) for y in labels.tolist()]),
        "data": array,
        "filenames": items([text(name) for name in names]),
    }
    path.write_bytes(b"\x80\x02}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u.")


_JPEG_NAME = re.compile(rf"(\d{{1,5}})_({'|'.join(CLASSES)})\.jpg")
_DECODER = 1  # version of the decoded copy


def read_jpeg(folder: Path, counts: Mapping[str, int]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{part: (images uint8 [n, 3, 32, 32] memory-mapped, labels int64 [n])} of folder/<part>/<index>_<class name>.jpg.

    Decoded once, into the cache. Raises DataCorrupt if the files are not 0 to n - 1 for each part's n, or one is no
    colour image of 32 x 32.
    """
    files = {part: _list_jpeg(folder / part, n) for part, n in counts.items()}
    listing = {part: [(path.name, size, time) for path, size, time in files[part]] for part in files}
    key = hashlib.sha256(json.dumps([_DECODER, listing]).encode()).hexdigest()[:16]
    decoded = cache_folder() / "images" / f"cifar10_jpeg-{key}"

    def write(partial: Path) -> None:
        print(f"cifar10: decoding the {sum(counts.values()):,} JPEG files, once; half a minute", file=sys.stderr)
        for part in files:
            images = np.stack([_decode(path) for path, _, _ in files[part]])
            file = partial / f"{part}.npy"
            np.save(file, images.transpose(0, 3, 1, 2))
            file.with_suffix(".sha256").write_text(sha256(file))

    what = "cifar10: the decoded copy of the JPEG files"
    for part in files:
        file = decoded / f"{part}.npy"
        if decoded.is_dir() and not _is_sound(file):
            warnings.warn(
                f"{what} in {decoded} is damaged: {file.name} does not have its hash; it is made again", stacklevel=2
            )
            with writing(what, "LIF_ROLES_CACHE"):
                shutil.rmtree(decoded)
    make_once(decoded, write, what)
    return {part: (np.load(decoded / f"{part}.npy", mmap_mode="r"), _labels(files[part])) for part in files}


def _list_jpeg(folder: Path, n: int) -> list[tuple[Path, int, int]]:
    """(path, size, time of change), in the order of the indices."""
    found = {}
    try:
        for path in folder.iterdir():
            match = _JPEG_NAME.fullmatch(path.name)
            if match:
                stat = path.stat()
                found[int(match[1])] = (path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise cannot_read(folder, error) from None
    missing = next((i for i in range(n) if i not in found), None)
    if missing is not None or len(found) != n:
        what = f"no image {missing}" if missing is not None else f"{len(found):,} images"
        raise DataCorrupt(
            f"{folder} has {what}; it must have 00000_<class name>.jpg to {n - 1:05d}_<class name>.jpg, each number "
            f"once; get it again"
        )
    return [found[i] for i in range(n)]


def _labels(files: list[tuple[Path, int, int]]) -> np.ndarray:
    return np.array([CLASSES.index(path.stem.partition("_")[2]) for path, _, _ in files], dtype=np.int64)


def _decode(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whatever Pillow says of an image of another size, it is refused
            with Image.open(path, formats=["JPEG"]) as image:
                found = image.mode, image.size
                pixels = np.asarray(image) if found == ("RGB", (32, 32)) else None
    except Exception as error:  # a damaged image can fail in any way
        if isinstance(error, OSError) and is_machines(error):
            raise cannot_read(path, error) from None
        raise DataCorrupt(f"{path} cannot be decoded: {error}; get it again") from None
    if pixels is None:
        raise DataCorrupt(f"{path} is {found[0]} of {found[1]}, not RGB of (32, 32); get it again")
    return pixels


def _is_sound(file: Path) -> bool:
    """Whether a decoded file is as it was written."""
    try:
        return file.with_suffix(".sha256").read_text() == sha256(file)
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    except OSError as error:
        raise cannot_read(file, error) from None
