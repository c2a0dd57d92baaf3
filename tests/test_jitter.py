"""Augmentation of recordings by numbers."""

from __future__ import annotations

import numpy as np
import pytest

from suite.datasets import load
from suite.datasets.events.jitter import Jitter, jitter
from suite.datasets.events.preprocess import Sensor

SPEECH, CAMERA = Sensor(700), Sensor(4, 3, 2)


def recording(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return np.sort(rng.integers(0, 500_000, n)), rng.integers(100, 600, n)


def test_without_numbers_nothing_changes() -> None:
    t, unit = recording()
    for new, old in zip(Jitter(SPEECH)(t, unit, np.random.default_rng(0)), (t, unit), strict=True):
        assert np.array_equal(new, old)


def test_all_channels_move_together_and_what_leaves_is_lost() -> None:
    t, unit = np.array([0, 10, 20]), np.array([0, 5, 699])
    moved = {tuple(Jitter(SPEECH, shift=3)(t, unit, np.random.default_rng(seed))[1]) for seed in range(50)}
    assert moved == {tuple(x for x in (0 + by, 5 + by, 699 + by) if 0 <= x < 700) for by in range(-3, 4)}


def test_a_cameras_pixels_move_in_both_directions_and_keep_their_polarity() -> None:
    # unit = (p * 3 + y) * 4 + x of the pixel x = 1, y = 1
    t, unit = np.array([0, 1]), np.array([5, 17])
    found = {tuple(Jitter(CAMERA, shift=1)(t, unit, np.random.default_rng(seed))[1]) for seed in range(100)}
    assert found == {(4 * y + x, 12 + 4 * y + x) for y in (0, 1, 2) for x in (0, 1, 2)}


def test_times_are_shifted_and_stretched_within_the_numbers() -> None:
    t, unit = np.array([100_000, 200_000]), np.array([1, 2])
    for seed in range(50):
        shifted, _ = Jitter(SPEECH, shift_ms=20)(t, unit, np.random.default_rng(seed))
        assert abs(shifted[0] - 100_000) <= 20_000
        assert shifted[1] - shifted[0] == pytest.approx(100_000, abs=1)
        stretched, _ = Jitter(SPEECH, stretch=0.25)(t, unit, np.random.default_rng(seed))
        assert 0.8 <= stretched[0] / 100_000 <= 1.25
        assert stretched[1] / stretched[0] == pytest.approx(2, abs=1e-4)
    lost, _ = Jitter(SPEECH, shift_ms=500)(np.array([0]), np.array([1]), np.random.default_rng(3))
    assert len(lost) in (0, 1)


def test_events_are_lost_and_added_in_the_shares_given_and_stay_in_order() -> None:
    t, unit = recording()
    kept, _ = Jitter(SPEECH, drop=0.3)(t, unit, np.random.default_rng(0))
    assert len(kept) == pytest.approx(2800, abs=90)
    more, channels = Jitter(SPEECH, noise=0.5)(t, unit, np.random.default_rng(0))
    assert len(more) == pytest.approx(6000, abs=150)
    assert (np.diff(more) >= 0).all()
    assert channels.max() < 700
    assert {*channels} - {*unit}  # anywhere


def test_an_empty_recording_stays_one() -> None:
    none = np.array([], dtype=np.int64)
    t, unit = Jitter(SPEECH, shift=3, shift_ms=5, stretch=0.1, drop=0.1, noise=0.5)(
        none, none, np.random.default_rng(0)
    )
    assert len(t) == len(unit) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": -1}, r"augment: shift = -1; it must be a number from 0"),
        ({"drop": 1}, r"augment: drop = 1; it must be a number from 0 and below 1"),
        ({"stretch": "much"}, r"stretch = 'much'"),
        ({"shfit": 1}, r"augment has no 'shfit'; it has shift, shift_ms, stretch, drop, noise"),
    ],
)
def test_numbers_that_cannot_be_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jitter(options, SPEECH)  # type: ignore[arg-type]


def test_a_protocol_can_say_it_and_only_training_changes() -> None:
    plain, changed = (
        load("fsdd", source="standin", **given) for given in ({}, {"augment": {"shift": 40, "drop": 0.1}})
    )
    assert plain.data_hash != changed.data_hash
    for part in ("validation", "test"):
        old, new = (next(getattr(data, part).epoch(4)).x.dense() for data in (plain, changed))
        assert (old == new).all()
    old, new = (next(data.train.epoch(4, shuffle_seed=0)).x.dense() for data in (plain, changed))
    assert (old != new).any()
