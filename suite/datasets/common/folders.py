"""Where data and caches are, and whether a loader reads an original or its stand-in.

`LIF_ROLES_DATA` (default ~/.cache/lif-roles/data) holds the originals, `LIF_ROLES_CACHE` (default ~/.cache/lif-roles)
what the suite makes itself: stand-ins and parsed copies.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock

from suite.errors import DataUnavailable, MachineFault, cannot_read, cannot_write
from suite.results.files import sweep

SOURCES = ("auto", "original", "standin")

_said: set[str] = set()  # stand-ins announced by this process


def data_folder() -> Path:
    """The folder of the original datasets; it need not exist. Raises MachineFault if it cannot be used."""
    return _folder("LIF_ROLES_DATA", Path("~/.cache/lif-roles/data"))


def cache_folder() -> Path:
    """The folder of everything that can be made again; it need not exist. Raises MachineFault if it cannot be used."""
    return _folder("LIF_ROLES_CACHE", Path("~/.cache/lif-roles"))


def _folder(variable: str, default: Path) -> Path:
    try:
        folder = Path(os.environ.get(variable) or default).expanduser().absolute()
    except RuntimeError as error:  # no home folder
        raise MachineFault(f"no home folder for {default}: {error}; set {variable} to a folder") from None
    try:
        reason = None if stat.S_ISDIR(folder.stat().st_mode) else "it is no folder"
        if reason is None and not os.access(folder, os.R_OK | os.X_OK):
            reason = os.strerror(errno.EACCES)
    except FileNotFoundError:
        return folder
    except OSError as error:
        reason = error.strerror or str(error)
    if reason is None:
        return folder
    raise MachineFault(f"cannot use {folder}: {reason}; set {variable} to a folder that can be read")


def pick_source(name: str, source: str, original: Path | None) -> Literal["original", "standin"]:
    """What to read for `source` = auto, original or standin, given where the original is (None: it is not here).

    Choosing the stand-in under "auto" is announced on stderr, once a process. Raises DataUnavailable if the original
    is asked for and not here, ValueError for any other `source`.
    """
    if source not in SOURCES:
        raise ValueError(f"{name}: source is {', '.join(SOURCES[:-1])} or {SOURCES[-1]}, not {source!r}")
    if source == "standin":
        return "standin"
    if original is not None:
        return "original"
    if source == "original":
        raise DataUnavailable(
            f"{name}: the original is not under {data_folder()}; get it with `lif-roles data get {name}`, set "
            f"LIF_ROLES_DATA to the folder that has it, or use source 'standin'"
        )
    if name not in _said:
        _said.add(name)
        print(
            f"{name}: the original is not under {data_folder()}, so this uses a stand-in made here, in the original's "
            f"format; `lif-roles data get {name}` gets the original",
            file=sys.stderr,
        )
    return "standin"


def make_standin(name: str, version: int, write: Callable[[Path], None]) -> Path:
    """The folder CACHE/standin/v<version>/<name>, filled by `write(folder)` if it is not there yet; see `make_once`."""
    final = cache_folder() / "standin" / f"v{version}" / name
    make_once(final, write, f"{name}: the stand-in")
    return final


def make_once(final: Path, write: Callable[[Path], None], what: str) -> None:
    """Have `write(folder)` make the folder `final` in the cache, if it is not there yet.

    `write` fills a temporary folder that is renamed when complete, under a lock, so that `final` is whole or absent
    and two processes make it once. Raises MachineFault, naming `what`, if the cache cannot be written.
    """
    if final.is_dir():
        return
    with writing(f"{what} at {final}", "LIF_ROLES_CACHE"):
        final.parent.mkdir(parents=True, exist_ok=True)
        sweep(final.parent, "*.partial-*")
        with FileLock(final.parent / f"{final.name}.lock"):
            if final.is_dir():
                return
            with new_folder(final) as partial:
                write(partial)
                place(partial, final)


@contextmanager
def writing(what: str, variable: str) -> Iterator[None]:
    """Raises MachineFault, naming `what` and the variable of its folder, if the block cannot write something."""
    try:
        yield
    except OSError as error:
        raise cannot_write(what, error, variable) from error
    except NotImplementedError as error:  # of a file lock
        raise MachineFault(
            f"{what} cannot be written: {error}; set {variable} to a folder on a file system that has locks"
        ) from error


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside `final`, for what is to be there; it is removed at the end of the block."""
    partial = Path(tempfile.mkdtemp(prefix=f"{final.name}.partial-", dir=final.parent))
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def place(made: Path, final: Path) -> None:
    """Rename a file or folder to `final`, once all of it is on the disk."""
    for path in (made, *made.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    os.replace(made, final)


def sha256(file: Path) -> str:
    """Of its contents, 64 hex digits."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def visible(folder: Path, ending: str = "") -> list[Path]:
    """What is in a folder and ends so, in order of name; nothing if there is no such folder. Hidden files are no data,
    such as the "._name" that macOS leaves beside each. Raises MachineFault if the folder cannot be read.
    """
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot_read(folder, error) from None
    return [folder / name for name in names if name.endswith(ending) and not name.startswith(".")]
