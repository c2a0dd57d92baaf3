"""CIFAR10's files: pickles read without running them, and the JPEG copy."""

from __future__ import annotations

import pickle
import pickletools
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from suite.datasets import cifar10
from suite.datasets.formats import cifar
from suite.errors import DataCorrupt, DataUnavailable

LABELS = np.array([3, 0, 9, 1])
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)


@pytest.fixture
def batch(tmp_path) -> Path:
    path = tmp_path / "data_batch_1"
    cifar.write_batch(path, "training batch 1 of 5", PIXELS, LABELS, ["a.png"] * 4)
    return path


def test_a_batch_is_read_as_written(batch):
    pixels, labels = cifar.read_batch(batch, 4)
    assert np.array_equal(pixels, PIXELS)
    assert np.array_equal(labels, LABELS)
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)


def test_what_is_written_is_what_python_2_wrote(batch):
    """A plain unpickler, as torchvision uses, reads it too, with byte or text keys."""
    content = batch.read_bytes()
    for encoding, key in (("latin1", "data"), ("bytes", b"data")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's on old pickles
            read = pickle.loads(content, encoding=encoding)
        assert np.array_equal(read[key].reshape(PIXELS.shape), PIXELS)
    names = {opcode.name for opcode, _, _ in pickletools.genops(content)}
    assert "SHORT_BINSTRING" in names
    assert "BINUNICODE" not in names


@pytest.mark.parametrize("protocol", range(2, 5))
@pytest.mark.parametrize("as_bytes", [False, True])
def test_batches_pickled_by_python_3_are_read_too(tmp_path, protocol, as_bytes):
    content = {"data": PIXELS.reshape(4, 3072), "labels": LABELS.tolist()}
    if as_bytes:
        content = {key.encode(): value for key, value in content.items()}
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    pixels, labels = cifar.read_batch(path, 4)
    assert np.array_equal(pixels, PIXELS)
    assert np.array_equal(labels, LABELS)


class _Code:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("hidden", [False, True])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, protocol, hidden):
    flag = tmp_path / "flag"
    call = _Code(Path.touch, (flag,)) if hidden else _Code(eval, (f"open({str(flag)!r}, 'w')",))
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": call, "labels": []}, protocol=protocol))
    with pytest.raises(DataCorrupt, match="no CIFAR10"):
        cifar.read_batch(path, 4)
    assert not flag.exists()


BAD = {
    "no dictionary": ([1, 2], "not a dictionary"),
    "no data": ({"labels": [1]}, "'data' is no array"),
    "data of text": ({"data": "x" * 12_288, "labels": [0] * 4}, "'data' is no array"),
    "floats": ({"data": np.zeros((4, 3072)), "labels": [0] * 4}, "'data' is no array"),
    "signed": ({"data": np.zeros((4, 3072), np.int8), "labels": [0] * 4}, "'data' is no array"),
    "objects": ({"data": np.array([[None] * 3072] * 4), "labels": [0] * 4}, "'data' is no array"),
    "Fortran order": ({"data": np.zeros((4, 3072), np.uint8, "F"), "labels": [0] * 4}, "'data' is no array"),
    "other shape": ({"data": np.zeros((2, 6144), np.uint8), "labels": [0] * 4}, "'data' is no array"),
    "too few images": ({"data": np.zeros((3, 3072), np.uint8), "labels": [0] * 4}, "'data' is 9,216 bytes"),
    "too few labels": ({"data": PIXELS.reshape(4, -1), "labels": [0] * 3}, "'labels' is no list"),
    "label 10": ({"data": PIXELS.reshape(4, -1), "labels": [0, 1, 2, 10]}, "'labels' is no list"),
    "label True": ({"data": PIXELS.reshape(4, -1), "labels": [0, 1, 2, True]}, "'labels' is no list"),
    "label text": ({"data": PIXELS.reshape(4, -1), "labels": ["0"] * 4}, "'labels' is no list"),
    "no labels": ({"data": PIXELS.reshape(4, -1)}, "'labels' is no list"),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_wrong_contents_are_named(tmp_path, what):
    content, message = BAD[what]
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataCorrupt, match=message):
        cifar.read_batch(path, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no CIFAR10 batch"),
        (b"<!DOCTYPE html>", "no CIFAR10 batch"),
        (b"\x80\x02}r\xff\xff\xff\xff.", "memo"),  # would ask for 32 GB of memo
        (b"\x80\x02}(" + b"2" * 50 + b".", "opcode DUP"),
        (b"\x80\x02" + b"K\x01" + b"q\x00h\x00\x86" * 80 + b".", "tuples"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02U\x01ibcos\nsystem\n.", "cos|os.system|no CIFAR10"),
    ],
)
def test_hostile_pickles_are_refused_at_once(tmp_path, content, message):
    path = tmp_path / "batch"
    path.write_bytes(content)
    with pytest.raises(DataCorrupt, match=message):
        cifar.read_batch(path, 4)


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "batch"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataCorrupt, match="more than twice"):
        cifar.read_batch(path, 4)


