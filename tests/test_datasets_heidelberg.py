"""The Heidelberg HDF5 layout: read exactly, damaged files refused, splits by speaker."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.datasets import fsdd, shd, ssc
from suite.datasets.events.store import open_store
from suite.datasets.formats import heidelberg as heidelberg_file
from suite.datasets.formats.heidelberg import read, read_safely
from suite.errors import DataCorrupt, DataUnavailable, DataUnreadable, MachineFault
from suite.inputs import Events

Words = list[tuple[list[float], list[int]]]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def write(
    file: Path,
    words: Words,
    labels: list[int],
    speakers: list[int],
    times_dtype: Any = np.float16,
    change: Callable[[h5py.File], None] = lambda file: None,  # noqa: ARG005
    libver: str | None = None,
) -> Path:
    """A file as Cramer et al. publish it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w", libver=libver) as opened:
        times = opened.create_dataset("spikes/times", len(words), dtype=h5py.vlen_dtype(times_dtype))
        units = opened.create_dataset("spikes/units", len(words), dtype=h5py.vlen_dtype(np.uint16))
        for i, (seconds, unit) in enumerate(words):
            times[i], units[i] = np.array(seconds, dtype=times_dtype), np.array(unit, dtype=np.uint16)
        opened["labels"] = np.array(labels, dtype=np.uint16)
        opened["extra/speaker"] = np.array(speakers, dtype=np.uint16)
        opened["extra/keys"] = np.array([b"zero", b"one"])
        change(opened)
    return file


