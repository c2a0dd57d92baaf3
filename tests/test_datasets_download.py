"""Downloads from a server on this machine that can cut, lie and refuse."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dataset_cases import user_dataset

from suite.data import download
from suite.datasets import cifar10, fashion_mnist, mnist
from suite.datasets.base import Archive
from suite.datasets.common.folders import cache_folder
from suite.datasets.standins import images as standin_images
from suite.errors import DataCorrupt, DataUnavailable, MachineFault
from suite.registry import datasets

CONTENT = bytes(range(256)) * 4_000
PACKED = gzip.compress(CONTENT, 0)  # stored: as long as the content, so that there is something to cut
MD5 = hashlib.md5(PACKED).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path, and PACKED at any other. `cut`: bytes after which to close, one a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cut: list[int] = []
        self.ranges = True
        self.status = 200
        self.content = PACKED
        self.files: dict[str, bytes] = {}
        self.announce = True
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        whole = server.files.get(self.path, server.content)
        if start >= len(whole):
            self.send_error(416)
            return
        content = whole[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        if server.announce:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.cut.pop(0)] if server.cut else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(download, "_PAUSE_S", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "data"


@pytest.fixture
def offer(server, monkeypatch):
    def offer(*urls: str, **changes: object) -> Archive:
        fields = {
            "file": "some/file.gz",
            "gives": "Some/raw/file",
            "md5": MD5,
            "most": 2_000_000,
            "urls": urls or (server.url,),
        }
        archive = Archive(**{**fields, **changes})
        offered = user_dataset("some", archives=lambda: {"some": (archive,)})
        monkeypatch.setitem(datasets._items, "some", offered)
        return archive

    return offer


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"
    }


def test_a_download_is_checked_unpacked_and_put_in_place(folder, server, offer):
    offer()
    said = []
    (got,) = download.get("some", lambda what, done, total: said.append((what, done, total)))
    assert got == folder / "Some/raw/file"
    assert got.read_bytes() == CONTENT
    assert _files(folder) == {"Some/raw/file"}
    assert ("some/file.gz", len(PACKED), len(PACKED)) in said
    assert server.asked == [None]


def test_what_is_there_is_left(folder, server, offer):
    offer()
    download.get("some")
    (folder / "Some/raw/file").write_bytes(b"mine")
    assert download.get("some")[0].read_bytes() == b"mine"
    assert len(server.asked) == 1


def test_a_cut_connection_is_resumed(server, offer):
    offer()
    server.cut = [100_000, 300_000]
    assert download.get("some")[0].read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=400000-"]


def test_an_interrupted_download_is_resumed_by_the_next_run(folder, server, offer):
    offer()
    server.cut = [10_000] * 5
    with pytest.raises(DataUnavailable, match=r"connection was cut.*5 attempts.*again to go on"):
        download.get("some")
    assert (folder / "downloads/some/file.gz.part").stat().st_size == 50_000
    assert not (folder / "Some").exists()
    assert download.get("some")[0].read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=50000-"


def test_a_server_without_ranges_starts_again(server, offer):
    offer()
    server.ranges = False
    server.cut = [100_000]
    assert download.get("some")[0].read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_a_complete_part_needs_no_more_bytes(folder, server, offer):
    part = folder / "downloads/some/file.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(PACKED)
    offer()
    assert download.get("some")[0].read_bytes() == CONTENT
    offer(size=len(PACKED), gives="Other/file")
    part.write_bytes(PACKED)
    asked = len(server.asked)
    assert download.get("some")[0].read_bytes() == CONTENT
    assert len(server.asked) == asked


@pytest.mark.parametrize("wrong", [b"x" * 1_000, b"x" * (len(PACKED) + 5)])
@pytest.mark.parametrize("size", [None, len(PACKED)])
def test_a_part_of_another_file_is_thrown_away(folder, offer, wrong, size):
    offer(size=size)
    part = folder / "downloads/some/file.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(wrong)
    assert download.get("some")[0].read_bytes() == CONTENT


def test_without_a_length_the_end_is_the_end(server, offer):
    offer()
    server.announce = False
    assert download.get("some")[0].read_bytes() == CONTENT


def test_a_wrong_file_is_refused_and_deleted(folder, server, offer):
    offer()
    server.content = PACKED[:-1] + b"?"
    with pytest.raises(DataCorrupt, match=f"not {MD5}"):
        download.get("some")
    assert _files(folder) == set()


def test_a_file_without_end_is_cut_off(folder, server, offer):
    offer(size=1_000)
    server.announce = False
    with pytest.raises(DataCorrupt, match="more than the 1,000 bytes"):
        download.get("some")
    assert _files(folder) == set()


def test_the_second_address_is_used_when_the_first_has_nothing(server, offer):
    dead = Server()
    dead.server_close()
    offer(dead.url, server.url)
    assert download.get("some")[0].read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (500, 5), (503, 5)])
def test_refusals_are_reported_and_only_worth_a_retry_if_they_may_pass(server, offer, status, requests):
    offer()
    server.status = status
    with pytest.raises(DataUnavailable, match=f"the server says {status}"):
        download.get("some")
    assert len(server.asked) == requests


def test_no_network_is_reported(folder, offer):
    dead = Server()
    dead.server_close()
    offer(dead.url)
    with pytest.raises(DataUnavailable, match="refused"):
        download.get("some")
    assert _files(folder) == set()


def test_a_name_that_does_not_resolve_is_reported(offer):
    offer("http://host.invalid/file.gz")
    with pytest.raises(DataUnavailable, match=r"host\.invalid"):
        download.get("some")


def test_an_archive_without_the_expected_content_is_refused(folder, offer):
    offer(gives="Some/raw/other")
    with pytest.raises(DataCorrupt, match="does not have other"):
        download.get("some")
    assert not any(".partial-" in name for name in _files(folder))
    assert not (folder / "Some/raw/other").exists()


def test_an_archive_put_there_by_hand_is_used_and_kept(folder, server, offer):
    offer(urls=(), page="https://example.org/form")
    with pytest.raises(DataUnavailable, match=r"by hand from https://example.org/form.*downloads"):
        download.get("some")
    packed = folder / "downloads/some/file.gz"
    packed.write_bytes(PACKED[:-1])
    with pytest.raises(DataCorrupt, match="MD5"):
        download.get("some")
    packed.write_bytes(PACKED)
    assert download.get("some")[0].read_bytes() == CONTENT
    assert packed.exists()
    assert server.asked == []


def test_a_full_disk_keeps_the_part(folder, offer, monkeypatch):
    offer()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download.os, "fsync", full)
        with pytest.raises(MachineFault, match=r"No space left.*LIF_ROLES_DATA"):
            download.get("some")
    assert _files(folder) == {"downloads/some/file.gz.part"}
    assert download.get("some")[0].read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_is_reported(tmp_path, offer, monkeypatch):
    offer()
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "file"))
    with pytest.raises(MachineFault, match="LIF_ROLES_DATA"):
        download.get("some")


def test_names_without_a_download():
    with pytest.raises(ValueError, match="mnist"):
        download.get("mnits")
    with pytest.raises(ValueError, match="generated"):
        download.get("xor_50")
    with pytest.raises(DataUnavailable, match="cochlea"):
        download.get("fsdd")


ARCHIVES = {
    form: archives
    for name in datasets
    if datasets[name].archives
    for form, archives in datasets[name].archives().items()
}


def test_the_published_archives_are_as_the_libraries_have_them():
    """torchvision's are compared with the library, tonic's (which are read from it) with what it had in 1.7."""
    from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

    def md5s(name: str) -> set[str]:
        return {archive.md5 for archive in ARCHIVES[name]}

    assert md5s("mnist") == {md5 for _, md5 in MNIST.resources}
    assert md5s("fashion_mnist") == {md5 for _, md5 in FashionMNIST.resources}
    assert md5s("cifar10") == {CIFAR10.tgz_md5}
    mendeley, figshare = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/", "https://figshare.com/"
    official = "dvs128_gesture_official"
    for name, gives, md5, url in (
        ("shd", "SHD/shd_train.h5", "f3252aeb598ac776c1b526422d90eecb", "https://zenkelab.org/datasets/shd_train"),
        ("shd", "SHD/shd_test.h5", "1503a5064faa34311c398fb0a1ed0a6f", "https://zenkelab.org/datasets/shd_test"),
        ("ssc", "SSC/ssc_train.h5", "d102be95e7144fcc0553d1f45ba94170", "https://zenkelab.org/datasets/ssc_train"),
        ("ssc", "SSC/ssc_valid.h5", "b4eee3516a4a90dd0c71a6ac23a8ae43", "https://zenkelab.org/datasets/ssc_valid"),
        ("ssc", "SSC/ssc_test.h5", "a35ff1e9cffdd02a20eb850c17c37748", "https://zenkelab.org/datasets/ssc_test"),
        ("n_mnist", "NMNIST/Train", "20959b8e626244a1b502305a9e6e2031", f"{mendeley}39c25547"),
        ("n_mnist", "NMNIST/Test", "69ca8762b2fe404d9b9bad1103e97832", f"{mendeley}05a4d654"),
        (official, "DVSGesture/ibmGestureTrain", "3a8f0d4120a166bac7591f77409cb105", f"{figshare}ndownloader/"),
        (official, "DVSGesture/ibmGestureTest", "56070e45dadaa85fff82e0fbfbc06de5", f"{figshare}ndownloader/"),
    ):
        (archive,) = [archive for archive in ARCHIVES[name] if archive.gives == gives]
        assert archive.md5 == md5
        assert archive.urls[0].startswith(url)
        assert Path(archive.file).suffix in (".zip", ".gz")


def test_every_archive_has_its_own_file_and_a_checksum():
    files = [archive.file for archives in ARCHIVES.values() for archive in archives]
    assert len(set(files)) == len(files) == 19
    for archives in ARCHIVES.values():
        for archive in archives:
            assert len(archive.md5) == 32
            assert archive.urls or archive.page


def test_a_dataset_of_a_user_s_says_where_to_get_it(folder, monkeypatch):
    monkeypatch.setattr(datasets, "_items", dict(datasets._items))
    datasets.register(user_dataset("mine", by_hand="write to me, then use {folder}"))
    with pytest.raises(DataUnavailable, match=f"write to me, then use {folder}"):
        download.get("mine")
    datasets.register(user_dataset("silent"))
    with pytest.raises(DataUnavailable, match="silent says nothing of where it may be downloaded"):
        download.get("silent")


def _pack(name: str, made: Path, archive: Archive) -> bytes:
    """What the publisher's server would give if the stand-in were the original."""
    if name == "cifar10":
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as file:
            file.add(made / archive.gives, archive.gives)
        return packed.getvalue()
    return gzip.compress((made / archive.gives).read_bytes(), 1)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_what_is_downloaded_is_what_the_loader_reads(folder, server, monkeypatch, name):
    monkeypatch.setattr(cifar10, "COUNTS", (standin_images.N_TRAIN, standin_images.N_TEST))
    small = {module.FILES.name: replace(module.FILES, counts=cifar10.COUNTS).load for module in (mnist, fashion_mnist)}
    loader = small.get(name, cifar10.load)
    standin = loader(source="standin")
    made = cache_folder() / "standin" / f"v{standin_images.VERSION}" / name
    archives = []
    for number, archive in enumerate(ARCHIVES[name]):
        content = server.files[f"/{number}"] = _pack(name, made, archive)
        url = server.url.replace("file.gz", str(number))
        md5 = hashlib.md5(content).hexdigest()
        archives.append(replace(archive, urls=(url,), md5=md5, size=len(content)))
    monkeypatch.setitem(datasets._items, name, replace(datasets[name], archives=lambda: {name: tuple(archives)}))
    server.cut = [1_000]
    download.get(name)
    original = loader(source="original")
    assert original.source == "original"
    assert original.data_hash == standin.data_hash
    assert _files(folder / "downloads") == set()
