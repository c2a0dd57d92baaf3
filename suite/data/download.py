"""Get the originals: download with resume, check against the published checksum, unpack, move into place.

Checksums are the ones that torchvision (MNIST, Fashion-MNIST, CIFAR10), tonic (SHD, SSC, N-MNIST, DVS128's official
split) and SpikingJelly (DVS128's recordings) check.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from neurons.names import unknown_name
from suite.datasets.folders import data_folder, sync_tree
from suite.data.unpack import unpack
from suite.errors import DataCorrupt, DataUnavailable

MB, GB = 10**6, 10**9
_ATTEMPTS = 5  # per address, each going on where the last one stopped
_PAUSE_S = 1.0
_TIMEOUT_S = 30.0
_CHUNK = 1 << 20

Progress = Callable[[str, int, int | None], None]
"""Called with (what is going on, bytes done, bytes in all or None)."""


@dataclass(frozen=True)
class Archive:
    """One file to download. `gives`: what its unpacked top level brings, as a path below the data folder.

    size: bytes, if published; most: bytes that it may unpack to. Without urls it has to be fetched by hand, from
    `page`, into DIR/downloads.
    """

    file: str
    gives: str
    md5: str
    most: int
    urls: tuple[str, ...] = ()
    size: int | None = None
    page: str = ""


def _mnist(folder: str, mirrors: tuple[str, ...], files: Mapping[str, tuple[str, int]]) -> tuple[Archive, ...]:
    return tuple(
        Archive(
            f"{folder}/{name}.gz", f"{folder}/raw/{name}", md5, 50 * MB, tuple(f"{m}{name}.gz" for m in mirrors), size
        )
        for name, (md5, size) in files.items()
    )


def _heidelberg(name: str, most: int, md5s: Mapping[str, str]) -> tuple[Archive, ...]:
    base = f"https://zenkelab.org/datasets/{name}"
    return tuple(
        Archive(f"{name}_{part}.h5.zip", f"{name.upper()}/{name}_{part}.h5", md5, most, (f"{base}_{part}.h5.zip",))
        for part, md5 in md5s.items()
    )


_MENDELEY = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"
_FIGSHARE = "https://figshare.com/ndownloader/files/"

ARCHIVES: Mapping[str, tuple[Archive, ...]] = {
    "mnist": _mnist(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        {
            "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        },
    ),
    "fashion_mnist": _mnist(
        "FashionMNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        {
            "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        },
    ),
    "cifar10": (
        Archive(
            "cifar-10-python.tar.gz",
            "cifar-10-batches-py",
            "c58f30108f718f92721af3b95e74349a",
            500 * MB,
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            170_498_071,
        ),
    ),
    "shd": _heidelberg(
        "shd", 4 * GB, {"train": "f3252aeb598ac776c1b526422d90eecb", "test": "1503a5064faa34311c398fb0a1ed0a6f"}
    ),
    "ssc": _heidelberg(
        "ssc",
        16 * GB,
        {
            "train": "d102be95e7144fcc0553d1f45ba94170",
            "valid": "b4eee3516a4a90dd0c71a6ac23a8ae43",
            "test": "a35ff1e9cffdd02a20eb850c17c37748",
        },
    ),
    "n_mnist": (
        Archive(
            "NMNIST/train.zip",
            "NMNIST/Train",
            "20959b8e626244a1b502305a9e6e2031",
            8 * GB,
            (f"{_MENDELEY}39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",),
        ),
        Archive(
            "NMNIST/test.zip",
            "NMNIST/Test",
            "69ca8762b2fe404d9b9bad1103e97832",
            8 * GB,
            (f"{_MENDELEY}05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",),
        ),
    ),
    "dvs128_gesture": (
        Archive(
            "DvsGesture.tar.gz",
            "DVSGesture/DvsGesture",
            "8a5c71fb11e24e5ca5b11866ca6c00a1",
            16 * GB,
            page="https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794",
        ),
    ),
    "dvs128_gesture_official": (
        Archive(
            "ibmGestureTrain.tar.gz",
            "DVSGesture/ibmGestureTrain",
            "3a8f0d4120a166bac7591f77409cb105",
            32 * GB,
            (f"{_FIGSHARE}38022171",),
        ),
        Archive(
            "ibmGestureTest.tar.gz",
            "DVSGesture/ibmGestureTest",
            "56070e45dadaa85fff82e0fbfbc06de5",
            32 * GB,
            (f"{_FIGSHARE}38020584",),
        ),
    ),
}
"""By name. DVS128 Gesture comes in two forms; the one under its own name, the recordings that SpikingJelly's split is
cut from, IBM gives out by hand only."""

NOT_OFFERED = {
    "fsdd": "FSDD spikes are no published download: they are the Free Spoken Digit Dataset put through SHD's cochlea "
    "model. Put fsdd_train.h5 and fsdd_test.h5 into {folder}/FSDD",
}


def get(name: str, progress: Progress = lambda *_: None) -> list[Path]:
    """Have the original of a dataset in the data folder; returns where its parts are. Parts that are there are left.

    An interrupted download goes on where it stopped; an archive put into DIR/downloads by hand is used. Raises
    ValueError for an unknown name, DataUnavailable if it cannot be had (no network, no space, by hand only),
    DataCorrupt if what came is not what was published.
    """
    folder = data_folder()
    if name in NOT_OFFERED:
        raise DataUnavailable(NOT_OFFERED[name].format(folder=folder))
    if name.startswith("xor"):
        raise ValueError(f"{name} is generated, there is nothing to get")
    if name not in ARCHIVES:
        raise unknown_name("dataset", name, sorted(ARCHIVES))
    downloads = folder / "downloads"
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        with FileLock(downloads / f"{name}.lock"):
            for archive in ARCHIVES[name]:
                if not (folder / archive.gives).exists():
                    _get_one(archive, folder, downloads, progress)
    except OSError as error:
        raise DataUnavailable(
            f"{name}: cannot write to {folder}: {error.strerror or error}; free the disk, or set LIF_ROLES_DATA to a "
            "folder that can be written"
        ) from error
    return [folder / archive.gives for archive in ARCHIVES[name]]


def _get_one(archive: Archive, folder: Path, downloads: Path, progress: Progress) -> None:
    packed = downloads / archive.file
    packed.parent.mkdir(parents=True, exist_ok=True)
    by_hand = packed.exists()
    if by_hand:
        _check(packed, archive, progress)
    elif not archive.urls:
        raise DataUnavailable(
            f"{archive.file} has to be fetched by hand from {archive.page}; put it into {downloads} and run this again"
        )
    else:
        _download(archive, packed, progress)
    progress(f"unpacking {packed.name}", 0, None)
    place = folder / archive.gives
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{place.name}.partial-", dir=place.parent))
    try:
        unpack(packed, partial, archive.most)
        if not (partial / place.name).exists():
            raise DataCorrupt(f"{packed} does not have {place.name}; delete it and try again")
        sync_tree(partial / place.name)
        os.replace(partial / place.name, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if not by_hand:
        packed.unlink()


def _check(path: Path, archive: Archive, progress: Progress) -> None:
    """Raise DataCorrupt if the file is not the published one."""
    progress(f"checking {path.name}", 0, None)
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != archive.md5:
        raise DataCorrupt(f"{path} is not the published file: its MD5 is {md5}, not {archive.md5}; delete it")


def _download(archive: Archive, packed: Path, progress: Progress) -> None:
    """Download to `packed`, by way of `packed`.part, from the first address that has it."""
    part = packed.with_name(f"{packed.name}.part")
    failures: list[str] = []
    corrupt = False
    # A part that is here may be no part of this file; then the first address gets a second chance, from the start.
    for url in archive.urls[: int(part.exists())] + archive.urls:
        reason = None
        try:
            reason = _fetch_all(url, part, archive, progress)
            if reason is None:
                _check(part, archive, progress)
                os.replace(part, packed)
                return
        except DataCorrupt as error:
            part.unlink(missing_ok=True)
            reason, corrupt = str(error), True
        failures.append(f"{url}: {reason}")
    message = f"cannot download {archive.file}. {'; '.join(failures)}. Run it again to go on"
    raise DataCorrupt(message) if corrupt else DataUnavailable(message)


def _fetch_all(url: str, part: Path, archive: Archive, progress: Progress) -> str | None:
    """Fetch all of `url`, over several connections if it must be; the reason if that fails."""
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S * attempt)
        try:
            if _fetch(url, part, archive, progress):
                return None
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the server says {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):
                return reason
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    return f"{reason} ({_ATTEMPTS} attempts)"


def _fetch(url: str, part: Path, archive: Archive, progress: Progress) -> bool:
    """Add what is missing of `url` to the file `part`; whether it is complete."""
    done = part.stat().st_size if part.exists() else 0
    if archive.size is not None and done >= archive.size:
        if done == archive.size:
            return True
        done = 0
    headers = {"User-Agent": "lif-roles", "Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # all of it is here, or it is not of this file; the checksum will tell
            error.close()
            return True
        raise
    with response:
        if response.status != 206 or not str(response.headers.get("Content-Range", "")).startswith(f"bytes {done}-"):
            done = 0  # the server starts from the beginning
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else archive.size
        most = archive.size or total or archive.most
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            file.truncate()
            while chunk := response.read(_CHUNK):
                done += len(chunk)
                if done > most:
                    file.truncate(0)
                    raise DataCorrupt(f"{url} gives more than the {most:,} bytes of the published file")
                file.write(chunk)
                progress(archive.file, done, total)
            file.flush()
            os.fsync(file.fileno())
    return total is None or done == total
