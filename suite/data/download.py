"""Get the originals: download with resume, check against the published checksum, unpack, move into place.

What there is to get, from where and with which checksum, each dataset says (`Dataset.archives`).
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from neurons.names import unknown_name
from suite.data.unpack import unpack
from suite.datasets.base import Archive
from suite.datasets.common.folders import data_folder, new_folder, place, writing
from suite.errors import DataCorrupt, DataUnavailable
from suite.registry import datasets
from suite.results.files import sweep

_ATTEMPTS = 5  # per address, each going on where the last one stopped
_PAUSE_S = 1.0
_TIMEOUT_S = 30.0
_CHUNK = 1 << 20

Progress = Callable[[str, int, int | None], None]
"""Called with (what is going on, bytes done, bytes in all or None)."""


def get(name: str, progress: Progress = lambda *_: None) -> list[Path]:
    """Have the original of a dataset in the data folder; returns where its parts are. Parts that are there are left.

    An interrupted download goes on where it stopped; an archive put into DIR/downloads by hand is used. Raises
    ValueError for an unknown name, DataUnavailable if it cannot be had (no network, by hand only), MachineFault
    if it cannot be written, DataCorrupt if what came is not what was published.
    """
    folder, archives = data_folder(), _archives(name)
    downloads = folder / "downloads"
    with writing(f"{name} in {folder}", "LIF_ROLES_DATA"):
        downloads.mkdir(parents=True, exist_ok=True)
        with FileLock(downloads / f"{name}.lock"):
            for archive in archives:
                if not (folder / archive.gives).exists():
                    _get_one(archive, folder, downloads, progress)
    return [folder / archive.gives for archive in archives]


def _archives(name: str) -> tuple[Archive, ...]:
    """What there is to download under that name. Raises as `get` does."""
    if name in datasets:
        dataset = datasets[name]
        if dataset.generated:
            raise ValueError(f"{name} is generated, there is nothing to get")
        if dataset.archives is None:
            unsaid = f"{name} says nothing of where it may be downloaded; put its files where its loader looks"
            raise DataUnavailable(dataset.by_hand.format(folder=data_folder()) or unsaid)
        about = [dataset]
    else:  # another form of a dataset, under a name of its own
        about = [datasets[other] for other in datasets]
    offered = {form: archives for one in about if one.archives for form, archives in one.archives().items()}
    if name not in offered:
        raise unknown_name("dataset", name, sorted(offered))
    return offered[name]


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
    final = folder / archive.gives
    final.parent.mkdir(parents=True, exist_ok=True)
    sweep(final.parent, f"{final.name}.partial-*")
    with new_folder(final) as partial:
        unpack(packed, partial, archive.most)
        if not (partial / final.name).exists():
            raise DataCorrupt(f"{packed} does not have {final.name}; delete it and try again")
        place(partial / final.name, final)
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
