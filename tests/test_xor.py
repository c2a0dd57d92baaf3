from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.datasets.xor import Task, load


def arrays(dataset_split, batch_size: int, **kwargs):  # type: ignore[no-untyped-def]
    batches = list(dataset_split.epoch(batch_size, **kwargs))
    return torch.cat([b.x for b in batches], 1), torch.cat([b.y for b in batches])


def test_rates_are_the_protocol_s() -> None:
    x, y = arrays(load(n_test=20_000).test, 5_000)
    assert x.shape == (200, 20_000, 20)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    noise = x[10:190].mean().item()
    assert noise == pytest.approx(0.01, abs=0.0005)
    first, second = x[:10].mean((0, 2)), x[190:].mean((0, 2))
    # A pattern is OR-ed with the noise: 1 - (1 - rate) * 0.99.
    low, high = 1 - 0.8 * 0.99, 1 - 0.4 * 0.99
    fired_high = (first > 0.41, second > 0.41)
    assert first[fired_high[0]].mean().item() == pytest.approx(high, abs=0.005)
    assert first[~fired_high[0]].mean().item() == pytest.approx(low, abs=0.005)
    # 200 Bernoulli draws tell the rates apart nearly always, so the label is the XOR of what is seen.
    assert ((fired_high[0] ^ fired_high[1]).long() == y).float().mean().item() > 0.999
    assert y.float().mean().item() == pytest.approx(0.5, abs=0.015)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(0, 30),
    st.integers(1, 9),
    st.tuples(*[st.floats(0, 1)] * 3),
    st.integers(1, 20),
)
def test_any_task(pattern: int, delay: int, channels: int, rates: tuple[float, float, float], n: int) -> None:
    low, high, noise = rates
    task = Task(2 * pattern + delay, channels, pattern, low, high, noise)
    batch = task.sample(n, np.random.default_rng(0))
    assert isinstance(batch.x, torch.Tensor)
    assert batch.x.shape == (2 * pattern + delay, n, channels)
    assert batch.x.dtype == torch.float32
    assert set(batch.y.tolist()) <= {0, 1}
    if noise == 0:
        assert batch.x[pattern : pattern + delay].sum() == 0


def test_extreme_rates_can_be_read_off() -> None:
    task = Task(n_steps=25, channels=3, low_rate=0.0, high_rate=1.0, noise_rate=0.0)
    batch = task.sample(50, np.random.default_rng(1))
    assert isinstance(batch.x, torch.Tensor)
    first, second = batch.x[0, :, 0], batch.x[-1, :, 0]
    assert torch.equal((first != second).long(), batch.y)
    assert batch.x[10:15].sum() == 0


def test_test_set_is_fixed_whatever_the_batch_size() -> None:
    a = arrays(load(n_steps=30, n_test=70).test, 70)
    b = arrays(load(n_steps=30, n_test=70).test, 33)
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])


def test_training_samples_are_fresh_in_every_epoch_and_seeded() -> None:
    split = load(n_steps=30, n_train=64).train
    first = arrays(split, 32, shuffle_seed=3, epoch=0)[0]
    assert torch.equal(first, arrays(split, 32, shuffle_seed=3, epoch=0)[0])
    assert not torch.equal(first, arrays(split, 32, shuffle_seed=3, epoch=1)[0])
    assert not torch.equal(first, arrays(split, 32, shuffle_seed=4, epoch=0)[0])


def test_splits_and_seeds_differ() -> None:
    data = load(n_steps=30, n_validation=64, n_test=64)
    assert not torch.equal(arrays(data.validation, 64)[0], arrays(data.test, 64)[0])
    assert not torch.equal(arrays(data.test, 64)[0], arrays(load(n_steps=30, n_test=64, seed=1).test, 64)[0])


def test_hash_follows_the_task() -> None:
    assert load().data_hash == load().data_hash
    assert len({load().data_hash, load(seed=1).data_hash, load(n_steps=50).data_hash, load(n_test=5).data_hash}) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 19}, "at least 20"),
        ({"low_rate": -0.1}, r"low_rate = -0.1 is no probability"),
        ({"noise_rate": 1.5}, "noise_rate"),
        ({"channels": 0}, "channels is a whole number from 1 to 1,000,000, not 0"),
        ({"source": "internet"}, "source is auto, original or standin"),
    ],
)
def test_impossible_tasks_are_refused(options: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        load(**options)
