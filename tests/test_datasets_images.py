"""MNIST, Fashion-MNIST, CIFAR10: what the loaders give, and that damaged files are refused by name."""

from __future__ import annotations

import os
import re
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.datasets import cifar10, fashion_mnist, mnist
from suite.datasets.common import folders
from suite.datasets.formats import idx
from suite.datasets.images.split import ImageSplit, crop_and_flip
from suite.datasets.standins import images as standin_images
from suite.errors import DataCorrupt, DataUnavailable
from suite.inputs import Static

LOADERS = {
    "mnist": mnist.FILES.load,
    "fashion_mnist": fashion_mnist.FILES.load,
    "cifar10": cifar10.load,
}
WRITERS = {
    "mnist": lambda folder: standin_images.write_digits(folder / "MNIST/raw"),
    "fashion_mnist": lambda folder: standin_images.write_clothes(folder / "FashionMNIST/raw"),
    "cifar10": standin_images.write_shapes,
}
SHAPES = {"mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
REAL = os.environ.get("LIF_ROLES_DATA")


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module", params=sorted(LOADERS))
def standin(request):
    return LOADERS[request.param](source="standin")


def test_a_stand_in_has_the_originals_shape_and_says_what_it_is(standin):
    assert standin.source == "standin"
    assert (standin.n_classes, standin.input_shape) == (10, SHAPES[standin.name])
    assert (len(standin.train), len(standin.validation), len(standin.test)) == (4_500, 500, 1_000)
    for split in (standin.train, standin.validation, standin.test):
        counts = np.bincount(split.labels[split.index])
        assert counts.tolist() == [len(split) // 10] * 10


def test_no_validation_sample_is_in_train(standin):
    assert not set(standin.train.index) & set(standin.validation.index)


def test_no_test_image_is_in_train(standin):
    seen = {image.tobytes() for image in standin.train.images}
    assert len(seen) == len(standin.train.images)
    assert not any(image.tobytes() in seen for image in standin.test.images)


def test_a_batch_is_a_static_current(standin):
    batch = next(standin.test.epoch(7))
    assert isinstance(batch.x, Static)
    assert batch.x.image.shape == (7, *standin.input_shape)
    assert batch.x.image.dtype == torch.float32
    assert batch.y.dtype == torch.int64
    assert batch.x.dense().shape == (standin.n_steps, 7, *standin.input_shape)


def test_pixels_are_scaled_and_normalised(standin):
    image = next(standin.test.epoch(50)).x.image.numpy()
    expected = standin.test.images[:50] / 255
    if standin.name == "cifar10":
        mean, std = np.array(cifar10.MEAN), np.array(cifar10.STD)
        expected = (expected - mean[:, None, None]) / std[:, None, None]
    assert np.allclose(image, expected, atol=1e-6)


def test_an_epoch_visits_every_sample_once_in_an_order_of_its_own(standin):
    split = standin.validation
    stored = torch.cat([batch.y for batch in split.epoch(64)])
    assert torch.equal(stored, torch.from_numpy(split.labels[split.index]))
    first, again, other = (
        torch.cat([batch.y for batch in split.epoch(64, shuffle_seed=seed, epoch=epoch)])
        for seed, epoch in ((0, 0), (0, 0), (0, 1))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first.sort().values, stored.sort().values)


def test_stand_ins_are_the_same_every_time(standin, tmp_path):
    WRITERS[standin.name](tmp_path)
    made = folders.cache_folder() / "standin" / f"v{standin_images.VERSION}" / standin.name
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert files
    for file in files:
        assert (tmp_path / file).read_bytes() == (made / file).read_bytes()


@pytest.mark.parametrize(
    ("name", "low", "high"), [("mnist", 0.6, 0.97), ("fashion_mnist", 0.6, 0.98), ("cifar10", 0.13, 0.6)]
)
def test_stand_ins_can_be_learnt_but_not_by_a_class_mean_alone(name, low, high):
    dataset = LOADERS[name](source="standin")
    means = np.stack([dataset.train.images[dataset.train.labels == c].mean(0).ravel() for c in range(10)])
    test = dataset.test.images.reshape(1_000, -1).astype(float)
    guess = (test @ means.T - 0.5 * (means**2).sum(1)).argmax(1)
    assert low < (guess == dataset.test.labels).mean() < high


def test_the_hash_changes_with_every_option():
    variants = [
        LOADERS["mnist"](source="standin", **options)
        for options in ({}, {"n_steps": 4}, {"coding": "poisson"}, {"split_seed": 1})
    ]
    assert len({dataset.data_hash for dataset in variants}) == 4
    assert all(re.fullmatch("d-[0-9a-f]{16}", dataset.data_hash) for dataset in variants)
    assert LOADERS["mnist"](source="standin").data_hash == variants[0].data_hash


@pytest.mark.parametrize("name", sorted(LOADERS))
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 0}, "n_steps is a whole number from 1 to 1,000,000, not 0"),
        ({"n_steps": 2.5}, "n_steps"),
        ({"n_steps": True}, "n_steps"),
        ({"coding": "rate"}, "coding is direct or poisson"),
        ({"split_seed": -1}, "split_seed"),
        ({"source": "real"}, "source is auto, original or standin"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        LOADERS[name](**{"source": "standin", **options})


def test_a_batch_size_below_one_is_refused(standin):
    with pytest.raises(ValueError, match="batch_size = 0"):
        next(standin.train.epoch(0))


# Poisson coding


def _grey(n: int = 40) -> np.ndarray:
    """Images whose pixels have all values, [n, 1, 16, 16]."""
    return np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16), (n, 1, 16, 16)).copy()


