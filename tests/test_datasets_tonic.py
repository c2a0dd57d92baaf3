"""Event splits as tonic datasets, and tonic's transforms as augmentation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from suite.datasets import dvs128_gesture, fsdd, n_mnist
from suite.datasets.base import Data
from suite.datasets.events.preprocess import Sensor
from suite.datasets.events.recordings import adapted, structured
from suite.datasets.standins import camera


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Fewer samples of the cameras' stand-ins."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIF_ROLES_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("LIF_ROLES_DATA", str(tmp_path_factory.mktemp("data")))
        for name, value in (
            ("N_TRAIN", 40),
            ("N_TEST", 20),
            ("TRAIN_USERS", range(1, 4)),
            ("TEST_USERS", range(24, 25)),
        ):
            patch.setattr(camera, name, value)
        patch.setattr(camera, "LENGTH_S", (0.5, 0.7))
        yield


@pytest.fixture(scope="module")
def digits() -> Data:
    return n_mnist.load(source="standin")


def test_events_have_tonic_s_fields(digits: Data) -> None:
    from tonic.datasets import NMNIST, SHD

    recordings: Any = digits.test.recordings  # type: ignore[attr-defined]
    events, label = recordings[3]
    assert set(recordings.dtype.names) == set(NMNIST.dtype.names)
    assert recordings.sensor_size == NMNIST.sensor_size
    assert (len(recordings), label) == (20, int(digits.test.store.label[3]))  # type: ignore[attr-defined]
    unit = (events["p"] * 34 + events["y"]) * 34 + events["x"]
    store: Any = digits.test.store  # type: ignore[attr-defined]
    part = slice(store.indptr[3], store.indptr[4])
    assert np.array_equal(unit, store.unit[part])
    assert np.array_equal(events["t"], store.t[part])
    speech: Any = fsdd.FILES.load(source="standin").train
    assert speech.recordings.dtype.names == SHD.dtype.names
    assert speech.recordings.sensor_size == SHD.sensor_size
    assert set(speech.recordings[0][0]["p"]) == {1}  # as tonic's


@pytest.mark.parametrize("name", ["digits", "speech"])
def test_tonic_s_recipe_gives_our_batches(name: str, digits: Data, tmp_path: Any) -> None:
    import tonic
    from torch.utils.data import DataLoader

    data = digits if name == "digits" else fsdd.FILES.load(source="standin", n_steps=20)
    split: Any = data.test
    dt_us, T = split.preprocess.cut.dt_us, data.n_steps
    recordings = split.recordings
    frames = tonic.transforms.ToFrame(recordings.sensor_size, time_window=dt_us, start_time=0, end_time=dt_us * T)
    theirs = tonic.DiskCachedDataset(replace(recordings, transform=frames), cache_path=str(tmp_path))
    for ours, (x, y) in zip(split.epoch(10), DataLoader(theirs, batch_size=10), strict=True):  # type: ignore[arg-type]
        assert torch.equal(ours.x.dense(), x.flatten(2).transpose(0, 1).clamp(max=1).float())
        assert torch.equal(ours.y, y)


def test_a_split_that_is_binned_once_has_its_recordings_still() -> None:
    data = dvs128_gesture.load(source="standin")
    split: Any = data.train
    assert split.store.weight is not None
    events, label = split.recordings[0]
    assert split.recordings.sensor_size == (128, 128, 2)
    assert events["t"].max() > 400_000  # microseconds, not frames
    assert label == split.store.label[split.samples[0]]


def test_labels_may_be_changed_too(digits: Data) -> None:
    recordings: Any = digits.test.recordings  # type: ignore[attr-defined]
    assert replace(recordings, transform=len, target_transform=lambda y: y + 100)[2] == (
        len(recordings[2][0]),
        recordings[2][1] + 100,
    )


# augmentation


def dense(data: Data, **epoch: Any) -> torch.Tensor:
    return torch.cat([batch.x.dense() for batch in data.train.epoch(7, **epoch)], 1)  # type: ignore[union-attr]


def test_a_transform_changes_training_alone_and_always_the_same(digits: Data) -> None:
    from tonic.transforms import DropEvent

    augmented = n_mnist.load(source="standin", augment=DropEvent(p=0.5))  # type: ignore[arg-type]
    assert augmented.data_hash != digits.data_hash
    assert augmented.data_hash == n_mnist.load(source="standin", augment=DropEvent(p=0.5)).data_hash  # type: ignore[arg-type]
    assert torch.equal(dense(augmented), dense(digits))  # no shuffling, no augmentation
    np.random.seed(1)
    first = dense(augmented, shuffle_seed=0)
    drawn = np.random.random()
    np.random.seed(1)
    assert np.random.random() == drawn  # tonic's draws left no trace
    assert torch.equal(first, dense(augmented, shuffle_seed=0))
    assert not torch.equal(first, dense(augmented, shuffle_seed=1))
    assert 0.4 < first.sum() / dense(digits, shuffle_seed=0).sum() < 0.75


def test_a_transform_does_what_the_function_does() -> None:
    from tonic.transforms import Compose, RandomFlipLR, TimeSkew

    later = Compose([TimeSkew(coefficient=1.0, offset=6_000), RandomFlipLR(sensor_size=(34, 34, 2), p=1.0)])

    def same(t: np.ndarray, unit: np.ndarray, _generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return t + 6_000, unit // 34 * 34 + 33 - unit % 34

    a, b = (n_mnist.load(source="standin", augment=augment) for augment in (later, same))  # type: ignore[arg-type]
    assert torch.equal(dense(a, shuffle_seed=0), dense(b, shuffle_seed=0))
    assert a.data_hash != b.data_hash


def test_speech_is_augmented_too() -> None:
    from tonic.transforms import TimeSkew

    plain, later = (fsdd.FILES.load(source="standin", augment=f) for f in (None, TimeSkew(1.0, 4_000)))  # type: ignore[arg-type]
    a, b = (next(iter(data.train.epoch(20, shuffle_seed=0))).x.dense() for data in (plain, later))  # type: ignore[union-attr]
    assert torch.equal(a[:-1], b[1:])


def test_an_address_in_a_name_is_not_part_of_the_hash(digits: Data) -> None:
    from tonic.transforms import Compose

    first, second = (
        n_mnist.load(source="standin", augment=Compose([lambda events: events]))  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert first.data_hash == second.data_hash != digits.data_hash


SENSOR = Sensor(4, 3, 2)
RECORDING = np.array([0, 5]), np.array([0, 23])


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda _: np.zeros((2, 4)), "must give events with the fields x, y, p, t"),
        (lambda _: None, "must give events"),
        (lambda events: _moved(events, "x", 4), "gave an event with x = 4; it must keep to 0 to 3"),
        (lambda events: _moved(events, "y", -1), "gave an event with y = -1; it must keep to 0 to 2"),
    ],
)
def test_a_transform_that_leaves_the_sensor_is_refused(transform: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adapted(transform, SENSOR)(*RECORDING, np.random.default_rng(0))


def _moved(events: np.ndarray, field: str, to: int) -> np.ndarray:
    events[field] = to
    return events


def test_an_adapted_identity_changes_nothing() -> None:
    for sensor in (SENSOR, Sensor(24)):
        t, unit = adapted(lambda events: events, sensor)(*RECORDING, np.random.default_rng(0))
        assert np.array_equal(t, RECORDING[0])
        assert np.array_equal(unit, RECORDING[1])
    assert structured(*RECORDING, SENSOR)[1].tolist() == (3, 2, 1, 5)


@pytest.mark.parametrize("wrong", ["abc", 3, lambda: None])
def test_what_is_no_augmentation(wrong: Any) -> None:
    with pytest.raises(ValueError, match="it is numbers by name"):
        n_mnist.load(source="standin", augment=wrong)


# the bench, which compares with tonic


def test_the_bench_compares_the_same_batches_and_counts_memory_in_mb(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suite.bench import data, memory

    assert data.cases() == ["n_mnist", "fsdd"]
    assert data._compare("n_mnist", str(tmp_path)) == {"source": "standin", "samples": 36}
    monkeypatch.setattr(memory, "reset_peak", lambda: 10**9)
    monkeypatch.setattr(memory, "status", lambda _field: 10**9 + 5 * 10**6)  # bytes
    assert data._measure("n_mnist", "events", str(tmp_path))["peak_mb"] == 5.0
