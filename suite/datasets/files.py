"""Folders and files: where data and caches lie, hashing, and writes that are whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.errors import DataCorrupt, DataUnavailable


def cache_folder() -> Path:
    """`LIF_ROLES_CACHE`, or ~/.cache/lif-roles."""
    return Path(os.environ.get("LIF_ROLES_CACHE") or "~/.cache/lif-roles").expanduser().absolute()


def data_folder() -> Path:
    """`LIF_ROLES_DATA`, where original data is looked for and downloaded to, or data/ in the cache folder."""
    return Path(os.environ.get("LIF_ROLES_DATA") or cache_folder() / "data").expanduser().absolute()


def short_hash(*parts: Any) -> str:
    """16 hex digits that stand for JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file's contents, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def content_hash(root: Path, paths: Iterable[Path]) -> str:
    """A hash of the names (below `root`) and contents of files.

    Hashing gigabytes takes long, so the result is remembered in the cache under the files' names, sizes and
    modification times.
    """
    listed = []
    for path in sorted(paths):
        with reading(path):
            stat = path.stat()
        listed.append([path.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns])
    note = cache_folder() / "hashes" / short_hash(str(root), listed)
    try:
        known = note.read_text().strip()
        if len(known) == 64:
            return known
    except OSError:
        pass
    total = hashlib.sha256()
    for name, _, _ in listed:
        with reading(root / name):
            total.update(f"{name}\n{file_hash(root / name)}\n".encode())
    with writing_cache(note):
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(note, total.hexdigest().encode())
    return total.hexdigest()


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file that is never seen half-written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def built_folder(final: Path) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `final` when the block ends well, and is removed when not."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}-"))
    try:
        yield temporary
        os.rename(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a file is in the way",
}


def disk_reason(error: OSError) -> str:
    """What an error of the file system means, in words."""
    return _DISK.get(error.errno or 0) or error.strerror or str(error)


@contextmanager
def writing_cache(path: Path) -> Iterator[None]:
    """Turn errors of the file system into one that says what to do. The cache is left as it was."""
    try:
        yield
    except OSError as error:
        raise DataUnavailable(
            f"cannot write {path}: {disk_reason(error)}; free some space, or set LIF_ROLES_CACHE to a folder that "
            "can be written"
        ) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a file that cannot be read into DataCorrupt, and one that is not there into DataUnavailable."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataUnavailable(f"{path} is not there; `lif-roles data get` fetches a dataset") from error
    except OSError as error:
        raise DataCorrupt(f"cannot read {path}: {disk_reason(error)}") from error