def dataset(
    data: Path, name: str, n_classes: int, splits: tuple[str, ...] = ("train", "test"), speakers: int = 5
) -> None:
    generator = np.random.default_rng(0)
    for split in splits:
        n = n_classes * speakers
        words = []
        for _ in range(n):
            k = int(generator.integers(1, 60))
            words.append((np.sort(generator.uniform(0, 1.2, k)).tolist(), generator.integers(0, 700, k).tolist()))
        who = [i // n_classes for i in range(n)]
        write(data / name.upper() / f"{name}_{split}.h5", words, [i % n_classes for i in range(n)], who)


def test_times_become_microseconds_rounded_down(tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", [([0.0, 0.5, 0.9995117], [0, 699, 5]), ([1.0001], [3])], [0, 1], [7, 2])
    first, second = read(file, 2)
    assert first.t.tolist() == [0, 500_000, 999_511]  # the float16 is 0.99951171875
    assert first.unit.tolist() == [0, 699, 5]
    assert (first.label, first.group, second.label, second.group) == (0, 7, 1, 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_is_read(tmp_path: Path, dtype: Any) -> None:
    file = write(tmp_path / "a.h5", [([0.25, 0.75], [1, 2])], [0], [0], dtype)
    assert next(iter(read(file, 1))).t.tolist() == [250_000, 750_000]


def test_bins_equal_those_of_the_exact_times(data: Path) -> None:
    dataset(data, "shd", 20)
    test = shd.FILES.load(dt_ms=4.0, n_steps=250, binary=False, layout="dense").test
    x = torch.cat([batch.x for batch in test.epoch(16)], dim=1)  # type: ignore[misc]
    with h5py.File(data / "SHD" / "shd_test.h5") as opened:
        for i, (seconds, unit) in enumerate(zip(opened["spikes/times"], opened["spikes/units"], strict=True)):
            step = np.floor(seconds.astype(np.float64) / 0.004).astype(int)
            expected = np.zeros((250, 700), dtype=np.float32)
            np.add.at(expected, (step[step < 250], unit[step < 250]), 1)
            assert np.array_equal(x[:, i].numpy(), expected)


def test_shd_holds_out_a_speaker(data: Path) -> None:
    dataset(data, "shd", 20)
    made = shd.FILES.load()
    assert (made.source, made.n_classes, made.input_shape, made.n_steps) == ("original", 20, (700,), 250)
    assert (len(made.train), len(made.validation), len(made.test)) == (80, 20, 100)
    groups = [set(split.store.group[split.samples].tolist()) for split in (made.train, made.validation)]  # type: ignore[attr-defined]
    assert groups[0].isdisjoint(groups[1])
    assert len(groups[1]) == 1
    others = {shd.FILES.load(split_seed=seed).data_hash for seed in range(3)}
    assert len(others) == 3
    assert shd.FILES.load().data_hash == made.data_hash


def test_ssc_uses_its_validation_file(data: Path) -> None:
    dataset(data, "ssc", 35, ("train", "valid", "test"), speakers=2)
    made = ssc.FILES.load(dt_ms=1, n_steps=1000)
    assert (len(made.train), len(made.validation), len(made.test)) == (70, 70, 70)
    assert made.validation.store.folder.name.startswith("ssc-valid")  # type: ignore[attr-defined]
    assert made.n_steps == 1000


def test_dense_and_events_are_the_same(data: Path) -> None:
    dataset(data, "fsdd", 10)
    made = fsdd.FILES.load()
    assert made.source == "FSDD spikes"
    for a, b in zip(made.test.epoch(7), fsdd.FILES.load(layout="dense").test.epoch(7), strict=True):
        assert isinstance(a.x, Events)
        assert torch.equal(a.x.dense(), b.x)  # type: ignore[arg-type]


def test_a_changed_file_is_another_dataset(data: Path) -> None:
    dataset(data, "fsdd", 10)
    before = fsdd.FILES.load()
    words: Words = [([0.1 * (i + 1)], [i]) for i in range(10)]
    write(data / "FSDD" / "fsdd_test.h5", words, list(range(10)), [0] * 10)
    after = fsdd.FILES.load()
    assert after.data_hash != before.data_hash
    assert (len(before.test), len(after.test)) == (50, 10)


def test_options_are_checked(data: Path) -> None:
    dataset(data, "fsdd", 10)
    for options, message in (
        ({"dt_ms": 0}, "dt_ms = 0"),
        ({"n_steps": 0}, "n_steps is a whole number from 1 to 1,000,000, not 0"),
        ({"layout": "sparse"}, "layout = 'sparse'"),
        ({"source": "real"}, "source is"),
        ({"split_seed": -1}, "split_seed"),
    ):
        with pytest.raises(ValueError, match=message):
            fsdd.FILES.load(**options)
    with pytest.raises(TypeError, match="window"):
        fsdd.FILES.load(window=3)


def test_missing_files(data: Path) -> None:
    with pytest.raises(DataUnavailable, match="lif-roles data get shd"):
        shd.FILES.load(source="original")
    dataset(data, "shd", 20, ("train",))
    for source in ("auto", "original"):
        with pytest.raises(DataUnavailable, match=r"SHD lacks shd_test\.h5"):
            shd.FILES.load(source=source)


def test_a_class_without_recordings(data: Path) -> None:
    dataset(data, "shd", 19)
    with pytest.raises(DataCorrupt, match="no recording of class 19; there must be 20 classes"):
        shd.FILES.load()


def set_unit(file: h5py.File) -> None:
    file["spikes/units"][1] = np.array([3, 700], dtype=np.uint16)


def set_time(value: float) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file["spikes/times"][1] = np.array([0.1, value], dtype=np.float16)

    return change


def replace(name: str, values: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        if values is not None:
            file[name] = values

    return change


def shorter(file: h5py.File) -> None:
    file["spikes/times"][1] = np.array([0.1], dtype=np.float16)


def integer_times(file: h5py.File) -> None:
    del file["spikes/times"]
    times = file.create_dataset("spikes/times", 2, dtype=h5py.vlen_dtype(np.int32))
    times[0] = times[1] = np.array([1, 2], dtype=np.int32)


WRONG = {
    "unit": (set_unit, "recording 1: unit 700; units are 0 to 699"),
    "negative": (set_time(-0.1), r"recording 1: a spike at -0\.09"),
    "nan": (set_time(float("nan")), "recording 1: a spike at nan s"),
    "infinite": (set_time(float("inf")), "recording 1: a spike at inf s"),
    "lengths": (shorter, "recording 1: times of shape"),
    "label": (replace("labels", np.array([0, 2], dtype=np.uint16)), "labels is 2 at 1; allowed: 0 to 1"),
    "label sign": (replace("labels", np.array([0, -1])), "labels is -1"),
    "label type": (replace("labels", np.array([0.0, 1.0])), "labels is float64; it must be integer"),
    "fewer labels": (replace("labels", np.array([0])), "2 recordings of times, 2 of units, 1 labels, 2 speakers"),
    "no labels": (replace("labels", None), "has no one-dimensional array 'labels'"),
    "2-D labels": (replace("labels", np.zeros((2, 2), int)), "has no one-dimensional array 'labels'"),
    "no units": (replace("spikes/units", None), "has no one-dimensional array 'spikes/units'"),
    "flat times": (replace("spikes/times", np.zeros(2)), "has no array for each recording"),
    "integer times": (integer_times, "times are int32"),
    "text labels": (replace("labels", np.array([b"a", b"b"])), "labels is"),
    "speakers": (replace("extra/speaker", np.array([1])), "1 speakers"),
    "speaker": (replace("extra/speaker", np.array([1, -2])), "speaker is -2"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused(wrong: str, tmp_path: Path) -> None:
    change, message = WRONG[wrong]
    file = write(tmp_path / "a.h5", [([0.1, 0.2], [0, 1]), ([0.1, 0.3], [5, 6])], [0, 1], [0, 1], change=change)
    with pytest.raises(DataCorrupt, match=message):
        build(file, 2)


SECRET = Path(__file__).parent / "test_datasets_heidelberg.py"
"""A file of somebody's that no dataset should show to anyone."""


def link(name: str, to: Any) -> Callable[[h5py.File], None]:
    """`name` leads to another file, which has the same arrays."""

    def change(file: h5py.File) -> None:
        file.move(name, "kept")
        with h5py.File(f"{file.filename}.other", "w") as other:
            file.copy(file["kept"], other, name)
        file[name] = to

    return change


def external(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, 2, dtype="u1", external=[(str(SECRET), 0, 2)])

    return change


def virtual(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        with h5py.File(f"{file.filename}.other", "w") as other:
            file.copy(file[name], other, name)
        layout = h5py.VirtualLayout(shape=(2,), dtype=file[name].dtype, maxshape=(None,))
        source = h5py.VirtualSource(f"{file.filename}.other", name, shape=(2,), maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        del file[name]
        file.create_virtual_dataset(name, layout)

    return change


def by_way_of_a_group(file: h5py.File) -> None:
    link("spikes", h5py.ExternalLink(f"{file.filename}.other", "spikes"))(file)
    file["way"] = h5py.SoftLink("/spikes")
    del file["labels"]
    file["labels"] = h5py.SoftLink("way/units")


ELSEWHERE = {
    "labels stored outside": (external("labels"), "labels are stored in another file, '.*test_datasets_heidelberg.py'"),
    "speakers stored outside": (external("extra/speaker"), "extra/speaker are stored in another file"),
    "a virtual array": (virtual("labels"), "labels is a virtual dataset, put together from other files"),
    "virtual times": (virtual("spikes/times"), "spikes/times is a virtual dataset"),
    "a link": (link("labels", h5py.ExternalLink("a.h5.other", "labels")), r"link to another file, 'a\.h5\.other'"),
    "a linked group": (
        link("spikes", h5py.ExternalLink("a.h5.other", "spikes")),
        "'spikes', on the way to spikes/times",
    ),
    "speakers": (link("extra", h5py.ExternalLink("a.h5.other", "extra")), "'extra', on the way to extra/speaker"),
    "a link over links": (by_way_of_a_group, "'spikes', on the way to spikes/times, is a link to another file"),
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_what_leads_to_another_file_is_refused_before_that_is_opened(elsewhere: str, tmp_path: Path) -> None:
    change, message = ELSEWHERE[elsewhere]
    file = write(tmp_path / "a.h5", [([0.1, 0.2], [0, 1]), ([0.1, 0.3], [5, 6])], [0, 1], [0, 1], change=change)
    with pytest.raises(DataCorrupt, match=message):
        list(read(file, 256))
    other = tmp_path / "a.h5.other"
    if other.exists():  # a pipe would never open
        other.unlink()
        os.mkfifo(other)
        with pytest.raises(DataCorrupt, match=message):
            list(read(file, 256))


def test_links_within_the_file_are_followed(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file.move("spikes", "kept/in/here")
        file["spikes"] = h5py.SoftLink("/kept/there/here")
        file["kept/there"] = h5py.SoftLink("in")
        file.move("labels", "kept/label")
        file["labels"] = h5py.SoftLink("kept/label")

    file = write(tmp_path / "a.h5", [([0.1], [3]), ([0.2], [4])], [0, 1], [0, 1], change=change)
    assert [(made.unit.tolist(), made.label) for made in read(file, 2)] == [([3], 0), ([4], 1)]


@pytest.mark.parametrize("to", ["labels", "nowhere", "/extra/keys/in/an/array"])
def test_a_link_that_leads_nowhere_is_refused(to: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [3])], [0], [0], change=replace("labels", h5py.SoftLink(to)))
    with pytest.raises(DataCorrupt, match=r"more than 16 links lead to labels|no one-dimensional array 'labels'"):
        list(read(file, 1))


@pytest.mark.parametrize("block", [0, 512, 4096])
@pytest.mark.parametrize("chunks", [None, (1,)])
def test_a_user_block_is_no_damage(block: int, chunks: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.h5"  # as h5jam and MATLAB make it
    with h5py.File(file, "w", userblock_size=block) as opened:
        for name, kind, values in (("times", "f4", [0.1, 0.2]), ("units", "u2", [3, 4])):
            array = opened.create_dataset(f"spikes/{name}", (2,), dtype=h5py.vlen_dtype(kind), chunks=chunks)
            for i in range(2):
                array[i] = np.array(values, kind)
        opened["labels"] = np.array([0, 1], "u2")
    assert [made.t.tolist() for made in read(file, 2)] == [[100_000, 200_000]] * 2


def test_a_damaged_heap_behind_a_user_block_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    with h5py.File(file, "w", userblock_size=512) as opened:
        for name, kind in (("times", "f4"), ("units", "u2")):
            opened.create_dataset(f"spikes/{name}", (1,), dtype=h5py.vlen_dtype(kind))[0] = np.array([1], kind)
        opened["labels"] = np.array([0], "u2")
    file.write_bytes(file.read_bytes().replace(b"GCOL", b"GCOP"))
    with pytest.raises(DataCorrupt, match="are damaged; get it again"):
        list(read(file, 1))


def test_a_file_that_is_locked_is_not_damaged(tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [3])], [0], [0])
    hold = f"import h5py; held = h5py.File({str(file)!r}, 'r+'); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for reads in (read, read_safely):
            with pytest.raises(
                DataUnreadable, match=r"cannot read .*a\.h5: .*; it is locked, as another program has it"
            ):
                list(reads(file, 1))
        other.communicate(b"\n")
    assert len(list(read_safely(file, 1))) == 1


def test_a_file_that_a_writer_died_on_is_not_damaged(tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [3])], [0], [0], libver="latest")
    die = f"import h5py, os; h = h5py.File({str(file)!r}, 'r+', libver='latest'); h.flush(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", die], check=False)
    with pytest.raises(MachineFault, match=r"a\.h5: it says that a program has it open for writing; .*h5clear -s"):
        list(read(file, 1))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "give yourself the right"),
        (errno.EMFILE, "raise `ulimit -n`"),
        (errno.EIO, "the disk or the network"),
    ],
)
def test_a_file_that_cannot_be_read_now_is_not_damaged(
    number: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [3])], [0], [0])

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, f"Unable to open file (errno = {number}, flags = 0)")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(MachineFault, match=rf"cannot read .*a\.h5: {os.strerror(number)}; {message}"):
        list(read(file, 1))


