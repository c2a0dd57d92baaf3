"""Where data is, which source is picked, and stand-ins that are whole or absent."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from suite.datasets import load, locate
from suite.datasets.common import folders
from suite.errors import DataUnavailable, MachineFault


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(folders, "_said", set())


def test_the_folders_follow_the_environment(tmp_path, monkeypatch):
    assert folders.data_folder() == tmp_path / "data"
    assert folders.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("LIF_ROLES_DATA")
    monkeypatch.delenv("LIF_ROLES_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folders.data_folder() == tmp_path / "home/.cache/lif-roles/data"
    assert folders.cache_folder() == tmp_path / "home/.cache/lif-roles"


def test_the_original_is_preferred_and_nothing_is_said(tmp_path, capsys):
    assert folders.pick_source("mnist", "auto", tmp_path) == "original"
    assert folders.pick_source("mnist", "original", tmp_path) == "original"
    assert folders.pick_source("mnist", "standin", tmp_path) == "standin"
    assert capsys.readouterr().err == ""


def test_a_stand_in_is_announced_once(capsys):
    assert folders.pick_source("mnist", "auto", None) == "standin"
    assert folders.pick_source("mnist", "auto", None) == "standin"
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "stand-in" in said
    assert "lif-roles data get mnist" in said


def test_a_missing_original_says_how_to_get_it(tmp_path):
    with pytest.raises(DataUnavailable, match=r"mnist.*lif-roles data get mnist.*LIF_ROLES_DATA") as caught:
        folders.pick_source("mnist", "original", None)
    assert str(tmp_path / "data") in str(caught.value)


@pytest.mark.parametrize("source", ["", "Original", "synthetic"])
def test_an_unknown_source_is_refused(source):
    with pytest.raises(ValueError, match="source is auto, original or standin"):
        folders.pick_source("mnist", source, None)


def _write(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep/file").write_text("whole")


def test_a_stand_in_is_made_once(tmp_path):
    made = folders.make_standin("some", 3, _write)
    assert made == tmp_path / "cache/standin/v3/some"
    assert (made / "deep/file").read_text() == "whole"

    def again(_: Path) -> None:
        raise AssertionError("made twice")

    assert folders.make_standin("some", 3, again) == made


def test_a_failure_leaves_nothing(tmp_path):
    def fails(folder: Path) -> None:
        _write(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(MachineFault, match=r"some: the stand-in .*No space left on device.*LIF_ROLES_CACHE"):
        folders.make_standin("some", 1, fails)
    assert [p.name for p in (tmp_path / "cache/standin/v1").iterdir() if p.is_dir()] == []
    assert (folders.make_standin("some", 1, _write) / "deep/file").exists()


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    left = tmp_path / "cache/standin/v1/some.partial-abc"
    left.mkdir(parents=True)
    folders.make_standin("some", 1, _write)
    assert left.exists()  # another machine may be writing it
    os.utime(left, (time.time() - 90_000,) * 2)
    folders.make_standin("other", 1, _write)
    assert not left.exists()


def test_a_cache_that_cannot_be_written_is_reported(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "file"))
    with pytest.raises(MachineFault, match="LIF_ROLES_CACHE"):
        folders.make_standin("some", 1, _write)


@pytest.mark.parametrize("name", ["LIF_ROLES_DATA", "LIF_ROLES_CACHE"])
def test_a_folder_that_is_none_is_no_missing_data(name, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    for wrong, reason in (("file", "it is no folder"), ("file/below", "Not a directory"), ("x" * 300, "name too long")):
        monkeypatch.setenv(name, str(tmp_path / wrong))
        with pytest.raises(MachineFault, match=rf"cannot use {tmp_path / wrong}: .*{reason}; set {name} to a folder"):
            load("n_mnist")
    if name == "LIF_ROLES_DATA":
        assert "name too long" in locate("n_mnist")


@pytest.mark.parametrize("name", ["n_mnist", "fsdd", "dvs128_gesture", "mnist", "cifar10"])
def test_data_that_may_not_be_read_is_no_missing_data(name, tmp_path, monkeypatch):
    """Whatever a loader asks of the folders."""

    def refuse(path, *_: object, **__: object):
        if str(path).startswith(f"{tmp_path}/data/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path)

    stat = os.stat
    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(MachineFault, match=rf"cannot read {tmp_path}/data/.*: Permission denied; give yourself"):
        load(name)


def test_a_folder_that_cannot_be_listed_is_not_empty(tmp_path, monkeypatch):
    (tmp_path / "._a.bin").touch()
    (tmp_path / "b.bin").touch()
    assert folders.visible(tmp_path, ".bin") == [tmp_path / "b.bin"]
    assert folders.visible(tmp_path / "none", ".bin") == []

    def refuse(path: Path) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(MachineFault, match="Permission denied"):
        folders.visible(tmp_path, ".bin")


def test_a_file_system_without_locks_is_said(monkeypatch):
    class Lock:
        def __init__(self, _: Path) -> None:
            raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(folders, "FileLock", Lock)
    with pytest.raises(MachineFault, match="does not appear to support flock; set LIF_ROLES_CACHE"):
        folders.make_standin("some", 1, _write)


def _race(folder: str, barrier: object, made: object) -> None:
    os.environ["LIF_ROLES_CACHE"] = folder

    def write(target: Path) -> None:
        made.put(os.getpid())  # type: ignore[attr-defined]
        _write(target)

    barrier.wait()  # type: ignore[attr-defined]
    folders.make_standin("some", 1, write)


def test_processes_that_race_make_it_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, made = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_race, args=(str(tmp_path / "race"), barrier, made)) for _ in range(4)]
    for process in processes:
        process.start()
    made.get(timeout=120)  # before the join: a process does not end before what it queued is read
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert made.empty()
    assert (tmp_path / "race/standin/v1/some/deep/file").read_text() == "whole"


def test_locate_says_where_a_dataset_is(tmp_path):
    assert locate("xor") == "generated"
    assert "stand-in" in locate("mnist")
    assert "lif-roles data get mnist" in locate("mnist")
    (tmp_path / "data/MNIST/raw").mkdir(parents=True)
    assert str(tmp_path / "data/MNIST/raw") in locate("mnist")
    assert "stand-in" in locate("cifar10")
