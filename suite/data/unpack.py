"""Unpack zip, tar.gz and gz archives that may be hostile: nothing is written outside the target, or without end."""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from suite.errors import DataCorrupt, cannot_write, is_machines

MOST_FILES = 200_000
_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


def unpack(archive: Path, target: Path, largest: int) -> None:
    """Unpack into the empty folder `target`; a .gz that is no .tar.gz becomes one file, named without the ".gz".

    Raises ValueError for another ending; DataCorrupt for a damaged archive, one of more than `largest` bytes when
    unpacked, and one with absolute paths, "..", links, devices or a name twice; MachineFault if the target cannot be
    written. What was unpacked until then stays in `target`.
    """
    kind, writer = _kind(archive), _Writer(archive, target, largest)
    try:
        kind(archive, writer)
    except _DAMAGE as error:
        if isinstance(error, OSError) and is_machines(error):
            raise cannot_write(f"{target}, unpacked from {archive},", error, "LIF_ROLES_DATA") from None
        raise DataCorrupt(f"{archive} is damaged: {error or type(error).__name__}") from None


def _kind(archive: Path) -> Callable[[Path, _Writer], None]:
    for ending, kind in ((".zip", _zip), (".tar.gz", _tar), (".tgz", _tar), (".gz", _gz)):
        if archive.name.endswith(ending):
            return kind
    raise ValueError(f"{archive} is no .zip, .tar.gz or .gz")


def _zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
        for entry in entries:
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataCorrupt(f"{archive} has the link or device {entry.filename!r}; it is not unpacked")
            writer.check(entry.filename, entry.file_size)
        for entry in entries:
            if not entry.is_dir():
                with file.open(entry) as content:
                    writer.write(entry.filename, content)


def _tar(archive: Path, writer: _Writer) -> None:
    with _Bounded(archive, writer) as content, tarfile.open(fileobj=content, mode="r|") as file:
        for entry in file:
            writer.check(entry.name, entry.size)
            if entry.isfile():
                extracted = file.extractfile(entry)
                assert extracted is not None
                writer.write(entry.name, extracted)
            elif not entry.isdir():
                raise DataCorrupt(f"{archive} has the link or device {entry.name!r}; it is not unpacked")


def _gz(archive: Path, writer: _Writer) -> None:
    with gzip.open(archive) as content:
        writer.write(archive.name.removesuffix(".gz"), content)


class _Writer:
    """Writes files below `target`, up to a budget of bytes and files."""

    def __init__(self, archive: Path, target: Path, largest: int) -> None:
        self.archive, self.target, self.largest = archive, target, largest
        self.announced = self.written = self.files = 0

    def too_large(self) -> DataCorrupt:
        return DataCorrupt(
            f"{self.archive} unpacks to more than {self.largest:,} bytes; it is not what it claims to be"
        )

    def check(self, name: str, size: int) -> None:
        """Raise DataCorrupt for a name that leads elsewhere, or sizes or files that add up to too much."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name or not path.parts:
            raise DataCorrupt(
                f"{self.archive} has the path {name!r}, which may lead out of the folder; it is not unpacked"
            )
        self.announced += size
        self.files += 1
        if self.announced > self.largest or self.files > MOST_FILES:
            raise self.too_large()

    def write(self, name: str, content: IO[bytes] | gzip.GzipFile) -> None:
        path = self.target / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                while chunk := content.read(_CHUNK):
                    self.written += len(chunk)
                    if self.written > self.largest:
                        raise self.too_large()
                    file.write(chunk)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DataCorrupt(f"{self.archive} has {name!r} twice; it is not unpacked") from None


class _Bounded(gzip.GzipFile):
    """The stream under a tar file; its headers count, too."""

    def __init__(self, archive: Path, writer: _Writer) -> None:
        super().__init__(archive)
        self.writer, self.left = writer, 2 * writer.largest + _CHUNK

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise self.writer.too_large()
        return chunk
