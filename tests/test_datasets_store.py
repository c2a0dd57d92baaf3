"""The event store: what goes in comes out, and nothing half-written is ever read."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.datasets.events import sources
from suite.datasets.events import store as stores
from suite.datasets.events.sources import fingerprint
from suite.datasets.events.store import Recording, Store, open_files, open_store
from suite.errors import DataCorrupt, DataUnavailable, MachineFault


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "events"


def recording(t: list[int], unit: list[int], label: int = 0, **rest: object) -> Recording:
    return Recording(np.array(t, dtype=np.int64), np.array(unit, dtype=np.int64), label, **rest)  # type: ignore[arg-type]


TWO = [recording([0, 5, 5], [2, 0, 1], 1, group=4), recording([], [], 0), recording([7], [3], 2, group=9)]


def values(store: Store) -> list[object]:
    """All that a store says."""
    arrays = (store.indptr, store.label, store.group, *store.events)
    return [store.n_units, *(None if array is None else array.tolist() for array in arrays)]


def make(recordings: list[Recording] = TWO, name: str = "test", version: int = 1, units: int = 4) -> Store:
    return open_store(name, "source", version, units, lambda: recordings)


def never() -> list[Recording]:
    raise AssertionError("the source was parsed again")


def test_arrays_are_what_was_parsed() -> None:
    store = make()
    assert store.indptr.tolist() == [0, 3, 3, 4]
    assert store.t.tolist() == [0, 5, 5, 7]
    assert store.unit.tolist() == [2, 0, 1, 3]
    assert store.label.tolist() == [1, 0, 2]
    assert store.group.tolist() == [4, -1, 9]
    assert store.weight is None
    assert len(store) == 3
    assert (store.indptr.dtype, store.t.dtype, store.unit.dtype) == (np.int64, np.int32, np.uint16)


def test_arrays_are_mapped_and_cannot_be_written() -> None:
    store = make()
    assert isinstance(store.t, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.t[0] = 1


def test_second_opening_parses_nothing() -> None:
    make()
    assert open_store("test", "source", 1, 4, never).t.tolist() == [0, 5, 5, 7]


def test_key_depends_on_source_version_and_units() -> None:
    keys = {make().key, make(version=2).key, make(units=5).key, open_store("test", "other", 1, 4, lambda: TWO).key}
    assert len(keys) == 4


def test_events_are_sorted_by_time_and_equal_times_keep_their_order() -> None:
    store = make([recording([5, 1, 5, 1], [0, 1, 2, 3])])
    assert store.t.tolist() == [1, 1, 5, 5]
    assert store.unit.tolist() == [1, 3, 0, 2]
    assert json.loads((store.folder / "manifest.json").read_text())["reordered"] == 1


def test_weights_are_kept() -> None:
    store = make([recording([3, 1], [0, 1], weight=np.array([2.0, 5.0]))])
    assert store.weight is not None
    assert store.weight.tolist() == [5, 2]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (recording([0], [4], where="file 7"), "file 7: unit 4; units are 0 to 3"),
        (recording([0], [-1]), "unit -1"),
        (recording([-2], [0]), "an event at -2 us"),
        (recording([2**31], [0]), "an event at 2147483648 us"),
        (recording([0, 1], [0]), "they must be as many"),
    ],
)
def test_impossible_recordings_are_refused_and_leave_nothing(bad: Recording, message: str, cache: Path) -> None:
    with pytest.raises(DataCorrupt, match=message):
        make([*TWO, bad])
    assert [entry.name for entry in cache.iterdir() if entry.is_dir()] == []


def damage_cut(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size - 1)


def damage_grow(file: Path) -> None:
    with file.open("ab") as handle:
        handle.write(b"x")


def damage_remove(file: Path) -> None:
    file.unlink()


def damage_empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_cut, damage_grow, damage_remove, damage_empty])
@pytest.mark.parametrize("name", ["t.npy", "unit.npy", "indptr.npy", "label.npy", "group.npy", "manifest.json"])
def test_a_damaged_store_is_made_again(name: str, damage: object) -> None:
    folder, whole = make().folder, values(make())
    damage(folder / name)  # type: ignore[operator]
    made = []
    with pytest.warns(UserWarning, match=rf"the event cache {folder} is damaged: .*{name.split('.')[0]}.* made again"):
        again = values(open_store("test", "source", 1, 4, lambda: made.append(1) or TWO))  # type: ignore[func-returns-value]
    assert again == whole
    assert made == [1]


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", '{"arrays": 3}', '{"arrays": {"x": {}}}', '{"arrays": {}}', "\xff"]
)
def test_a_foreign_manifest_is_made_again(text: str) -> None:
    store = make()
    (store.folder / "manifest.json").write_text(text)
    with pytest.warns(UserWarning, match="its manifest"):
        assert make().t.tolist() == [0, 5, 5, 7]


def flip(file: Path, at: int, bit: int = 0) -> None:
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1 << bit
    file.write_bytes(raw)


WEIGHTED = [recording([1, 3], [0, 1], 1, weight=np.array([2.0, 5.0])), recording([2], [3], 0, weight=np.array([1.0]))]


@pytest.mark.parametrize("name", ["t", "unit", "weight", "indptr", "label", "group"])
def test_a_flipped_bit_is_named_and_made_again(name: str) -> None:
    folder, whole = make(WEIGHTED).folder, values(make(WEIGHTED))
    before = (folder / f"{name}.npy").read_bytes()
    for at in (-1, -3, 8, 60):  # values, and the header
        flip(folder / f"{name}.npy", at)
        with pytest.warns(UserWarning, match=rf"{folder} is damaged: {name}\.npy does not have its hash; it is made"):
            again = values(make(WEIGHTED))
        assert again == whole
        assert (folder / f"{name}.npy").read_bytes() == before


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_no_flipped_bit_of_a_manifest_changes_what_is_read(data: st.DataObject) -> None:
    whole, manifest = values(make(WEIGHTED)), make(WEIGHTED, name="flipped").folder / "manifest.json"
    flip(manifest, data.draw(st.integers(0, manifest.stat().st_size - 1)), data.draw(st.integers(0, 7)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = values(make(WEIGHTED, name="flipped"))
    assert again == whole


def test_a_hash_is_computed_once_and_events_only_when_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    monkeypatch.setattr(stores, "_sound", set())
    hashed: list[str] = []
    sha256 = stores.sha256
    monkeypatch.setattr(stores, "sha256", lambda file: hashed.append(file.stem) or sha256(file))  # type: ignore[func-returns-value]
    for _ in range(2):
        store = open_store("test", "source", 1, 4, never)
    assert hashed == ["indptr", "label", "group"]
    for again in (store, open_store("test", "source", 1, 4, never)):
        assert len(again.t) == len(again.unit)
    assert hashed == ["indptr", "label", "group", "t", "unit"]


def test_a_cache_that_cannot_be_read_now_is_not_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make().folder

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "t.npy")

    with monkeypatch.context() as patch:
        patch.setattr(stores.np, "load", full)
        with pytest.raises(MachineFault, match=r"cannot read t\.npy: Too many open files; raise `ulimit -n`"):
            open_store("test", "source", 1, 4, never)
    assert open_store("test", "source", 1, 4, never).folder == folder


def test_a_store_goes_to_another_process_whole() -> None:
    store = pickle.loads(pickle.dumps(make(WEIGHTED)))
    assert (store.t.tolist(), store.weight.tolist()) == ([1, 3, 2], [2, 5, 1])


def test_an_error_while_parsing_leaves_the_cache_untouched(cache: Path) -> None:
    kept = make(name="kept")

    def parse() -> Iterator[Recording]:
        yield TWO[0]
        raise DataCorrupt("second recording is damaged")

    with pytest.raises(DataCorrupt, match="second recording"):
        open_store("test", "source", 1, 4, parse)
    assert [entry.name for entry in cache.iterdir() if entry.is_dir()] == [kept.folder.name]
    assert open_store("kept", "source", 1, 4, never).t.tolist() == kept.t.tolist()


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(stores._Column):
        def append(self, values: np.ndarray) -> None:  # noqa: ARG002
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stores, "_Column", Full)
    with pytest.raises(MachineFault, match="No space left on device; free some space"):
        make()
    assert [entry.name for entry in cache.iterdir() if entry.is_dir()] == []
    monkeypatch.undo()
    monkeypatch.setenv("LIF_ROLES_CACHE", str(cache.parent))
    assert len(make()) == 3


def test_a_cache_that_is_a_file_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "file"))
    with pytest.raises(MachineFault, match="LIF_ROLES_CACHE"):
        make()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_still_gives_what_is_in_it(cache: Path) -> None:
    make()
    cache.chmod(0o500)
    try:
        assert open_store("test", "source", 1, 4, never).t.tolist() == [0, 5, 5, 7]
        with pytest.raises(MachineFault, match="Permission denied"):
            make(version=2)
    finally:
        cache.chmod(0o700)


def test_left_overs_of_a_killed_process_are_removed(cache: Path) -> None:
    folder = make().folder
    shutil.rmtree(folder)
    old, young = cache / "other.partial-abc", cache / f"{folder.name}.partial-abc"
    for left in (old, young):
        left.mkdir()
        (left / "t.npy").touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    make()
    assert not old.exists()
    assert young.exists()  # another machine may be writing it
    memo = cache / "sources" / ".abc.123-0011aabb.part"
    memo.parent.mkdir()
    memo.touch()
    os.utime(memo, (1, 1))
    source = cache / "source"
    source.touch()
    os.utime(source, (1, 1))
    fingerprint([source], cache)
    assert not memo.exists()


_BUILDER = """
import sys, time
import numpy as np
from suite.datasets.events.store import Recording, open_store
def parse():
    print("parsing", flush=True)
    for i in range(20):
        time.sleep(0.02)
        yield Recording(np.arange(50), np.arange(50), i)
