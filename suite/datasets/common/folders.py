"""Where data and caches are, and whether a loader reads an original or its stand-in.

`LIF_ROLES_DATA` (default ~/.cache/lif-roles/data) holds the originals, `LIF_ROLES_CACHE` (default ~/.cache/lif-roles)
what the suite makes itself: stand-ins and parsed copies.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from filelock import FileLock

from suite.errors import DataUnavailable

SOURCES = ("auto", "original", "standin")

_said: set[str] = set()  # stand-ins announced by this process


def data_folder() -> Path:
    """The folder of the original datasets; it need not exist."""
    return _folder("LIF_ROLES_DATA", Path("~/.cache/lif-roles/data"))


def cache_folder() -> Path:
    """The folder of everything that can be made again; it need not exist."""
    return _folder("LIF_ROLES_CACHE", Path("~/.cache/lif-roles"))


def _folder(variable: str, default: Path) -> Path:
    try:
        return Path(os.environ.get(variable) or default).expanduser().absolute()
    except RuntimeError as error:  # no home folder
        raise DataUnavailable(f"no home folder for {default}: {error}; set {variable} to a folder") from None


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
    and two processes make it once. Raises DataUnavailable, naming `what`, if the cache cannot be written.
    """
    if final.is_dir():
        return
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(final.parent / f"{final.name}.lock"):
            if final.is_dir():
                return
            for left_over in final.parent.glob(f"{final.name}.partial-*"):  # of a process that was killed
                shutil.rmtree(left_over, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix=f"{final.name}.partial-", dir=final.parent))
            try:
                write(partial)
                sync_tree(partial)
                os.replace(partial, final)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    except OSError as error:
        raise DataUnavailable(
            f"{what} cannot be made at {final}: {error.strerror or error}; free the disk or set LIF_ROLES_CACHE to a "
            f"folder that can be written"
        ) from error


def sync_tree(folder: Path) -> None:
    """Have every file under `folder` on the disk before it is renamed into place."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def visible(folder: Path, pattern: str) -> Iterator[Path]:
    """What matches in a folder, but hidden files, such as the "._name" that macOS leaves beside each file: no data."""
    return (path for path in folder.glob(pattern) if not path.name.startswith("."))