def test_a_file_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    for reads in (read, read_safely):
        with pytest.raises(DataUnavailable, match=r"cannot read .*a\.h5: No such file"):
            list(reads(tmp_path / "a.h5", 1))


def build(file: Path, n_classes: int) -> None:
    """Everything that happens between a file and its store."""
    open_store("any", file.name, 1, 700, lambda: read(file, n_classes))


def test_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(DataCorrupt, match="no recordings"):
        build(write(tmp_path / "a.h5", [], [], []), 2)


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(2000)])
def test_no_hdf5(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(DataCorrupt, match=r"a\.h5 is damaged or is no HDF5 file"):
        build(tmp_path / "a.h5", 2)


@pytest.mark.parametrize("chunks", [None, (1,)])
def test_a_recording_that_claims_gigabytes_is_refused_before_it_is_read(chunks: Any, tmp_path: Path) -> None:
    def again(file: h5py.File) -> None:
        del file["spikes/units"]
        units = file.create_dataset("spikes/units", 2, dtype=h5py.vlen_dtype(np.uint16), chunks=chunks)
        units[0] = units[1] = np.array([1, 2, 3], dtype=np.uint16)

    words: Words = [([0.1, 0.2, 0.3], [0, 1, 2])] * 2
    file = write(tmp_path / "a.h5", words, [0, 1], [0, 1], change=again)
    assert len(list(read(file, 2))) == 2
    with h5py.File(file) as opened:
        units = opened["spikes/units"].id
        at = units.get_chunk_info(1).byte_offset if chunks else units.get_offset() + 16
    raw = bytearray(file.read_bytes())
    assert raw[at : at + 4] == bytes([3, 0, 0, 0])
    raw[at + 3] = 0x7F
    file.write_bytes(raw)
    with pytest.raises(DataCorrupt, match=r"/spikes/units claims 4,261,412,8.. bytes in a file of"):
        next(iter(read(file, 2)))


def test_speakers_may_be_missing(tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [0])], [0], [0], change=replace("extra/speaker", None))
    assert next(iter(read(file, 1))).group == -1


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    words: Words = [([0.1, 0.2, 0.4], [0, 1, 699]), ([0.3], [6]), ([], [])]
    return write(tmp_path_factory.mktemp("sound") / "a.h5", words, [0, 1, 1], [0, 1, 2]).read_bytes()


