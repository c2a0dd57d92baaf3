"""Unpacking: what an archive holds, or an error, and never a file outside the target."""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data import unpack as unpack_module
from suite.data.unpack import unpack
from suite.errors import DataCorrupt, MachineFault

FILES = {"a/b.bin": bytes(range(256)) * 40, "a/c/empty": b"", "top": b"t"}
LARGEST = 100_000


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, files: dict[str, bytes], *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for entry in entries:
            archive.addfile(entry)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MAKERS = {"archive.zip": make_zip, "archive.tar.gz": make_tar, "archive.tgz": make_tar}


@pytest.fixture
def target(tmp_path) -> Path:
    folder = tmp_path / "deep/target"
    folder.mkdir(parents=True)
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_an_archive_is_unpacked_whole(tmp_path, target, name):
    unpack(MAKERS[name](tmp_path / name, FILES), target, LARGEST)
    assert _contents(target) == FILES


def test_a_gz_becomes_one_file(tmp_path, target):
    (tmp_path / "train-ubyte.gz").write_bytes(gzip.compress(b"x" * 1_000))
    unpack(tmp_path / "train-ubyte.gz", target, LARGEST)
    assert _contents(target) == {"train-ubyte": b"x" * 1_000}


def test_other_endings_are_refused(tmp_path, target):
    with pytest.raises(ValueError, match=r"no \.zip"):
        unpack(tmp_path / "archive.rar", target, LARGEST)


@pytest.mark.parametrize("name", ["archive.zip", "archive.tar.gz"])
@pytest.mark.parametrize("inside", ["../out", "a/../../out", "/abs", "C:\\out", "a\\..\\out", "..", "a/../.."])
def test_paths_that_lead_out_are_refused(tmp_path, target, name, inside):
    archive = MAKERS[name](tmp_path / name, {"fine": b"1", inside: b"evil"})
    with pytest.raises(DataCorrupt, match=r"lead out|twice|damaged") as caught:
        unpack(archive, target, LARGEST)
    assert name in str(caught.value)
    assert set(_contents(tmp_path / "deep")) <= {"target/fine"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, target, kind):
    entry = tarfile.TarInfo("entry")
    entry.type, entry.linkname = kind, "/etc/passwd"
    with pytest.raises(DataCorrupt, match="link or device"):
        unpack(make_tar(tmp_path / "a.tar.gz", {"entry/x": b"through the link"}, entry), target, LARGEST)
    assert list(target.iterdir()) == []


def test_links_in_a_zip_are_refused(tmp_path, target):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("entry")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataCorrupt, match="link or device"):
        unpack(tmp_path / "a.zip", target, LARGEST)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_name_twice_is_refused(tmp_path, target, name):
    path = tmp_path / name
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x", b"1")
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("x", b"2")
    else:
        make_tar(path, {"x": b"2"}, tarfile.TarInfo("x"))
    with pytest.raises(DataCorrupt, match="'x' twice"):
        unpack(path, target, LARGEST)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path, target):
    with pytest.raises(DataCorrupt, match="twice"):
        unpack(make_zip(tmp_path / "a.zip", {"x": b"1", "x/y": b"2"}), target, LARGEST)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_bomb_is_refused_before_it_is_written(tmp_path, target, name):
    archive = MAKERS[name](tmp_path / name, {"bomb": bytes(50_000_000)})
    assert archive.stat().st_size < LARGEST
    with pytest.raises(DataCorrupt, match=r"more than 100,000 bytes"):
        unpack(archive, target, LARGEST)
    assert sum(len(content) for content in _contents(target).values()) <= LARGEST


def test_a_gz_bomb_is_cut_off(tmp_path, target):
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(50_000_000)))
    with pytest.raises(DataCorrupt, match=r"more than 100,000 bytes"):
        unpack(tmp_path / "a.gz", target, LARGEST)
    assert sum(len(content) for content in _contents(target).values()) <= LARGEST


def test_a_zip_that_lies_about_its_sizes_is_cut_off(tmp_path, target):
    path = make_zip(tmp_path / "a.zip", {"bomb": bytes(1_000_000)})
    content = bytearray(path.read_bytes())
    for header, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        where = content.index(header) + at
        content[where : where + 4] = struct.pack("<I", 10)
    path.write_bytes(content)
    with pytest.raises(DataCorrupt):
        unpack(path, target, LARGEST)
    assert sum(len(content) for content in _contents(target).values()) <= LARGEST


def test_a_tar_of_endless_headers_is_cut_off(tmp_path, target):
    header = tarfile.TarInfo("x" * 300).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header * 2_000))
    with pytest.raises(DataCorrupt):
        unpack(tmp_path / "a.tar.gz", target, LARGEST)


def test_too_many_files_are_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(unpack_module, "MOST_FILES", 10)
    with pytest.raises(DataCorrupt, match="more than"):
        unpack(make_zip(tmp_path / "a.zip", {str(i): b"" for i in range(11)}), target, LARGEST)


def test_a_full_disk_is_no_damage(tmp_path, target, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    archive = make_zip(tmp_path / "a.zip", FILES)
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(MachineFault, match="No space left on device; free some space there, or set LIF_ROLES_DATA"):
        unpack(archive, target, LARGEST)


@pytest.mark.parametrize("name", [*sorted(MAKERS), "archive.gz"])
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_damage_gets_out_of_the_target(tmp_path_factory, name, data):
    """Truncated or changed archives: what was in them, or DataCorrupt; and nothing anywhere else."""
    folder = tmp_path_factory.mktemp("fuzz")
    target = folder / "deep/target"
    target.mkdir(parents=True)
    path = folder / name
    if name == "archive.gz":
        path.write_bytes(gzip.compress(FILES["a/b.bin"]))
    else:
        MAKERS[name](path, FILES)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[where] = data.draw(st.integers(0, 255))
        else:
            del content[where + 1 :]
    path.write_bytes(content)
    with contextlib.suppress(DataCorrupt):
        unpack(path, target, LARGEST)
    assert {p.name for p in folder.iterdir()} == {name, "deep"}
    assert {p.name for p in (folder / "deep").iterdir()} == {"target"}
    assert sum(len(content) for content in _contents(target).values()) <= LARGEST