def _poisson(n_steps: int = 100, n: int = 40) -> ImageSplit:
    return ImageSplit(_grey(n), np.zeros(n, np.int64), np.arange(n), n_steps=n_steps, coding="poisson")


def test_poisson_spikes_fire_with_the_pixels_probability():
    spikes = next(_poisson().epoch(40)).x
    assert spikes.shape == (100, 40, 1, 16, 16)
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    rate = spikes.mean((0, 1)).flatten().numpy()
    p = np.arange(256) / 255
    assert rate[0] == 0
    assert rate[255] == 1
    assert np.all(abs(rate - p) < 5 * np.sqrt(p * (1 - p) / 4_000) + 1e-9)


def test_poisson_spikes_are_independent_in_time_space_and_sample():
    spikes = next(_poisson(400, 4).epoch(4)).x.reshape(400, 4, 256)[:, :, 64:192].numpy()
    z = spikes - spikes.mean((0, 1))
    pairs = {
        "step": (z[1:], z[:-1]),
        "pixel": (z[..., 1:], z[..., :-1]),
        "fourth": (z[..., 4:], z[..., :-4]),
        "sample": (z[:, 1:], z[:, :-1]),
    }
    for name, (a, b) in pairs.items():
        assert abs((a * b).mean() / z.var()) < 5 / np.sqrt(a.size), name


def test_poisson_spikes_do_not_depend_on_the_batch_size():
    whole = next(_poisson().epoch(40, shuffle_seed=1)).x
    parts = torch.cat([batch.x for batch in _poisson().epoch(7, shuffle_seed=1)], dim=1)
    assert torch.equal(whole, parts)


def test_poisson_spikes_change_with_seed_and_epoch_but_not_in_evaluation():
    split = _poisson(10)

    def spikes(**options: int | None) -> torch.Tensor:
        return torch.cat([batch.x for batch in split.epoch(40, **options)], dim=1)

    assert torch.equal(spikes(shuffle_seed=0), spikes(shuffle_seed=0))
    assert not torch.equal(spikes(shuffle_seed=0), spikes(shuffle_seed=1))
    assert not torch.equal(spikes(shuffle_seed=0), spikes(shuffle_seed=0, epoch=1))
    assert torch.equal(spikes(), spikes(epoch=3))


