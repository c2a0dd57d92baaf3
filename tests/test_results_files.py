"""Files that are whole or not there, and what killed processes leave of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from suite.errors import ResultsError
from suite.results.files import atomic_file, read_checked, remove, sweep, write_checked


def test_processes_of_the_same_number_write_to_different_parts(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a") as one, atomic_file(tmp_path / "a") as other:  # as in two containers
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"
    assert os.listdir(tmp_path) == ["a"]


def test_what_is_older_than_a_day_is_swept(tmp_path: Path) -> None:
    for name in (".a.part", "b.partial-x", ".tmpc", "d"):
        for age, hours in (("old", 25), ("new", 23)):
            path = tmp_path / f"{name}{age}" if name != ".a.part" else tmp_path / f".{age}.part"
            path.mkdir() if "partial" in name else path.touch()
            if "partial" in name:
                (path / "inside").touch()
            os.utime(path, (time.time() - 3600 * hours,) * 2)
    sweep(tmp_path, ".*.part", "*.partial-*", ".tmp*")
    assert sorted(os.listdir(tmp_path)) == [".new.part", ".tmpcnew", "b.partial-xnew", "dnew", "dold"]
    sweep(tmp_path / "none", "*")


def test_checked_text_comes_back_from_where_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "run" / "pair0.csv"
    file.parent.mkdir()
    assert read_checked(file) is None
    write_checked(file, "x,y\n1,é\n")
    assert read_checked(file) == "x,y\n1,é\n"
    whole = file.read_bytes()
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert read_checked(file) is None
    for moved in (file.with_name("pair1.csv"), tmp_path / "pair0.csv"):
        moved.write_bytes(whole)
        assert read_checked(moved) is None


def test_what_cannot_be_written_or_removed_is_an_error_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ResultsError, match=r"cannot write .*none/a: No such file or directory; free some space"):
        write_checked(tmp_path / "none" / "a", "")

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a").touch()
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ResultsError, match=r"cannot remove .*a: Permission denied; remove it by hand"):
        remove(tmp_path / "a")
