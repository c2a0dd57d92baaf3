"""N-MNIST's .bin files, DVS128 Gesture's .aedat and .npy files: byte for byte, and damaged."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.datasets import dvs128_gesture, n_mnist
from suite.datasets.formats import aedat, atis, gesture
from suite.errors import DataCorrupt, DataUnavailable

REAL = os.environ.get("LIF_ROLES_DATA", "")
XYTP = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


# N-MNIST


def test_atis_byte_by_byte() -> None:
    data = bytes([3, 5, 0x80, 0x01, 0x02, 33, 33, 0x7F, 0xFF, 0xFF])
    t, unit = atis.parse(data, "")
    assert t.tolist() == [0x0102, 0x7FFFFF]
    assert unit.tolist() == [1156 + 5 * 34 + 3, 33 * 34 + 33]


def test_atis_clock_wraps() -> None:
    wrap = bytes([7, 240, 0, 0, 0])  # x is not looked at
    data = bytes([1, 0, 0, 0, 9]) + wrap + wrap + bytes([2, 0, 0, 0, 3]) + wrap
    t, unit = atis.parse(data, "")
    assert t.tolist() == [9, 2 * 8192 + 3]
    assert unit.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no events"),
        (bytes([1, 240, 0, 0, 0]), "has no events"),
        (bytes(6), "has 6 bytes, not a multiple of 5: it is cut in an event"),
        (bytes(5) + bytes([34, 0, 0, 0, 0]), r"event 1 is at \(34, 0\); the camera has 34 x 34 pixels"),
        (bytes([0, 34, 0, 0, 0]), r"event 0 is at \(0, 34\)"),
        (bytes([0, 239, 0, 0, 0]), r"event 0 is at \(0, 239\)"),
    ],
)
def test_atis_damaged(data: bytes, message: str) -> None:
    with pytest.raises(DataCorrupt, match=message):
        atis.parse(data, "x.bin")


addresses = st.tuples(
    st.integers(0, 33),
    st.one_of(st.integers(0, 33), st.just(240)),
    st.integers(0, 255),
    st.binary(min_size=2, max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(addresses, min_size=1, max_size=30).filter(lambda events: any(y < 34 for _, y, _, _ in events)))
def test_atis_equals_tonic(events: list[tuple[int, int, int, bytes]]) -> None:
    from tonic.io import read_mnist_file

    data = b"".join(bytes([x, y, high]) + low for x, y, high, low in events)
    theirs = read_mnist_file(io.BytesIO(data), dtype=XYTP, is_stream=True)
    t, unit = atis.parse(data, "")
    assert t.tolist() == theirs["t"].tolist()
    assert unit.tolist() == (theirs["p"] * 1156 + theirs["y"] * 34 + theirs["x"]).tolist()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_atis_any_bytes(data: bytes) -> None:
    try:
        t, unit = atis.parse(data, "")
    except DataCorrupt:
        return
    assert 0 < len(t) == len(unit) <= len(data) // 5
    assert unit.max() < 2312


def test_atis_round_trip() -> None:
    generator = np.random.default_rng(0)
    x, y, p, t = (generator.integers(0, high, 100) for high in (34, 34, 2, 1 << 23))
    assert [a.tolist() for a in atis.parse(atis.encode(x, y, p, t), "")] == [
        t.tolist(),
        ((p * 34 + y) * 34 + x).tolist(),
    ]


def write_n_mnist(data: Path, train: int = 20, test: int = 10) -> None:
    generator = np.random.default_rng(1)
    for part, n in (("Train", train), ("Test", test)):
        for i in range(n):
            file = data / "NMNIST" / part / str(i % 10) / f"{i + 1:05}.bin"
            file.parent.mkdir(parents=True, exist_ok=True)
            x, y, p = (generator.integers(0, high, 50) for high in (34, 34, 2))
            file.write_bytes(atis.encode(x, y, p, np.sort(generator.integers(0, 300_000, 50))))


def test_n_mnist(data: Path) -> None:
    write_n_mnist(data)
    made = n_mnist.load()
    assert made.source == "N-MNIST subset (20 + 10)"
    assert (made.n_classes, made.input_shape, made.n_steps) == (10, (2312,), 15)
    assert (len(made.train), len(made.validation), len(made.test)) == (18, 2, 10)
    assert next(iter(made.test.epoch(20))).y.tolist() == list(range(10))
    assert n_mnist.load(polarity=False).input_shape == (1156,)


@pytest.mark.parametrize("dt_ms", [1, 2, 5, 10])
def test_other_time_steps_read_the_same_store(data: Path, dt_ms: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonic.functional import to_frame_numpy
    from tonic.io import read_mnist_file

    write_n_mnist(data)
    trained = n_mnist.load()
    monkeypatch.setattr(atis, "read", lambda _file: pytest.fail("parsed again"))
    for n_steps in (15, round(45 / dt_ms)):
        other = n_mnist.load(dt_ms=dt_ms, n_steps=n_steps, layout="dense", binary=False)
        assert other.test.store.key == trained.test.store.key  # type: ignore[attr-defined]
        assert other.data_hash != trained.data_hash
        x = next(iter(other.test.epoch(10))).x
        assert isinstance(x, torch.Tensor)
        for i, file in enumerate(atis.files(data / "NMNIST" / "Test")):
            events = read_mnist_file(str(file), XYTP)
            end = n_steps * dt_ms * 1000
            frames = to_frame_numpy(events, (34, 34, 2), time_window=dt_ms * 1000, start_time=0, end_time=end)
            assert np.array_equal(frames.reshape(n_steps, -1), x[:, i].numpy())


def test_n_mnist_missing_or_damaged(data: Path) -> None:
    with pytest.raises(DataUnavailable, match="lif-roles data get n_mnist"):
        n_mnist.load(source="original")
    (data / "NMNIST" / "Train").mkdir(parents=True)
    with pytest.raises(DataUnavailable, match="must have both Train and Test"):
        n_mnist.load()
    (data / "NMNIST" / "Test").mkdir()
    with pytest.raises(DataUnavailable, match="has no recordings"):
        n_mnist.load()
    write_n_mnist(data, train=19, test=9)
    with pytest.raises(DataCorrupt, match="no recording of class 9"):
        n_mnist.load()
    write_n_mnist(data)
    cut = data / "NMNIST" / "Train" / "3" / "00004.bin"
    cut.write_bytes(cut.read_bytes()[:-2])
    with pytest.raises(DataCorrupt, match=r"3.00004\.bin has 248 bytes"):
        n_mnist.load()


def test_a_huge_recording_is_refused_before_it_is_read(data: Path) -> None:
    write_n_mnist(data)
    huge = data / "NMNIST" / "Train" / "3" / "00004.bin"
    os.truncate(huge, 1 << 40)
    with pytest.raises(DataCorrupt, match="a recording has at most"):
        atis.read(huge)


# DVS128 Gesture


def packet(events: list[tuple[int, int, int, int]], **change: int) -> bytes:
    """As the AEDAT 3.1 specification says: type, source, size, offset, overflow, capacity, number, valid, events."""
    head = {"type": 1, "source": 1, "size": 8, "offset": 4, "overflow": 0, "capacity": len(events)}
    head |= {"number": len(events), "valid": len(events)} | change
    body = b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for x, y, p, t in events)
    return struct.pack("<HHIIIIII", *head.values()) + body


HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Start-Time: 2016\r\n#!END-HEADER\r\n"


def test_aedat_byte_by_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.aedat"
    other = packet([(0, 0, 0, 5)], type=0)
    file.write_bytes(HEADER + packet([(1, 2, 1, 100), (127, 0, 0, 101)]) + other + packet([(5, 6, 1, 7)], overflow=1))
    assert aedat.read(file).tolist() == [[1, 2, 1, 100], [127, 0, 0, 101], [5, 6, 1, 7 + 2**31]]


def test_aedat_equals_spikingjelly(tmp_path: Path) -> None:
    from spikingjelly.datasets.utils import load_aedat_v3

    generator = np.random.default_rng(0)
    events = np.stack([generator.integers(0, high, 500) for high in (128, 128, 2, 2**31)], axis=1)
    file = tmp_path / "a.aedat"
    file.write_bytes(aedat.encode(events, packet=77))
    theirs = load_aedat_v3(file)
    assert np.array_equal(aedat.read(file), np.stack([theirs[name] for name in "xypt"], axis=1))
    assert np.array_equal(aedat.read(file), events)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not start with"),
        (b"#!AER-DAT2.0\r\n", "does not start with"),
        (HEADER + packet([(0, 0, 0, 0)])[:20], "cut in the packet header"),
        (HEADER + packet([(0, 0, 0, 0)])[:-1], "is cut: the packet at byte"),
        (HEADER + packet([(0, 0, 0, 0)], capacity=2**32 - 1), "is cut: the packet at byte"),
        (HEADER + packet([(0, 0, 0, 0)], size=4, capacity=2), "polarity events of 4 bytes"),
    ],
)
def test_aedat_damaged(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.aedat").write_bytes(content)
    with pytest.raises(DataCorrupt, match=message):
        aedat.read(tmp_path / "a.aedat")


def test_aedat_packets_may_have_room_left(tmp_path: Path) -> None:
    """Room for 5 events, 2 are there."""
    header, body = np.zeros(1, aedat._HEADER), np.zeros(5, aedat._EVENT)
    header["type"], header["source"], header["size"], header["offset"] = 1, 1, 8, 4
    header["capacity"], header["number"], header["valid"] = 5, 2, 2
    body["address"][:2], body["time"][:2] = 7 << 17 | 9 << 2 | 3, (1000, 2000)
    file = tmp_path / "a.aedat"
    start = b"#!AER-DAT3.1\r\n#!END-HEADER\r\n"
    file.write_bytes(start + header.tobytes() + body.tobytes())
    assert aedat.read(file).tolist() == [[7, 9, 1, 1000], [7, 9, 1, 2000]]
    header["number"] = 6
    file.write_bytes(start + header.tobytes() + body.tobytes())
    with pytest.raises(DataCorrupt, match="6 events in room for fewer"):
        aedat.read(file)


def test_labels_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "user01_led_labels.csv"
    file.write_bytes(b"\xef\xbb\xbfclass,startTime_usec,endTime_usec\r\n1,1000,2000\r\n")
    assert list(gesture._read_labels(file)) == [(1, 1000, 2000)]


def test_hidden_files_are_no_recordings(tmp_path: Path) -> None:
    for name in ("00001.bin", "._00001.bin", ".DS_Store.bin"):
        (tmp_path / "3").mkdir(exist_ok=True)
        (tmp_path / "3" / name).write_bytes(bytes([1, 2, 0x80, 0, 5]))
    assert [file.name for file in atis.files(tmp_path)] == ["00001.bin"]
    folder, _ = gesture.folders(tmp_path, "official")
    (folder / "user01_led").mkdir(parents=True)
    for name in ("0.npy", "._0.npy"):
        (folder / "user01_led" / name).write_bytes(b"")
    assert [file.name for file in gesture.files(tmp_path, "official", "train")] == ["0.npy"]


def write_aedat(data: Path, users: dict[str, list[str]]) -> Path:
    folder = data / "DVSGesture" / "DvsGesture"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(2)
    for part, names in users.items():
        (folder / f"trials_to_{part}.txt").write_text("".join(f"{name}.aedat\n" for name in names))
        for name in names:
            n = 11 * 500
            events = np.stack([*(generator.integers(0, high, n) for high in (128, 128, 2)), np.arange(n) * 10], axis=1)
            (folder / f"{name}.aedat").write_bytes(aedat.encode(events, packet=100))
            rows = [f"{label + 1},{label * 5000},{label * 5000 + 4000}" for label in range(11)]
            rows.append("8,10,2000")  # some recordings have a gesture twice, and times that overlap
            (folder / f"{name}_labels.csv").write_text("\n".join(["class,startTime_usec,endTime_usec", *rows]) + "\n")
    return folder


USERS = {"train": ["user01_led", "user02_lab", "user03_natural"], "test": ["user24_led"]}


def test_gesture_from_aedat_equals_spikingjelly(data: Path, tmp_path: Path) -> None:
    from spikingjelly.datasets.dvs128_gesture import _split_aedat_files_to_np
    from spikingjelly.datasets.utils import integrate_events_by_fixed_frames_number

    folder = write_aedat(data, USERS)
    made = dvs128_gesture.load(split="spikingjelly", pool=1, layout="dense", n_frames=7)
    assert (len(made.train), len(made.validation), len(made.test)) == (24, 12, 12)
    assert (made.source, made.n_classes, made.n_steps) == ("original", 11, 7)
    x, y = ((batch := next(iter(made.test.epoch(12)))).x, batch.y)
    assert isinstance(x, torch.Tensor)
    assert y.tolist() == [*range(11), 7]
    for label in range(11):
        (tmp_path / str(label)).mkdir()
    _split_aedat_files_to_np("user24_led", folder / "user24_led.aedat", folder / "user24_led_labels.csv", tmp_path)
    seen: dict[int, int] = {}
    for i, label in enumerate(y.tolist()):
        number = seen[label] = seen.get(label, -1) + 1
        with np.load(tmp_path / str(label) / f"user24_led_{number}.npz") as events:
            frames = integrate_events_by_fixed_frames_number(dict(events), "number", 7, 128, 128)
        assert np.array_equal(frames.reshape(7, -1), x[:, i].numpy())
    pooled = dvs128_gesture.load(split="spikingjelly", layout="dense", n_frames=7)
    assert pooled.input_shape == (2048,)
    summed = x.view(7, 12, 2, 32, 4, 32, 4).sum((4, 6)).view(7, 12, 2048)
    assert torch.equal(next(iter(pooled.test.epoch(12))).x, summed)  # type: ignore[arg-type]


def test_gesture_holds_out_people(data: Path) -> None:
    write_aedat(data, USERS)
    made = dvs128_gesture.load()
    people = [set(split.store.group[split.samples].tolist()) for split in (made.train, made.validation, made.test)]  # type: ignore[attr-defined]
    assert [len(some) for some in people] == [2, 1, 1]
    assert set.union(*people) == {1, 2, 3, 24}
    assert people[2] == {24}


def write_npy(data: Path, **change: Any) -> None:
    generator = np.random.default_rng(3)
    for part, users in (("Train", (1, 2, 3)), ("Test", (24,))):
        for user in users:
            folder = data / "DVSGesture" / f"ibmGesture{part}" / f"user{user:02}_fluorescent_led"
            folder.mkdir(parents=True)
            for label in range(11):
                events = np.stack(
                    [
                        *(generator.integers(0, high, 90) for high in (128, 128, 2)),
                        3000 + np.sort(generator.integers(0, 6000, 90)),
                    ],
                    axis=1,
                )
                np.save(folder / f"{label}.npy", events.astype(change.get("dtype", np.float64)))


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint16])
def test_gesture_official_equals_tonic(data: Path, dtype: Any) -> None:
    from numpy.lib import recfunctions  # tonic uses it without importing it
    from tonic.datasets import DVSGesture
    from tonic.functional import to_frame_numpy

    assert recfunctions
    write_npy(data, dtype=dtype)
    made = dvs128_gesture.load(split="official", pool=1, layout="dense", n_frames=9, by="number")
    assert (len(made.train), len(made.validation), len(made.test)) == (22, 11, 11)
    x = next(iter(made.test.epoch(11)))
    order = x.y.tolist()
    assert order == sorted(order, key=str)
    if dtype == np.uint16:  # tonic multiplies in place
        return
    theirs = DVSGesture.__new__(DVSGesture)
    folder = data / "DVSGesture" / "ibmGestureTest" / "user24_fluorescent_led"
    theirs.data = [str(folder / f"{label}.npy") for label in order]
    theirs.targets = order
    theirs.transform = theirs.target_transform = theirs.transforms = None
    for i in range(11):
        events, label = theirs[i]
        assert label == order[i]
        frames = to_frame_numpy(events, (128, 128, 2), event_count=10)
        assert np.array_equal(frames.reshape(9, -1), x.x[:, i].numpy())  # type: ignore[index]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (np.zeros((0, 4)), "no events"),
        (np.zeros((3, 3)), "is no array of numbers"),
        (np.zeros(4), "is no array of numbers"),
        (np.array([["a"] * 4]), "is no array of numbers"),
        (np.array([[128, 0, 0, 0]]), "x = 128; it is 0 to 127"),
        (np.array([[0, -1, 0, 0]]), "y = -1"),
        (np.array([[0, 0, 2, 0]]), "polarity = 2; it is 0 to 1"),
        (np.array([[0, 0.5, 0, 0]]), "no whole numbers"),
        (np.array([[0, np.nan, 0, 0]]), "no whole numbers"),
        (np.array([[0, 0, 0, 1e300]]), "no whole numbers"),
        (np.array([[0, 0, 0, 0], [0, 0, 0, 2**40]]), "an event at"),
    ],
)
def test_gesture_npy_damaged(data: Path, events: np.ndarray, message: str) -> None:
    write_npy(data)
    np.save(data / "DVSGesture" / "ibmGestureTrain" / "user02_fluorescent_led" / "4.npy", events)
    with pytest.raises(DataCorrupt, match=message):
        dvs128_gesture.load(split="official")


def test_gesture_npy_with_code_in_it_is_refused(data: Path) -> None:
    write_npy(data)
    file = data / "DVSGesture" / "ibmGestureTrain" / "user02_fluorescent_led" / "4.npy"
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataCorrupt, match=r"4\.npy is no \.npy file"):
        dvs128_gesture.load(split="official")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must start with the line"),
        ("1,2,3\n", "must start with the line"),
        ("class,a,b\n1,2\n", "line 2: '1,2' is not class,start,end"),
        ("class,a,b\n1,2,-3\n", "is not class,start,end"),
        ("class,a,b\n12,2,3\n", "class 12 from 2 to 3; classes are 1 to 11"),
        ("class,a,b\n0,2,3\n", "class 0"),
        ("class,a,b\n1,5,5\n", "a sample ends after it starts"),
        ("class,a,b\n1,900000,900001\n", "line 2 of its labels: no events"),
        ("class,a,b\n\xe9,5,5\n", "is no text"),
    ],
)
def test_gesture_labels_damaged(data: Path, text: str, message: str) -> None:
    folder = write_aedat(data, USERS)
    (folder / "user02_lab_labels.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DataCorrupt, match=message):
        dvs128_gesture.load()


@pytest.mark.parametrize("name", ["../user01_led.aedat", "/etc/passwd", "user01_led", "user01_.aedat/../../x.aedat"])
def test_gesture_trials_stay_in_their_folder(data: Path, name: str) -> None:
    folder = write_aedat(data, USERS)
    (folder / "trials_to_train.txt").write_text(f"{name}\n")
    with pytest.raises(DataCorrupt, match="which is no recording"):
        dvs128_gesture.load()


def test_gesture_missing(data: Path) -> None:
    with pytest.raises(DataUnavailable, match="lif-roles data get dvs128_gesture"):
        dvs128_gesture.load(source="original")
    folder = write_aedat(data, USERS)
    for source in ("auto", "original"):
        with pytest.raises(DataUnavailable, match="has the spikingjelly split of dvs128_gesture, not official"):
            dvs128_gesture.load(split="official", source=source)
    (folder / "user02_lab_labels.csv").unlink()
    with pytest.raises(DataUnavailable, match=r"lacks user02_lab_labels\.csv and 0 more"):
        dvs128_gesture.load()
    (folder / "trials_to_test.txt").write_text("\n")
    with pytest.raises(DataCorrupt, match="lists no recordings"):
        gesture.files(data, "spikingjelly", "test")
    (folder / "trials_to_test.txt").unlink()
    with pytest.raises(DataUnavailable, match=r"trials_to_test\.txt"):
        gesture.files(data, "spikingjelly", "test")


def test_gesture_options() -> None:
    for options, message in (
        ({"split": "mine"}, "split = 'mine'"),
        ({"by": "count"}, "by = 'count'"),
        ({"n_frames": 0}, "n_frames is a whole number from 1 to 1,000,000, not 0"),
        ({"pool": 0}, "pool is a whole number from 1, not 0"),
        ({"pool": 129}, "pool = 129"),
        ({"layout": "x"}, "layout = 'x'"),
    ):
        with pytest.raises(ValueError, match=message):
            dvs128_gesture.load(**options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    events = np.stack([*(generator.integers(0, high, 30) for high in (128, 128, 2)), np.arange(30) * 10], axis=1)
    npy = io.BytesIO()
    np.save(npy, events)
    return {"aedat": aedat.encode(events, packet=9), "npy": npy.getvalue()}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["aedat", "npy"]), st.data())
def test_mutated_files_are_read_or_refused(
    sound: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    whole = sound[kind]
    raw = bytearray(whole[: data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))])
    for _ in range(data.draw(st.integers(0, 6))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("fuzz") / "user01_led"
    folder.mkdir()
    try:
        if kind == "aedat":
            (folder / "user01_led.aedat").write_bytes(raw)
            (folder / "l.csv").write_text("class,start,end\n3,0,1000\n")
            (recording,) = gesture.read("spikingjelly", [folder, folder / "user01_led.aedat", folder / "l.csv"])
        else:
            (folder / "3.npy").write_bytes(raw)
            (recording,) = gesture.read("official", [folder / "3.npy"])
    except DataCorrupt:
        return
    assert 0 < len(recording.t) == len(recording.unit)
    assert recording.unit.min() >= 0
    assert recording.unit.max() < 2 * 128 * 128


@pytest.mark.skipif(not Path(REAL, "NMNIST", "Train").is_dir() or not REAL, reason="LIF_ROLES_DATA has no N-MNIST")
def test_n_mnist_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIF_ROLES_DATA", REAL)
    made = n_mnist.load()
    assert made.source == "original" or made.source.startswith("N-MNIST subset")
    store = made.train.store  # type: ignore[attr-defined]
    assert 4000 < np.diff(store.indptr).mean() < 4300
    assert 290_000 < store.t.max() < 340_000