def test_poisson_works_on_every_dataset():
    batch = next(LOADERS["cifar10"](source="standin", coding="poisson", n_steps=3).train.epoch(5, shuffle_seed=0))
    assert batch.x.shape == (3, 5, 3, 32, 32)


# Augmentation


@given(st.integers(0, 2**32), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_crop_and_flip_only_shifts_and_mirrors(seed, pad):
    rng = np.random.default_rng(seed)
    before = rng.integers(1, 256, (3, 2, 6, 5), dtype=np.uint8)
    after = crop_and_flip(before, np.random.default_rng(seed), pad)
    for old, new in zip(before, after, strict=True):
        padded = np.pad(old, ((0, 0), (pad, pad), (pad, pad)))
        crops = [padded[:, y : y + 6, x : x + 5] for y in range(2 * pad + 1) for x in range(2 * pad + 1)]
        assert any(np.array_equal(new, crop) or np.array_equal(new, crop[..., ::-1]) for crop in crops)


def test_all_shifts_and_both_sides_come_up():
    dot = np.zeros((4_000, 1, 9, 9), np.uint8)
    dot[:, 0, 4, 4] = 1
    landed = np.argwhere(crop_and_flip(dot, np.random.default_rng(0)))[:, 2:]
    assert len(landed) == 4_000
    assert len(np.unique(landed, axis=0)) == 81
    arrow = np.tile(np.arange(8, dtype=np.uint8), (4_000, 1, 8, 1))
    flipped = crop_and_flip(arrow, np.random.default_rng(0), 0)[:, 0, 0, 0] == 7
    assert 0.46 < flipped.mean() < 0.54


def test_only_training_passes_are_augmented():
    dataset = LOADERS["cifar10"](source="standin")
    plain = next(dataset.train.epoch(20)).x.image
    assert torch.equal(plain, next(dataset.train.epoch(20)).x.image)
    whole = {image.numpy().tobytes() for batch in dataset.train.epoch(500) for image in batch.x.image}
    shuffled = next(dataset.train.epoch(400, shuffle_seed=0)).x.image
    assert sum(image.numpy().tobytes() in whole for image in shuffled) < 20  # 1 in 162 is left as it was
    for split in (dataset.validation, dataset.test):
        order = next(split.epoch(len(split), shuffle_seed=0))
        stored = next(split.epoch(len(split)))
        assert torch.equal(order.x.image.sum((1, 2, 3)).sort().values, stored.x.image.sum((1, 2, 3)).sort().values)


# IDX files


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_idx_files_read_as_written(tmp_path_factory, labels, height, width):
    folder = tmp_path_factory.mktemp("idx")
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), height, width), dtype=np.uint8)
    idx.write_idx(folder / "i", pixels)
    idx.write_idx(folder / "l", np.array(labels))
    from torchvision.datasets.mnist import read_image_file, read_label_file

    assert idx.check_idx(folder / "i", (None, height, width)) == pixels.shape
    assert np.array_equal(read_image_file(str(folder / "i")).numpy(), pixels)
    assert idx.check_idx(folder / "l", (len(labels),)) == (len(labels),)
    assert read_label_file(str(folder / "l")).tolist() == labels


SMALL = replace(mnist.FILES, counts=(20, 10))


def _original(data: Path) -> Path:
    """A small "original" MNIST: 20 + 10 images."""
    raw = data / "MNIST/raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 20), ("t10k", 10)):
        idx.write_idx(raw / f"{part}-images-idx3-ubyte", np.full((n, 28, 28), 7, np.uint8))
        idx.write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)
    return raw


def test_an_original_is_found_and_named_so(data, capsys):
    _original(data)
    dataset = SMALL.load()
    assert dataset.source == "original"
    assert len(dataset.train) + len(dataset.validation) == 20
    assert capsys.readouterr().err == ""
    assert SMALL.load(source="standin").source == "standin"


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", sorted(LOADERS))
def test_a_missing_original_is_unavailable(name):
    with pytest.raises(DataUnavailable, match=f"lif-roles data get {name}"):
        LOADERS[name](source="original")


