"""The hold-out: disjoint, complete, stratified or by whole groups, fixed by its seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.datasets.common.splits import holdout

LABELS = st.lists(st.integers(0, 6), min_size=2, max_size=200).map(np.array)
FRACTIONS = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**32)


@given(LABELS, FRACTIONS, SEEDS)
def test_the_parts_are_disjoint_complete_and_sorted(labels, fraction, seed):
    train, validation = holdout(labels, fraction, seed)
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(labels)))
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(validation) > 0)


@given(LABELS, FRACTIONS, SEEDS)
def test_every_class_gives_its_share_to_within_a_sample_and_keeps_one(labels, fraction, seed):
    train, validation = holdout(labels, fraction, seed)
    for label in np.unique(labels):
        n = (labels == label).sum()
        assert abs((labels[validation] == label).sum() - n * fraction) <= 1
        assert (labels[train] == label).any()


@given(LABELS, FRACTIONS, SEEDS)
def test_the_same_seed_gives_the_same_split(labels, fraction, seed):
    first, second = holdout(labels, fraction, seed), holdout(labels.tolist(), fraction, seed)
    assert np.array_equal(first[1], second[1])


def test_another_seed_gives_another_split():
    labels = np.arange(1_000) % 10
    assert not np.array_equal(holdout(labels, 0.1, 0)[1], holdout(labels, 0.1, 1)[1])


def test_a_tenth_of_a_balanced_set_is_a_tenth_of_each_class():
    labels = np.repeat(np.arange(10), 50)
    assert np.bincount(labels[holdout(labels, 0.1, 0)[1]]).tolist() == [5] * 10


def test_the_total_is_right_when_classes_do_not_divide():
    labels = np.repeat(np.arange(20), 7)  # 0.7 of a sample a class
    assert len(holdout(labels, 0.1, 0)[1]) == 14


@given(LABELS, FRACTIONS, SEEDS, st.data())
def test_groups_stay_together(labels, fraction, seed, data):
    groups = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(labels), max_size=len(labels))))
    if len(np.unique(groups)) < 2:
        with pytest.raises(ValueError, match="at least two"):
            holdout(labels, fraction, seed, groups)
        return
    train, validation = holdout(labels, fraction, seed, groups)
    assert len(train)
    assert len(validation)
    assert not set(groups[train]) & set(groups[validation])
    assert len(train) + len(validation) == len(labels)


def test_one_of_six_equal_speakers_is_held_out_for_a_tenth():
    speakers = np.arange(600) % 6
    validation = holdout(np.arange(600) // 6 % 10, 0.1, 0, speakers)[1]
    assert len(np.unique(speakers[validation])) == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_speaker_without_all_classes_is_not_the_one_held_out(seed):
    labels = np.array([0, 1] * 20 + [0] * 8)
    speakers = np.repeat(np.arange(6), 8)  # speaker 5 only says class 0
    validation = holdout(labels, 0.15, seed, speakers)[1]
    assert set(labels[validation]) == {0, 1}


@pytest.mark.parametrize(
    ("labels", "fraction", "seed", "groups", "message"),
    [
        ([], 0.1, 0, None, "at least two samples"),
        ([1], 0.1, 0, None, "at least two samples"),
        ([[1, 2], [3, 4]], 0.1, 0, None, "one dimension"),
        ([0, 1], 0.0, 0, None, "between 0 and 1"),
        ([0, 1], 1.0, 0, None, "between 0 and 1"),
        ([0, 1], float("nan"), 0, None, "between 0 and 1"),
        ([0, 1], 0.1, -1, None, "at least 0"),
        ([0, 1], 0.1, 1.5, None, "integer"),
        ([0, 1], 0.1, 0, [0], "must match"),
        ([0, 1], 0.1, 0, [3, 3], "at least two"),
    ],
)
def test_impossible_arguments_are_refused(labels, fraction, seed, groups, message):
    with pytest.raises(ValueError, match=message):
        holdout(labels, fraction, seed, groups)
