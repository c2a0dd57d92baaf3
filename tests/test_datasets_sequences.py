"""Temporal tasks from MNIST's files, and binary adding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from suite.datasets import load
from suite.datasets.adding import Task
from suite.datasets.images.sequence import LEVELS, checked_permutation, crossings, permutation
from suite.datasets.mnist import FILES
from suite.inputs import Events
from suite.registry import datasets

SEQUENCES = ("smnist_rows", "smnist", "psmnist", "smnist_spikes")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """uint8 [n, 28, 28], the stand-in's test images."""
    return FILES.read("standin").test[0][:, 0]


@pytest.mark.parametrize("name", SEQUENCES)
def test_batches_are_the_images_in_their_order(name: str, images: np.ndarray) -> None:
    data = load(name, source="standin")
    batch = next(data.test.epoch(5))
    assert batch.x.shape == (data.n_steps, 5, *data.input_shape)
    assert torch.equal(batch.y, torch.from_numpy(FILES.read("standin").test[1][:5]))
    first = torch.from_numpy(images[:5]).float() / 255
    expected = {
        "smnist_rows": first.transpose(0, 1),
        "smnist": first.flatten(1).T[:, :, None],
        "psmnist": first.flatten(1)[:, torch.from_numpy(permutation())].T[:, :, None],
    }
    if name in expected:
        assert torch.equal(batch.x, expected[name])
    else:
        assert isinstance(batch.x, Events)


def test_sequences_share_mnists_split_and_have_hashes_of_their_own() -> None:
    loaded = [load(name, source="standin") for name in ("mnist", *SEQUENCES)]
    assert len({data.data_hash for data in loaded}) == len(loaded)
    labels = [torch.cat([batch.y for batch in data.validation.epoch(64)]) for data in loaded]
    assert all(torch.equal(labels[0], other) for other in labels[1:])
    assert {data.source for data in loaded} == {"standin"}


def test_crossings_worked_by_hand() -> None:
    # thresholds 0, 5, 10, 15, ..., 254: the pixel comes from 0 to 12, over 5 and 10; to 255, over the rest; to 0
    events = crossings(np.array([[0, 12, 255, 0]], np.uint8))
    x = events.dense()[:, 0]
    level = np.linspace(0, 254, LEVELS).astype(np.uint8)
    assert level[:4].tolist() == [0, 5, 10, 15]
    assert x[0].nonzero().flatten().tolist() == [1, 2]
    assert x[1].nonzero().flatten().tolist() == list(range(3, LEVELS))
    assert x[2].nonzero().flatten().tolist() == [*range(LEVELS + 1, 2 * LEVELS), 2 * LEVELS]  # falls, and is 255
    assert x[3].sum() == 0


def test_crossings_are_tonics(images: np.ndarray) -> None:
    from tonic.datasets import SMNIST

    theirs = SMNIST.__new__(SMNIST)
    theirs.image_data, theirs.label_data = images[:6].reshape(6, -1), np.zeros(6, np.uint8)
    theirs.sensor_size, theirs.dt, theirs.duplicate = (99, 1, 1), 1.0, False
    theirs.transform = theirs.target_transform = None
    ours = crossings(images[:6].reshape(6, -1)).dense()
    for i in range(6):
        events, _ = theirs[i]
        x = torch.zeros(784, 100)
        x[events["t"].astype(int), events["x"].astype(int)] = 1
        unit = [99 - j for j in range(2 * LEVELS)] + [0]  # of tonic, in the order of ours
        assert torch.equal(ours[:, i], x[:, unit])


def test_the_permutation_is_the_one_that_is_said_and_has_every_pixel_once() -> None:
    assert permutation().tolist() == np.random.default_rng(0).permutation(784).tolist()
    for wrong in (np.arange(783), np.zeros(784, int), np.arange(1, 785)):
        with pytest.raises(ValueError, match="has each of 0 to 783 once"):
            checked_permutation(wrong)


def test_data_get_offers_mnists_files() -> None:
    assert all(datasets[name].archives == FILES.archives for name in SEQUENCES)


def test_adding_counts_the_marked_ones() -> None:
    batch = Task(n_steps=30).sample(2000, np.random.default_rng(0))
    bit, mark = batch.x[..., 0], batch.x[..., 1]
    assert set(batch.x.unique().tolist()) == {0, 1}
    assert (mark.sum(0) == 9).all()
    assert torch.equal((bit * mark).sum(0).long(), batch.y)
    assert torch.bincount(batch.y, minlength=10).min() > 140  # 200 of each on average
    unmarked = bit[mark == 0]
    assert abs(unmarked.mean() - 0.5) < 0.01
    assert abs(mark.mean(1) - 9 / 30).max() < 0.05  # nowhere more often


def test_adding_loads_and_refuses_what_cannot_be() -> None:
    data = load("adding", n_train=8, n_validation=6, n_test=4)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [8, 6, 4]
    assert next(data.test.epoch(4)).x.shape == (100, 4, 2)
    first, again = (next(data.validation.epoch(6)).x for _ in range(2))
    assert torch.equal(first, again)
    with pytest.raises(ValueError, match="n_steps = 8 has no room for 9 marks"):
        load("adding", n_steps=8)