def _cut(content: bytes) -> bytes:
    return content[:-1]


DAMAGE = {
    "truncated": (_cut, "bytes; its header calls for"),
    "longer": (lambda c: c + b"\0", "bytes; its header calls for"),
    "empty": (lambda _: b"", "less than"),
    "half a header": (lambda c: c[:7], "less than"),
    "gzip": (lambda c: b"\x1f\x8b\x08\x00" + c[4:], "gunzip"),
    "html": (lambda _: b"<!DOCTYPE html><html>404 not found</html>", "magic number"),
    "other counts": (lambda c: c[:4] + struct.pack(">I", 7) + c[8:], "must hold"),
    "huge counts": (lambda c: c[:4] + b"\xff" * 4 + c[8:], "must hold"),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_damaged_idx_files_are_named(data, damage, file):
    raw = _original(data)
    change, message = DAMAGE[damage]
    (raw / file).write_bytes(change((raw / file).read_bytes()))
    with pytest.raises(DataCorrupt, match=message) as caught:
        SMALL.load()
    assert file in str(caught.value)


@pytest.mark.parametrize(("labels", "message"), [([0] * 10, "no sample of class 1"), ([*range(9), 10], "label 10")])
def test_impossible_labels_are_refused(data, labels, message):
    raw = _original(data)
    idx.write_idx(raw / "t10k-labels-idx1-ubyte", np.array(labels))
    with pytest.raises(DataCorrupt, match=message):
        SMALL.load()


def test_an_incomplete_original_is_not_replaced_by_the_stand_in(data):
    raw = _original(data)
    (raw / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataUnavailable, match="t10k-labels"):
        SMALL.load()


@given(st.binary(max_size=60), st.sampled_from([(None,), (None, 28, 28)]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_or_read(tmp_path_factory, content, shape):
    path = tmp_path_factory.getbasetemp() / "fuzz-idx"
    path.write_bytes(content)
    try:
        sizes = idx.check_idx(path, shape)
    except DataCorrupt:
        return
    assert len(content) == 4 + 4 * len(shape) + np.prod(sizes)


# Real data


@pytest.mark.skipif(not REAL or not Path(REAL, "MNIST/raw").is_dir(), reason="LIF_ROLES_DATA has no MNIST")
def test_real_mnist_has_the_published_counts_and_statistics():
    dataset = mnist.FILES.load(source="original")
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(dataset.train.labels).tolist() == counts
    assert round(dataset.train.images.mean() / 255, 4) == 0.1307
    assert round(dataset.train.images.std() / 255, 4) == 0.3081
    assert len(dataset.validation) == 6_000


@pytest.mark.skipif(not REAL or not Path(REAL, "CIFAR10_JPEG").is_dir(), reason="LIF_ROLES_DATA has no CIFAR10_JPEG")
def test_the_real_jpeg_copy_is_labelled(tmp_path, monkeypatch):
    with pytest.raises(DataUnavailable, match="JPEG copy"):
        cifar10.load(source="original")
    # decoding all of it takes half a minute, so only look at the first few
    small = tmp_path / "CIFAR10_JPEG"
    for part in ("train", "test"):
        (small / part).mkdir(parents=True)
        for path in sorted(Path(str(REAL), "CIFAR10_JPEG", part).iterdir())[:100]:
            shutil.copy(path, small / part)
    monkeypatch.setattr(cifar10, "COUNTS", (100, 100))
    monkeypatch.setenv("LIF_ROLES_DATA", str(tmp_path))
    dataset = cifar10.load()
    assert dataset.source == "CIFAR10 (JPEG copy)"
    assert dataset.train.labels[:3].tolist() == [6, 9, 9]
