"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from suite.errors import ResultsError

LEFT_OVER = (".*.part", ".tmp*")
"""What `atomic_file` and a test of a folder leave if they are killed."""

_LEFT_OVER_S = 24 * 3600


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place on success, on disk before it does. On failure nothing
    is left.

    Raises ResultsError if it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")  # a pid alone is not one machine's
    try:
        yield part
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Have a folder there. Raises ResultsError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: Exception) -> ResultsError:
    """What to raise for a file or folder that cannot be written."""
    reason = getattr(error, "strerror", None) or error
    return ResultsError(f"cannot write {path}: {reason}; free some space there, or write to another folder")


def remove(path: Path) -> None:
    """Have no file or folder there. Raises ResultsError if it cannot be removed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ResultsError(f"cannot remove {path}: {error.strerror or error}; remove it by hand") from None


def sweep(folder: Path, *patterns: str) -> None:
    """Remove temporary files and folders that killed processes left. One that changed within a day stays, as another
    machine may be writing it; so does what cannot be removed.
    """
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if any(fnmatch(entry.name, pattern) for pattern in patterns):
                with suppress(OSError, ResultsError):
                    if entry.stat(follow_symlinks=False).st_mtime < time.time() - _LEFT_OVER_S:
                        remove(folder / entry.name)


def write_text(path: Path, text: str) -> None:
    """`text` as UTF-8, whole or not at all. Raises ResultsError if it cannot be written."""
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_checked(path: Path, text: str) -> None:
    """As `write_text`, below a line with a hash of the text and its place, for `read_checked`."""
    write_text(path, f"{_hash(path, text)}\n{text}")


def read_checked(path: Path) -> str | None:
    """What `write_checked` wrote there; None if it is not there, or not as it was written, or of another place."""
    try:
        said, _, text = path.read_bytes().decode().partition("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    return text if said == _hash(path, text) else None


def _hash(path: Path, text: str) -> str:
    return hashlib.sha256(json.dumps([path.parent.name, path.name, text]).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too (where folders can be opened, which Windows does not allow)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