def test_a_file_that_crashes_or_hangs_hdf5_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [0])], [0], [0])
    assert len(list(read_safely(file, 1))) == 1
    monkeypatch.setattr(heidelberg_file.sys, "executable", str(tmp_path / "python"))  # type: ignore[attr-defined]
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nkill -SEGV $$\n")
    script.chmod(0o700)
    with pytest.raises(DataCorrupt, match=r"a\.h5 is damaged: HDF5 crashes"):
        read_safely(file, 1)

    script.write_text("#!/bin/sh\nkill -KILL $$\n")
    with pytest.raises(MachineFault, match=r"cannot try .*a\.h5 in another process: it ended with status -9"):
        read_safely(file, 1)

    def late(*_: object, **__: object) -> None:
        raise heidelberg_file.subprocess.TimeoutExpired("", 120)  # type: ignore[attr-defined]

    monkeypatch.setattr(heidelberg_file.subprocess, "run", late)  # type: ignore[attr-defined]
    with pytest.raises(DataCorrupt, match="HDF5 is not done with it after 120 s"):
        read_safely(file, 1)


def test_one_speaker_alone_is_not_held_out(data: Path) -> None:
    words: Words = [([0.1], [1])] * 60
    for part in ("train", "test"):
        write(data / "SHD" / f"shd_{part}.h5", words, [i % 20 for i in range(60)], [3] * 60)
    made = shd.FILES.load()
    assert (len(made.train), len(made.validation), len(made.test)) == (54, 6, 60)