store = open_store("race", "source", 1, 64, parse)
print(int(store.t.sum()), len(store), flush=True)
"""


def test_processes_that_build_at_once_build_once() -> None:
    command = [sys.executable, "-c", _BUILDER]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    output = [process.communicate(timeout=120)[0].split() for process in running]
    assert all(process.returncode == 0 for process in running)
    assert sum("parsing" in words for words in output) == 1
    assert {tuple(words[-2:]) for words in output} == {(str(20 * 49 * 25), "20")}


def test_a_killed_builder_leaves_nothing_that_is_read(cache: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _BUILDER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "parsing\n"
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert [entry for entry in cache.iterdir() if entry.is_dir() and ".partial-" not in entry.name] == []
    done = subprocess.run([sys.executable, "-c", _BUILDER], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split()[-1] == "20"
    assert len([entry for entry in cache.iterdir() if entry.is_dir() and ".partial-" not in entry.name]) == 1


def test_fingerprint_follows_names_and_contents(tmp_path: Path) -> None:
    def made(folder: str, name: str, content: bytes) -> str:
        file = tmp_path / folder / name
        file.parent.mkdir()
        file.write_bytes(content)
        return fingerprint([file], file.parent)

    a = made("1", "a", b"xx")
    assert made("2", "a", b"xx") == a  # wherever it lies
    assert made("3", "b", b"xx") != a
    assert made("4", "a", b"xy") != a


def test_fingerprint_is_remembered_only_for_files_at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"xx")
    first = fingerprint([file], tmp_path)
    stat = file.stat()
    file.write_bytes(b"yy")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as two changes within one tick of the clock
    second = fingerprint([file], tmp_path)
    assert second != first
    os.utime(file, (1, 1))
    assert fingerprint([file], tmp_path) == second
    monkeypatch.setattr(sources, "sha256", lambda _file: pytest.fail("read again"))
    assert fingerprint([file], tmp_path) == second


def test_a_store_is_not_made_again_from_files_that_changed_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(b"0123")
    os.utime(source, (1, 1))

    def opened() -> list[object]:
        parse = lambda: [recording(list(source.read_bytes()), [0] * 4)]  # noqa: E731
        return values(open_files("test", [source], tmp_path, 1, 4, parse))

    first = opened()
    monkeypatch.setattr(sources, "_hashed", set())  # as in another process
    flip(source, 0)
    os.utime(source, (1, 1))
    assert opened() == first
    (made,) = (path.parent for path in (tmp_path / "cache" / "events").glob("test-*/t.npy"))
    shutil.rmtree(made)
    with pytest.raises(DataCorrupt, match="files have changed since they were first read"):
        opened()
    assert opened() != first  # what it is now, under another name
    assert not made.exists()


def test_fingerprint_of_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"cannot read .*gone: No such file"):
        fingerprint([tmp_path / "gone"], tmp_path)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 99)), max_size=20), st.integers(0, 9)),
        min_size=1,
        max_size=6,
    )
)
def test_any_recordings_come_back_sorted(samples: list[tuple[list[tuple[int, int]], int]]) -> None:
    parsed = [recording([t for t, _ in events], [u for _, u in events], label) for events, label in samples]
    store = open_store("any", json.dumps(samples), 1, 100, lambda: parsed)
    for i, (events, label) in enumerate(samples):
        part = slice(store.indptr[i], store.indptr[i + 1])
        assert list(zip(store.t[part].tolist(), store.unit[part].tolist(), strict=True)) == sorted(
            events, key=lambda event: event[0]
        )
        assert store.label[i] == label
