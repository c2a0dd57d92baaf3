"""Validation data, held out of the training data. The test data is never touched."""

from __future__ import annotations

import numpy as np

FRACTION = 0.1


def hold_out(
    labels: np.ndarray, *, split_seed: int = 0, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation samples, both ascending; every tenth sample is validation.

    With `groups` (the speaker of each sample), whole speakers are held out, as long as every class stays on both
    sides; so validation asks what a test on unseen speakers asks. Else, or where that fails, the split is stratified by
    class. Fixed by `split_seed`, which is not the training seed. Raises ValueError for fewer than two samples.
    """
    n = len(labels)
    if n < 2:
        raise ValueError(f"{n} training samples cannot be split into training and validation; at least 2 are needed")
    rng = np.random.default_rng([split_seed, 0x5917])
    held = None if groups is None else _whole_groups(labels, np.asarray(groups), rng)
    if held is None:
        held = _stratified(labels, rng)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _stratified(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    held = np.zeros(len(labels), bool)
    order = rng.permutation(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        held[members[: round(FRACTION * len(members))]] = True
    if not held.any():  # classes of fewer than 5 samples each
        held[order[: max(1, round(FRACTION * len(labels)))]] = True
    return held


def _whole_groups(labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A tenth of the groups (at least one), or None if no choice leaves all classes on both sides."""
    names = np.unique(groups)
    n_held = max(1, round(FRACTION * len(names)))
    if len(names) < 3:
        return None
    n_classes = len(np.unique(labels))
    for _ in range(100):
        held = np.isin(groups, rng.permutation(names)[:n_held])
        if len(np.unique(labels[held])) == len(np.unique(labels[~held])) == n_classes:
            return held
    return None