def test_a_loader_has_a_file_tried_in_another_process(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset(data, "shd", 20)
    tried: list[str] = []

    def tries(file: Path, n_classes: int) -> Any:
        tried.append(file.name)
        return read(file, n_classes)

    monkeypatch.setattr("suite.datasets.events.speech.read_safely", tries)
    shd.FILES.load()
    assert tried == ["shd_train.h5", "shd_test.h5"]


_HEAP_FREE = 8  # bytes from the start of a heap object to its size


def test_a_heap_that_goes_round_in_circles_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.h5", [([0.1], [0])], [0], [0])
    raw = bytearray(file.read_bytes())
    at = raw.index(b"GCOL") + 16
    while int.from_bytes(raw[at : at + 2], "little"):
        at += 16 + -(-int.from_bytes(raw[at + 8 : at + 16], "little") // 8) * 8
    raw[at + _HEAP_FREE : at + _HEAP_FREE + 8] = bytes(8)
    file.write_bytes(raw)
    with pytest.raises(DataCorrupt, match="are damaged; get it again"):
        next(iter(read(file, 1)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_mutated_files_are_read_or_refused(
    sound: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(sound[: data.draw(st.one_of(st.just(len(sound)), st.integers(0, len(sound))))])
    first = raw.find(b"GCOL")  # what comes before is HDF5's own, and may crash it: `read_safely` is for that
    for _ in range(data.draw(st.integers(0, 8))):
        if 0 <= first < len(raw):
            raw[data.draw(st.integers(first, len(raw) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("fuzz") / "a.h5"
    file.write_bytes(raw)
    try:
        recordings = list(read(file, 2))
    except DataCorrupt:
        return
    assert len(recordings) >= 1
    for recording in recordings:
        assert recording.label in (0, 1)
        assert np.all(recording.t >= 0)


@pytest.mark.skipif(
    not Path(os.environ.get("LIF_ROLES_DATA", ""), "FSDD", "fsdd_train.h5").exists(),
    reason="LIF_ROLES_DATA has no FSDD spikes",
)
def test_fsdd_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIF_ROLES_DATA", REAL)
    made = fsdd.FILES.load()
    assert (made.source, len(made.train), len(made.validation), len(made.test)) == ("FSDD spikes", 2250, 450, 300)
    events = np.diff(made.train.store.indptr)  # type: ignore[attr-defined]
    assert 3900 < events.mean() < 4200


REAL = os.environ.get("LIF_ROLES_DATA", "")
