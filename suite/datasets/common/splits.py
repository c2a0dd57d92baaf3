"""Hold out a validation set from training samples: stratified, by speaker where there are speakers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

HOLDOUT = 0.1
"""The share of the training samples that is held out."""


def holdout(
    labels: ArrayLike, fraction: float, split_seed: int, groups: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices (train, validation) of the samples with these integer labels [n].

    Without groups, every class gives `fraction` of its samples, rounded so that the total is right to within one
    sample; a class of one sample stays in train. With groups [n] (speakers), whole groups are held out, at least one:
    the first in an order fixed by the seed, until `fraction` of the samples is reached most closely. Orders are drawn
    until every class is on both sides; if none of 100 does that, the last one is taken.
    Raises ValueError for no samples, a fraction outside (0, 1), fewer than two groups, or shapes that do not match.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) < 2:
        raise ValueError(f"holdout: labels have shape {labels.shape}; it takes at least two samples, in one dimension")
    if not 0 < fraction < 1:
        raise ValueError(f"holdout: fraction = {fraction} must lie between 0 and 1")
    if isinstance(split_seed, bool) or not isinstance(split_seed, (int, np.integer)) or split_seed < 0:
        raise ValueError(f"holdout: split_seed = {split_seed!r} must be an integer of at least 0")
    generator = np.random.default_rng(split_seed)
    if groups is None:
        chosen = _stratified(labels, fraction, generator)
    else:
        groups = np.asarray(groups)
        if groups.shape != labels.shape:
            raise ValueError(f"holdout: groups have shape {groups.shape}, labels {labels.shape}; they must match")
        chosen = _grouped(labels, groups, fraction, generator)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _stratified(labels: np.ndarray, fraction: float, generator: np.random.Generator) -> np.ndarray:
    """Largest-remainder rounding per class; which samples of a class, by chance."""
    chosen = np.zeros(len(labels), dtype=bool)
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * fraction
    take = np.floor(exact).astype(int)
    room = np.minimum(np.ceil(exact), counts - 1).astype(int) - take
    missing = round(len(labels) * fraction) - take.sum()
    for c in np.argsort(take - exact, kind="stable"):
        if missing > 0 and room[c] > 0:
            take[c] += 1
            missing -= 1
    for label, n in zip(classes, take, strict=True):
        chosen[generator.permutation(np.flatnonzero(labels == label))[:n]] = True
    return chosen


def _grouped(labels: np.ndarray, groups: np.ndarray, fraction: float, generator: np.random.Generator) -> np.ndarray:
    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"holdout: {len(names)} group; at least two are needed to hold one out")
    n_classes = len(np.unique(labels))
    for _ in range(100):
        order = generator.permutation(len(names))
        total = np.cumsum(counts[order])[:-1]  # one group stays in train
        n = int(np.abs(total - fraction * len(groups)).argmin()) + 1
        chosen: np.ndarray = np.isin(index, order[:n])
        if len(np.unique(labels[chosen])) == len(np.unique(labels[~chosen])) == n_classes:
            break
    return chosen
