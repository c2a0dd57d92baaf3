"""Binning: against a plain reference, tonic's ToFrame and SpikingJelly's frames; batches and their determinism."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.datasets.events.binning import EventSplit, bin_events, compact, data_hash
from suite.datasets.events.preprocess import (
    FixedFrames,
    FixedInterval,
    Preprocess,
    Sensor,
    fixed_frames,
    fixed_interval,
)
from suite.datasets.events.store import Recording, Store, open_store
from suite.inputs import Events

SENSOR = Sensor(6, 5, 2)


def in_memory(samples: list[tuple[list[int], list[int]]], n_units: int = SENSOR.n_units) -> Store:
    t = [np.array(times, dtype=np.int32) for times, _ in samples]
    unit = [np.array(units, dtype=np.uint16) for _, units in samples]
    indptr = np.cumsum([0, *map(len, t)])
    labels = np.arange(len(samples), dtype=np.int32)
    arrays = {"t": np.concatenate(t), "unit": np.concatenate(unit)}
    return Store(Path("test-0"), "key", n_units, indptr, labels, labels, arrays.get)


def some(n: int = 7, events: int = 200, seed: int = 0, last: int = 5_000) -> Store:
    generator = np.random.default_rng(seed)
    sizes = generator.integers(0, events, n)
    return in_memory(
        [
            (np.sort(generator.integers(0, last, k)).tolist(), generator.integers(0, SENSOR.n_units, k).tolist())
            for k in sizes
        ]
    )


def step_of(t: np.ndarray, cut: FixedInterval | FixedFrames) -> np.ndarray:
    """The step of each event of one recording, as the definition says, event by event; -1: dropped."""
    n, T = len(t), cut.n_steps
    steps = []
    for i in range(n):
        if isinstance(cut, FixedInterval):
            step = int(t[i]) // cut.dt_us
            steps.append(step if step < T else -1)
        elif cut.by == "number":
            steps.append(min(i // (n // T), T - 1) if n >= T else T - 1)
        else:
            width = (int(t[-1]) - int(t[0])) // T
            steps.append(min((int(t[i]) - int(t[0])) // width, T - 1) if width else T - 1)
    return np.array(steps, dtype=int)


def reference(store: Store, samples: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    pooled, pool = preprocess.pooled, preprocess.pool
    out = np.zeros((preprocess.n_steps, len(samples), pooled.n_units), dtype=np.float32)
    for b, sample in enumerate(samples):
        part = slice(store.indptr[sample], store.indptr[sample + 1])
        for step, unit in zip(step_of(store.t[part], preprocess.cut), store.unit[part].tolist(), strict=True):
            p, y, x = np.unravel_index(unit, (SENSOR.polarities, SENSOR.height, SENSOR.width))
            p = p if preprocess.polarity else 0
            if step >= 0:
                out[step, b, (p * pooled.height + y // pool) * pooled.width + x // pool] += 1
    return np.minimum(out, 1) if preprocess.binary else out


cuts = st.one_of(
    st.builds(FixedInterval, st.integers(1, 2000), st.integers(1, 12)),
    st.builds(FixedFrames, st.integers(1, 12), st.sampled_from(["number", "time"])),
)
recordings = st.lists(
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, SENSOR.n_units - 1)), max_size=40), min_size=1, max_size=4
)


@settings(max_examples=200, deadline=None)
@given(recordings, cuts, st.booleans(), st.integers(1, 7), st.booleans(), st.randoms())
def test_both_layouts_are_the_definition(
    samples: list[list[tuple[int, int]]],
    cut: FixedInterval | FixedFrames,
    binary: bool,
    pool: int,
    polarity: bool,
    random: object,
) -> None:
    store = in_memory([([t for t, _ in sorted(sample)], [u for _, u in sorted(sample)]) for sample in samples])
    preprocess = Preprocess(SENSOR, cut, binary, pool, polarity)
    index = np.array([random.randrange(len(samples)) for _ in range(5)])  # type: ignore[attr-defined]
    expected = torch.from_numpy(reference(store, index, preprocess))
    dense, events = (bin_events(store, index, preprocess, layout) for layout in ("dense", "events"))  # type: ignore[arg-type]
    assert isinstance(events, Events)
    assert torch.equal(dense, expected)  # type: ignore[arg-type]
    assert torch.equal(events.dense(), expected)
    assert (events.weight is None) == binary
    assert events.offset[0] == 0
    assert events.offset[-1] == len(events.unit) == int((expected > 0).sum())  # an input at most once a step


def test_edges_of_bins() -> None:
    store = in_memory([([0, 999, 1000, 1999, 2000, 2999, 3000], [0, 1, 2, 3, 4, 5, 6])])
    x = bin_events(store, np.array([0]), Preprocess(SENSOR, FixedInterval(1000, 3)), "dense")
    assert isinstance(x, torch.Tensor)
    assert [x[i, 0].nonzero().ravel().tolist() for i in range(3)] == [[0, 1], [2, 3], [4, 5]]


def test_order_within_a_step_is_order_in_time() -> None:
    store = in_memory([([0, 1, 2, 3], [9, 3, 9, 1])])
    events = bin_events(store, np.array([0]), Preprocess(SENSOR, FixedInterval(10, 2), binary=False), "events")
    assert isinstance(events, Events)
    assert events.unit.tolist() == [9, 3, 1]
    assert events.weight is not None
    assert events.weight.tolist() == [2, 1, 1]
    assert events.offset.tolist() == [0, 3, 3]
    assert events.unit.dtype == events.offset.dtype == torch.int64


def test_long_recordings_do_not_overflow() -> None:
    last = 2**31 - 1
    store = in_memory([([0, last - 1, last], [0, 1, 2])])
    for cut in (FixedInterval(2_000_000, 1500), FixedFrames(10, "time"), FixedInterval(2**31 - 1, 3)):
        x = bin_events(store, np.array([0]), Preprocess(SENSOR, cut), "dense")
        assert x.sum() == 3  # type: ignore[union-attr]


@pytest.mark.parametrize(("dt_us", "T"), [(100, 10), (250, 20), (1000, 5), (333, 15)])
def test_equals_tonic(dt_us: int, T: int) -> None:
    from tonic.functional import to_frame_numpy

    store = some()
    x = bin_events(store, np.arange(7), Preprocess(SENSOR, FixedInterval(dt_us, T), binary=False), "dense")
    assert isinstance(x, torch.Tensor)
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    for s in range(7):
        part = slice(store.indptr[s], store.indptr[s + 1])
        p, y, px = np.unravel_index(store.unit[part].astype(int), (2, 5, 6))
        events = np.zeros(len(p), dtype)
        events["x"], events["y"], events["t"], events["p"] = px, y, store.t[part], p
        frames = to_frame_numpy(events, (6, 5, 2), time_window=dt_us, start_time=0, end_time=dt_us * T)
        assert frames.shape[0] == T
        assert np.array_equal(frames.reshape(T, -1), x[:, s].numpy())


@pytest.mark.parametrize("by", ["number", "time"])
@pytest.mark.parametrize("T", [1, 3, 8])
def test_equals_spikingjelly(by: str, T: int) -> None:
    from spikingjelly.datasets.utils import integrate_events_by_fixed_frames_number

    store = some(events=3000, seed=1)
    x = bin_events(store, np.arange(7), Preprocess(SENSOR, fixed_frames(T, by), binary=False), "dense")
    assert isinstance(x, torch.Tensor)
    for s in range(7):
        part = slice(store.indptr[s], store.indptr[s + 1])
        p, y, px = np.unravel_index(store.unit[part].astype(int), (2, 5, 6))
        events = {"t": store.t[part], "x": px, "y": y, "p": p}
        frames = integrate_events_by_fixed_frames_number(events, by, T, 5, 6)
        assert np.array_equal(frames.reshape(T, -1), x[:, s].numpy())


def test_pooling_of_128_to_32() -> None:
    preprocess = Preprocess(Sensor(128, 128, 2), FixedFrames(1, "number"), pool=4)
    units = preprocess.units()
    assert preprocess.pooled == Sensor(32, 32, 2)
    assert np.bincount(units).tolist() == [16] * 2048
    assert units[128 * 128 + 127 * 128 + 5] == 1024 + 31 * 32 + 1


@pytest.mark.parametrize("dt", [0, -1, 0.0004, float("nan"), float("inf"), 1.00001])
def test_impossible_dt(dt: float) -> None:
    with pytest.raises(ValueError, match=r"dt_ms = .*; it must be a positive number of whole microseconds"):
        fixed_interval(dt, 10)


@pytest.mark.parametrize(("dt", "us"), [(4.0, 4000), (4, 4000), (0.5, 500), (0.001, 1), (2.675, 2675)])
def test_dt_in_microseconds(dt: float, us: int) -> None:
    assert fixed_interval(dt, 10) == FixedInterval(us, 10)


@pytest.mark.parametrize("n", [0, -3, 2.0, True, "5"])
def test_impossible_steps(n: int) -> None:
    with pytest.raises(ValueError, match="whole number from 1 to 1,000,000"):
        fixed_interval(1, n)
    with pytest.raises(ValueError, match="whole number from 1 to 1,000,000"):
        fixed_frames(n, "time")


def test_impossible_cut() -> None:
    with pytest.raises(ValueError, match="by = 'count'"):
        fixed_frames(3, "count")


SPLIT = EventSplit(some(23, seed=3), np.arange(2, 21), Preprocess(SENSOR, FixedInterval(500, 6)))


def test_a_pass_in_stored_order() -> None:
    batches = list(SPLIT.epoch(5))
    assert [len(batch.y) for batch in batches] == [5, 5, 5, 4]
    assert torch.cat([batch.y for batch in batches]).tolist() == list(range(2, 21))
    assert batches[0].y.dtype == torch.int64
    whole = next(iter(SPLIT.epoch(100)))
    assert torch.equal(torch.cat([batch.x.dense() for batch in batches], dim=1), whole.x.dense())  # type: ignore[union-attr]


def test_a_shuffled_pass_is_fixed_by_seed_and_epoch() -> None:
    def order(**how: int) -> list[int]:
        return torch.cat([batch.y for batch in SPLIT.epoch(4, **how)]).tolist()

    assert order(shuffle_seed=1) == order(shuffle_seed=1)
    assert len({tuple(order(shuffle_seed=s, epoch=e)) for s in (0, 1) for e in (0, 1)}) == 4
    assert sorted(order(shuffle_seed=1)) == list(range(2, 21))


def test_shuffled_batches_have_the_right_inputs() -> None:
    stored = next(iter(SPLIT.epoch(100))).x.dense()  # type: ignore[union-attr]
    for batch in SPLIT.epoch(4, shuffle_seed=7):
        assert torch.equal(batch.x.dense(), stored[:, batch.y - 2])  # type: ignore[union-attr]


def test_impossible_batch_size() -> None:
    with pytest.raises(ValueError, match="batch_size = 0"):
        next(SPLIT.epoch(0))


def test_augmentation_is_seeded_and_only_where_asked_for() -> None:
    def late(t: np.ndarray, unit: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        t += generator.integers(0, 3000)
        return t[::-1], unit[::-1]  # not in order: the split sorts

    split = replace(SPLIT, augment=late)

    def sums(epoch: int) -> list[torch.Tensor]:
        return [batch.x.dense() for batch in split.epoch(5, shuffle_seed=1, epoch=epoch)]  # type: ignore[union-attr]

    assert all(map(torch.equal, sums(0), sums(0)))
    assert not all(map(torch.equal, sums(0), sums(1)))
    before = [batch.x.dense() for batch in SPLIT.epoch(5, shuffle_seed=1)]  # type: ignore[union-attr]
    assert not all(map(torch.equal, sums(0), before))
    assert torch.equal(next(iter(split.epoch(5))).x.dense(), next(iter(SPLIT.epoch(5))).x.dense())  # type: ignore[union-attr]
    unchanged = replace(SPLIT, augment=lambda t, unit, _: (t, unit))
    same = [batch.x.dense() for batch in unchanged.epoch(5, shuffle_seed=1)]  # type: ignore[union-attr]
    assert all(map(torch.equal, same, before))


def test_augmentation_does_not_depend_on_the_batch_size() -> None:
    def jitter(t: np.ndarray, unit: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return t, (unit + generator.integers(0, 5, len(unit))) % SENSOR.n_units

    split = replace(SPLIT, augment=jitter)
    whole = next(iter(split.epoch(100, shuffle_seed=1))).x.dense()  # type: ignore[union-attr]
    parts = [batch.x.dense() for batch in split.epoch(3, shuffle_seed=1)]  # type: ignore[union-attr]
    assert torch.equal(torch.cat(parts, dim=1), whole)


@pytest.mark.parametrize(
    "wrong", [lambda t, u, _: (t[1:], u), lambda t, u, _: (t, u + 60), lambda t, u, _: (t - 9999, u)]
)
def test_impossible_augmentation(wrong: object) -> None:
    with pytest.raises(ValueError, match="augmentation of recording"):
        next(replace(SPLIT, augment=wrong).epoch(19, shuffle_seed=0))  # type: ignore[arg-type]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("cut", [FixedFrames(4, "number"), FixedFrames(4, "time"), FixedInterval(900, 4)])
def test_compact_gives_the_same_batches(
    cut: FixedInterval | FixedFrames, binary: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path))
    store = some(9, seed=5)
    preprocess = Preprocess(SENSOR, cut, binary, pool=2)
    frames, left = compact(store, preprocess)
    assert len(frames.t) < len(store.t)
    assert np.array_equal(frames.label, store.label)
    index = np.array([3, 0, 8, 3])
    assert frames.folder.is_relative_to(tmp_path)
    for layout in ("dense", "events"):
        a, b = (bin_events(*args, layout) for args in ((store, index, preprocess), (frames, index, left)))  # type: ignore[arg-type]
        a, b = (x.dense() if isinstance(x, Events) else x for x in (a, b))
        assert torch.equal(a, b)
    assert torch.equal(a, torch.from_numpy(reference(store, index, preprocess)))


def test_hash_depends_on_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIF_ROLES_CACHE", str(tmp_path))
    one, other = (
        open_store("t", source, 1, 60, lambda: [Recording(np.arange(3), np.arange(3), 0)]) for source in ("a", "b")
    )
    base = Preprocess(SENSOR, FixedInterval(10, 3))
    same = data_hash([one], base, 0, None)
    assert same == data_hash([one], Preprocess(SENSOR, FixedInterval(10, 3)), 0, None)
    assert re.fullmatch("d-[0-9a-f]{16}", same)
    hashes = {
        same,
        data_hash([other], base, 0, None),
        data_hash([one, other], base, 0, None),
        data_hash([one], base, 1, None),
        data_hash([one], base, 0, lambda t, u, _: (t, u)),
        *(
            data_hash([one], replace(base, **change), 0, None)
            for change in (
                {"binary": False},
                {"pool": 2},
                {"polarity": False},
                {"cut": FixedInterval(11, 3)},
                {"cut": FixedInterval(10, 4)},
                {"cut": FixedFrames(3, "time")},
                {"cut": FixedFrames(3, "number")},
            )
        ),
    }
    assert len(hashes) == 12
