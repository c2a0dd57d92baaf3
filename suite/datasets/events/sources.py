"""A hash of the files that a store is made from, remembered so that they are not all read again in every run."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from suite.datasets.common.folders import cache_folder, sha256
from suite.errors import DataCorrupt, ResultsError, cannot_read
from suite.results.files import make_folder, read_checked, sweep, write_checked

_UNSEEN_NS = 2_000_000_000  # a file changed so recently may change again without a new time
_hashed: set[Path] = set()
"""What this process has found out itself of what is remembered."""


def fingerprint(files: Sequence[Path], root: Path) -> str:
    """Hash of the files' names below `root`, sizes and contents.

    What was hashed is remembered by size and time of change, as `make` does, so that 70,000 files are not read again
    in every run. Raises DataUnavailable for a file that is not there, MachineFault for one that cannot be read.
    """
    try:
        stats = _stats(files, root)
        memo = _memo(root, stats)
        known = _recall(memo)
        if known is not None:
            return known
        total = _hash_all(files, stats)
    except OSError as error:
        raise cannot_read(Path(error.filename or root), error) from None
    if max((changed for *_, changed in stats), default=0) < time.time_ns() - _UNSEEN_NS:
        _remember(memo, total)
        _hashed.add(memo)
    return total


def check(files: Sequence[Path], root: Path) -> None:
    """Raises DataCorrupt if the files have changed and their sizes and times have not."""
    try:
        stats = _stats(files, root)
        memo = _memo(root, stats)
        known = None if memo in _hashed else _recall(memo)
        if known is None or _hash_all(files, stats) == known:
            return
        memo.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_read(Path(error.filename or root), error) from None
    raise DataCorrupt(
        f"{files[0].parent}: files have changed since they were first read, and their sizes and times have not; the "
        "disk may be failing: get them again. If they are right, run this again"
    )


def _memo(root: Path, stats: Sequence[tuple[str, int, int]]) -> Path:
    listed = hashlib.sha256(json.dumps([str(root.absolute()), stats]).encode()).hexdigest()
    return cache_folder() / "events" / "sources" / listed[:32]


def _hash_all(files: Sequence[Path], stats: Sequence[tuple[str, int, int]]) -> str:
    total = hashlib.sha256()
    for file, (name, size, _) in zip(files, stats, strict=True):
        total.update(json.dumps([name, size, sha256(file)]).encode())
    return total.hexdigest()


def _stats(files: Sequence[Path], root: Path) -> list[tuple[str, int, int]]:
    """Name below `root`, size and time of change of each."""
    found = [(file, file.stat()) for file in files]
    return [(file.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns) for file, stat in found]


def _recall(memo: Path) -> str | None:
    with suppress(ResultsError):
        return read_checked(memo)
    return None


def _remember(memo: Path, text: str) -> None:
    """A cache that cannot be written only means to compute it again."""
    with suppress(ResultsError):
        make_folder(memo.parent)
        sweep(memo.parent, ".*.part", "tmp*")
        write_checked(memo, text)