def test_a_missing_batch_is_named(tmp_path):
    with pytest.raises(DataUnavailable, match="data_batch_1"):
        cifar.read_batch(tmp_path / "data_batch_1", 4)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_damage_gets_past_the_reader(tmp_path_factory, data):
    """Cut, changed or inserted bytes: refused, or read as images of the right shape."""
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzz-batch"
    cifar.write_batch(path, "t", PIXELS[:1], LABELS[:1], ["a"])
    content = bytearray(path.read_bytes())
    outside = [i for i in range(len(content)) if not 150 < i < len(content) - 60]  # most bytes are just pixels
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.sampled_from(outside)) % max(len(content), 1)
        how = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if how == "change" and content:
            content[where] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[where : where + data.draw(st.integers(1, 40))]
        else:
            content[where:where] = data.draw(st.binary(min_size=1, max_size=8))
    path.write_bytes(content)
    try:
        pixels, labels = cifar.read_batch(path, 1)
    except DataCorrupt:
        return
    assert pixels.shape == (1, 3, 32, 32)
    assert 0 <= labels[0] <= 9


@given(st.lists(st.sampled_from([bytes([b]) for b in range(256)]), max_size=40).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz-bytes"
    path.write_bytes(b"\x80\x02" + content + b".")
    with pytest.raises(DataCorrupt):
        cifar.read_batch(path, 1)


# The JPEG copy

COUNTS = {"train": 12, "test": 5}


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path / "cache"))
    for part, n in COUNTS.items():
        (tmp_path / "jpeg" / part).mkdir(parents=True)
        for i in range(n):
            name = f"{i:05d}_{cifar.CLASSES[i % 10]}.jpg"
            Image.new("RGB", (32, 32), (20 * i, 10, 200)).save(tmp_path / "jpeg" / part / name)
    return tmp_path / "jpeg"


def test_the_copy_is_decoded_in_order(copy, capsys):
    read = cifar.read_jpeg(copy, COUNTS)
    assert "decoding the 17 JPEG files" in capsys.readouterr().err
    pixels, labels = read["train"]
    assert pixels.shape == (12, 3, 32, 32)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.allclose(pixels.mean((2, 3)), [[20 * i, 10, 200] for i in range(12)], atol=3)
    assert isinstance(pixels, np.memmap)


def test_the_copy_is_decoded_once(copy, capsys):
    first = cifar.read_jpeg(copy, COUNTS)
    capsys.readouterr()
    again = cifar.read_jpeg(copy, COUNTS)
    assert capsys.readouterr().err == ""
    assert np.array_equal(first["test"][0], again["test"][0])


