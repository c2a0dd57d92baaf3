"""The stand-ins: in the originals' formats, read by the real parsers, the same each time, with the right statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from suite.datasets import dvs128_gesture, fsdd, load, n_mnist, shd, ssc
from suite.datasets.formats import atis, gesture
from suite.datasets.standins import camera as standin_camera
from suite.datasets.standins import limbs
from suite.datasets.standins import speech as standin_speech


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Fewer samples, and an own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIF_ROLES_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("LIF_ROLES_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setattr(standin_camera, "N_TRAIN", 40)
        patch.setattr(standin_camera, "N_TEST", 20)
        patch.setattr(standin_camera, "TRAIN_USERS", range(1, 4))
        patch.setattr(standin_camera, "TEST_USERS", range(24, 25))
        patch.setattr(standin_camera, "LENGTH_S", (0.5, 0.7))
        write = standin_speech.write

        def fewer(
            folder: Path, name: str, keys: Sequence[str], splits: dict[str, dict[int, int]], **rest: object
        ) -> None:
            some = {split: dict.fromkeys(list(who)[:2], len(keys)) for split, who in splits.items()}
            write(folder, name, keys, some, **rest)  # type: ignore[arg-type]

        patch.setattr(standin_speech, "write", fewer)
        yield


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            total.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


WRITERS: dict[str, Callable[[Path], None]] = {
    "shd": shd.write_standin,
    "ssc": ssc.write_standin,
    "fsdd": fsdd.write_standin,
    "n_mnist": standin_camera.write_digits,
    "official": partial(standin_camera.write_gestures, split="official"),
    "spikingjelly": partial(standin_camera.write_gestures, split="spikingjelly"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_bytes_each_time(name: str, tmp_path: Path) -> None:
    np.random.seed(len(name))  # global state must not matter
    WRITERS[name](tmp_path / "a")
    np.random.seed(99)
    WRITERS[name](tmp_path / "b")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize(
    ("name", "classes", "spikes", "last_s"),
    [("shd", 20, 8_000, 1.4), ("ssc", 35, 8_000, 1.05), ("fsdd", 10, 4_000, 0.9)],
)
def test_speech(name: str, classes: int, spikes: int, last_s: float) -> None:
    made = load(name, source="standin")
    assert (made.source, made.n_classes, made.input_shape) == ("standin", classes, (700,))
    for split in (made.train, made.validation, made.test):
        assert set(split.store.label.tolist()) == set(range(classes))  # type: ignore[attr-defined]
    store = made.train.store  # type: ignore[attr-defined]
    assert 0.75 * spikes < np.diff(store.indptr).mean() < 1.25 * spikes
    assert 0.3 < store.t.max() / 1e6 < last_s
    assert len(np.unique(store.unit)) == 700


def test_words_share_nearly_all_channels() -> None:
    """Else spike counts alone would tell the classes apart."""
    active = standin_speech._Manifold(10, 4_000, np.random.default_rng(0)).active
    assert (active.sum(axis=0) == len(active)).sum() == 350
    assert np.all(active.sum(axis=1) == 350 + standin_speech._OWN)


def test_n_mnist() -> None:
    made = n_mnist.load(source="standin")
    assert (made.source, len(made.train) + len(made.validation), len(made.test)) == ("standin", 40, 20)
    store = made.train.store  # type: ignore[attr-defined]
    assert 3_500 < np.diff(store.indptr).mean() < 5_500  # the real one has 4,133
    assert 290_000 < store.t.max() < 330_000
    assert 0.4 < (store.unit >= 1156).mean() < 0.6  # both polarities
    rate = np.histogram(store.t, np.arange(4) * 105_000)[0]
    assert rate.min() > 0.25 * rate.sum()  # three saccades


def test_n_mnist_shows_the_digit() -> None:
    """All events of a recording, smoothed, look more like its own digit than like the others, on average."""
    from scipy.ndimage import gaussian_filter

    store = n_mnist.load(source="standin").train.store  # type: ignore[attr-defined]
    images = np.stack(
        [
            gaussian_filter(
                np.bincount(store.unit[a:b] % 1156, minlength=1156).reshape(34, 34).astype(float), 2
            ).ravel()
            for a, b in zip(store.indptr[:-1], store.indptr[1:], strict=True)
        ]
    )
    alike = np.corrcoef(images - images.mean(axis=0))
    same = store.label[:, None] == store.label[None]
    np.fill_diagonal(same, False)
    assert alike[same].mean() > alike[store.label[:, None] != store.label[None]].mean() + 0.1


@pytest.mark.parametrize("split", gesture.SPLITS)
def test_gesture(split: str) -> None:
    made = dvs128_gesture.load(source="standin", split=split)
    assert (made.source, made.n_classes, made.input_shape, made.n_steps) == ("standin", 11, (2048,), 20)
    assert (len(made.train) + len(made.validation), len(made.test)) == (33, 11)
    frames = next(iter(made.test.epoch(11))).x.dense()  # type: ignore[union-attr]
    assert frames.shape == (20, 11, 2048)
    per_frame = frames.sum(2)
    assert (per_frame[:-1] == per_frame[0]).all()  # by number: all but the last hold as many events


def test_both_gesture_splits_show_the_same() -> None:
    official, spikingjelly = (dvs128_gesture.load(source="standin", split=split) for split in reversed(gesture.SPLITS))
    a, b = (next(iter(made.test.epoch(11))) for made in (official, spikingjelly))
    x, y = a.x.dense()[:, a.y.argsort()], b.x.dense()  # type: ignore[union-attr]
    assert (x.sum((0, 2)) == y.sum((0, 2))).all()


def test_events_are_crossings_of_the_threshold() -> None:
    frames = np.zeros((4, 2, 3), dtype=np.float32)
    frames[1:, 0, 1] = 1.0  # up by two and a half thresholds
    frames[2:, 1, 2] = -0.45
    frames[3, 0, 1] = 0.0
    pixel, polarity, t = standin_camera._cross(frames, np.full((2, 3), 0.4, dtype=np.float32), 300)
    assert pixel.tolist() == [1, 1, 5, 1, 1]
    assert polarity.tolist() == [1, 1, 0, 0, 0]
    assert t.tolist() == [100, 200, 450, 700, 800]


def test_arms_turn_the_way_they_are_called() -> None:
    seconds = np.arange(0, 1, 0.02)
    for label, name in enumerate(gesture.CLASSES):
        angles = limbs.gesture_angles(label, seconds, np.random.default_rng(0), np.random.default_rng(1))
        assert angles.shape == (50, 2, 2)
        turned = angles[-1, :, 0] - angles[0, :, 0]  # y points down, so growing angles are clockwise as seen
        if "clockwise" in name:
            side = 0 if "right" in name else 1
            assert (turned[side] > 1) == ("counter" not in name)
            assert abs(turned[1 - side]) < 0.2


def test_bin_files_are_readable_one_by_one(tmp_path: Path) -> None:
    standin_camera.write_digits(tmp_path)
    files = atis.files(tmp_path / "NMNIST" / "Train")
    assert len(files) == 40
    recording = atis.read(files[0])
    assert np.all(np.diff(recording.t) >= 0)
