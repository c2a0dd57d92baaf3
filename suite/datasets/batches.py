"""From a store straight to batches: sparse events or dense frames, binned as they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numba import njit

from suite.datasets.base import Batch, Events, sample_order
from suite.datasets.preprocess import FixedInterval, Preprocess
from suite.datasets.store import Recording, Store, open_store
from suite.errors import DataCorrupt

Layout = Literal["events", "dense"]
Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Changes one recording: (t [E] in microseconds, unit [E], generator) -> new t and unit, of any equal length."""

_VERSION = 1  # raise it when the same store gives other batches
_INTERVAL, _NUMBER, _TIME = range(3)
_NO_WEIGHT = np.ones(0, dtype=np.float32)


@dataclass(frozen=True)
class EventSplit:
    """The recordings `samples` [S] of a store as batches of T steps and N inputs.

    There are no workers: a batch is made in this process when it is asked for, and depends only on the arguments of
    `epoch`. layout: "events" (sparse `Events`) or "dense" (a float32 tensor [T, B, N]). Augmentation, if any, changes
    each recording before it is binned, in shuffled passes only, with a generator fixed by (shuffle_seed, epoch,
    recording).
    """

    store: Store
    samples: np.ndarray
    preprocess: Preprocess
    layout: Layout = "events"
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass, in stored order when `shuffle_seed` is None; the last batch may be smaller."""
        if batch_size < 1:
            raise ValueError(f"batch_size = {batch_size} must be at least 1")
        order = self.samples[sample_order(len(self), shuffle_seed, epoch)]
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            label = torch.from_numpy(self.store.label[chosen].astype(np.int64))
            if self.augment is None or shuffle_seed is None:
                recordings, index = self.store, chosen
            else:
                recordings = _augmented(self.store, chosen, self.augment, [shuffle_seed, epoch])
                index = np.arange(len(chosen))
            yield Batch(bin_events(recordings, index, self.preprocess, self.layout), label)


def check_layout(layout: str) -> None:
    """Raises ValueError unless `layout` is one of the two."""
    if layout not in ("events", "dense"):
        raise ValueError(f'layout = {layout!r}; it is "events" or "dense"')


def data_hash(stores: Iterable[Store], preprocess: Preprocess, split_seed: int, augment: Augment | None) -> str:
    """16 hex digits that stand for the recordings, what is done to them, and which are held out for validation."""
    named = "" if augment is None else getattr(augment, "__qualname__", repr(augment))
    description = [_VERSION, [store.key for store in stores], repr(preprocess), split_seed, named]
    return hashlib.sha256(json.dumps(description).encode()).hexdigest()[:16]


def check_classes(store: Store, n_classes: int, where: str) -> None:
    """Raises DataCorrupt unless every class 0 to n_classes - 1 has a recording."""
    missing = np.setdiff1d(np.arange(n_classes), store.label)
    if len(missing):
        raise DataCorrupt(
            f"{where} has no recording of class {missing[0]}; there must be {n_classes} classes; get it again"
        )


def compact(store: Store, preprocess: Preprocess) -> tuple[Store, Preprocess]:
    """The store with events binned once and for all, and what is left to do: time counts steps, weights are numbers
    of events. It lies in the cache beside the store it was made from."""
    T = preprocess.n_steps
    left = Preprocess(preprocess.pooled, FixedInterval(1, T), preprocess.binary)

    def recordings() -> Iterator[Recording]:
        for sample in range(len(store)):
            events = bin_events(store, np.array([sample]), preprocess, "events")
            assert isinstance(events, Events)
            step = np.repeat(np.arange(T), np.diff(events.offset.numpy()))
            weight = None if events.weight is None else events.weight.numpy()
            yield Recording(
                step, events.unit.numpy(), int(store.label[sample]), int(store.group[sample]), weight=weight
            )

    name = store.folder.name.rpartition("-")[0]
    made_from = json.dumps([store.key, repr(preprocess)])
    return open_store(f"{name}-frames", made_from, _VERSION, left.sensor.n_units, recordings), left


def bin_events(store: Store, samples: np.ndarray, preprocess: Preprocess, layout: Layout) -> Events | torch.Tensor:
    """The recordings `samples` [B] as `Events` or as a float32 tensor [T, B, N].

    Events come in order of time within a step, an input at most once per step, with the number of its events as
    weight unless binary.
    """
    cut = preprocess.cut
    if isinstance(cut, FixedInterval):
        how, width = _INTERVAL, cut.dt_us
    else:
        how, width = (_NUMBER if cut.by == "number" else _TIME), 0
    T, B, N = preprocess.n_steps, len(samples), preprocess.pooled.n_units
    weight = _NO_WEIGHT if store.weight is None else store.weight
    given = (store.indptr, store.t, store.unit, weight, samples, preprocess.units(), how, width)
    if layout == "dense":
        dense = np.zeros((T, B, N), dtype=np.float32)
        _to_dense(*given, preprocess.binary, dense)
        return torch.from_numpy(dense)
    offset = np.zeros(T * B + 1, dtype=np.int64)
    _count(store.indptr, store.t, store.unit, samples, preprocess.units(), how, width, T, N, offset)
    np.cumsum(offset, out=offset)
    unit = np.empty(offset[-1], dtype=np.int64)
    weights = np.empty(0 if preprocess.binary else len(unit), dtype=np.float32)
    _to_events(*given, T, N, offset, unit, weights)
    return Events(
        torch.from_numpy(unit),
        torch.from_numpy(offset),
        None if preprocess.binary else torch.from_numpy(weights),
        (T, B, N),
    )


def _augmented(store: Store, samples: np.ndarray, augment: Augment, entropy: list[int]) -> Store:
    """The recordings in memory, changed; sorted and checked again, as whoever wrote `augment` may have forgotten."""
    times, units = [], []
    for sample in samples:
        part = slice(store.indptr[sample], store.indptr[sample + 1])
        generator = np.random.default_rng([*entropy, int(sample)])
        t, unit = augment(np.array(store.t[part]), np.array(store.unit[part]), generator)
        if t.shape != unit.shape or (len(t) and not (unit.min() >= 0 and unit.max() < store.n_units and t.min() >= 0)):
            raise ValueError(
                f"augmentation of recording {sample} gave {len(t)} times and {len(unit)} units; there must be as many "
                f"of both, no time below 0 and units within 0 to {store.n_units - 1}"
            )
        order = np.argsort(t, kind="stable")
        times.append(t[order].astype(np.int32))
        units.append(unit[order].astype(np.uint16))
    indptr = np.concatenate([[0], np.cumsum([len(t) for t in times])]).astype(np.int64)
    label, group = store.label[samples], store.group[samples]
    return Store(
        store.folder, store.key, store.n_units, indptr, np.concatenate(times), np.concatenate(units), label, group
    )


@njit(cache=True, nogil=True)
def _step_end(t, start, stop, step, T, how, width, at):  # type: ignore[no-untyped-def] # pragma: no cover
    """The event after the last one of `step`, given the first one, `at`, of a recording t[start:stop]."""
    if how == 1:
        return stop if step == T - 1 else start + (step + 1) * ((stop - start) // T)
    edge = np.int64(width) * (step + 1)
    if how == 2:
        if step == T - 1 or start == stop:
            return stop
        edge = t[start] + (np.int64(t[stop - 1]) - t[start]) // T * (step + 1)
    while at < stop and t[at] < edge:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _count(indptr, t, unit, samples, units, how, width, T, N, offset):  # type: ignore[no-untyped-def] # pragma: no cover
    """offset[t * B + b + 1] = active inputs in step t of sample b."""
    seen = np.zeros(N, dtype=np.int64)
    B = len(samples)
    for b in range(B):
        start, stop = indptr[samples[b]], indptr[samples[b] + 1]
        at = start
        for step in range(T):
            end, bag, n = _step_end(t, start, stop, step, T, how, width, at), step * B + b + 1, 0
            for k in range(at, end):
                u = units[unit[k]]
                if seen[u] != bag:
                    seen[u] = bag
                    n += 1
            offset[bag] = n
            at = end


@njit(cache=True, nogil=True)
def _to_events(indptr, t, unit, weight, samples, units, how, width, T, N, offset, out, weights):  # type: ignore[no-untyped-def] # pragma: no cover
    seen = np.zeros(N, dtype=np.int64)
    place = np.zeros(N, dtype=np.int64)
    B = len(samples)
    for b in range(B):
        start, stop = indptr[samples[b]], indptr[samples[b] + 1]
        at = start
        for step in range(T):
            end, bag = _step_end(t, start, stop, step, T, how, width, at), step * B + b + 1
            to = offset[bag - 1]
            for k in range(at, end):
                u = units[unit[k]]
                if seen[u] != bag:
                    seen[u] = bag
                    out[to] = u
                    if len(weights):
                        place[u] = to
                        weights[to] = 0
                    to += 1
                if len(weights):
                    weights[place[u]] += weight[k] if len(weight) else np.float32(1)
            at = end


@njit(cache=True, nogil=True)
def _to_dense(indptr, t, unit, weight, samples, units, how, width, binary, out):  # type: ignore[no-untyped-def] # pragma: no cover
    T, B, _ = out.shape
    for b in range(B):
        start, stop = indptr[samples[b]], indptr[samples[b] + 1]
        at = start
        for step in range(T):
            end = _step_end(t, start, stop, step, T, how, width, at)
            for k in range(at, end):
                u = units[unit[k]]
                if binary:
                    out[step, b, u] = 1
                else:
                    out[step, b, u] += weight[k] if len(weight) else np.float32(1)
            at = end