def test_a_changed_file_is_decoded_again(copy):
    cifar.read_jpeg(copy, COUNTS)
    Image.new("RGB", (32, 32), (255, 255, 255)).save(copy / "test/00000_airplane.jpg", quality=40)
    assert cifar.read_jpeg(copy, COUNTS)["test"][0][0].mean() > 250


def _claim(path: Path, size: bytes) -> None:
    """Write another height and width into the frame header."""
    content = path.read_bytes()
    where = content.index(b"\xff\xc0") + 5
    path.write_bytes(content[:where] + size + content[where + 4 :])


def _truncate(path: Path, n: int) -> None:
    path.write_bytes(path.read_bytes()[:n])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda copy: (copy / "test/00001_automobile.jpg").unlink(), "no image 1;"),
        (lambda copy: (copy / "test/00005_cat.jpg").write_bytes(b""), "6 images"),
        (lambda copy: (copy / "test/00002_bird.jpg").rename(copy / "test/00002_fish.jpg"), "no image 2;"),
        (lambda copy: (copy / "test/00002_bird.jpg").write_bytes(b"no jpeg"), "00002_bird.jpg cannot be decoded"),
        (lambda copy: Image.new("RGB", (33, 32)).save(copy / "test/00002_bird.jpg"), "not RGB of"),
        (lambda copy: Image.new("L", (32, 32)).save(copy / "test/00002_bird.jpg"), "not RGB of"),
        (lambda copy: _truncate(copy / "test/00002_bird.jpg", 300), "00002_bird.jpg cannot be decoded"),
        (lambda copy: _claim(copy / "test/00002_bird.jpg", b"\xff\xff\xff\xff"), "00002_bird.jpg cannot be decoded"),
        (lambda copy: _claim(copy / "test/00002_bird.jpg", b"\x27\x10\x27\x10"), "not RGB of"),
    ],
)
def test_a_damaged_copy_is_refused_and_the_cache_left_alone(copy, change, message):
    change(copy)
    with pytest.raises(DataCorrupt, match=message):
        cifar.read_jpeg(copy, COUNTS)
    cache = copy.parent / "cache/images"
    assert not cache.exists() or [path for path in cache.iterdir() if path.is_dir()] == []


def test_a_missing_part_is_named(tmp_path):
    with pytest.raises(DataUnavailable, match="train"):
        cifar.read_jpeg(tmp_path, COUNTS)


@pytest.mark.parametrize("damage", [lambda raw: raw[:500], lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), lambda _: b""])
def test_a_damaged_cache_is_named_and_made_again(copy, damage):
    right = cifar.read_jpeg(copy, COUNTS)["train"][0].copy()
    (decoded,) = (copy.parent / "cache/images").glob("*/train.npy")
    decoded.write_bytes(damage(decoded.read_bytes()))
    with pytest.warns(UserWarning, match=r"cifar10_jpeg-.* is damaged: train\.npy does not have its hash; it is made"):
        again = cifar.read_jpeg(copy, COUNTS)
    assert np.array_equal(again["train"][0], right)


def test_only_auto_takes_the_copy(copy, monkeypatch):
    monkeypatch.setenv("LIF_ROLES_DATA", str(copy.parent))
    copy.rename(copy.parent / cifar10.JPEG_FOLDER)
    monkeypatch.setattr(cifar10, "COUNTS", (12, 5))
    monkeypatch.setattr(cifar10, "check_labels", lambda *_: None)
    assert cifar10.load().source == "CIFAR10 (JPEG copy)"
    assert cifar10.load().data_hash == cifar10.load().data_hash
    with pytest.raises(DataUnavailable, match="JPEG copy"):
        cifar10.load(source="original")


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_jpeg_files_are_refused_or_read(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "00000_cat.jpg"
    Image.fromarray(PIXELS[0].transpose(1, 2, 0)).save(path, "JPEG")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        pixels = cifar._decode(path)
    except DataCorrupt:
        return
    assert (pixels.shape, pixels.dtype) == ((32, 32, 3), np.uint8)
