"""From a store straight to batches: sparse events or dense frames, binned as they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numba import prange

from neurons.jit import njit
from neurons.threads import use_threads
from suite.datasets.base import check_batch_size, hash_of, sample_order
from suite.datasets.events.preprocess import FixedFrames, FixedInterval, Preprocess
from suite.datasets.events.recordings import Augment, Recordings
from suite.datasets.events.store import Recording, Store, open_store
from suite.errors import DataCorrupt
from suite.inputs import Batch, Events

Layout = Literal["events", "dense"]

_VERSION = 1  # raise it when the same store gives other batches
_INTERVAL, _NUMBER, _TIME = range(3)
_NO_WEIGHT = np.ones(0, dtype=np.float32)


@dataclass(frozen=True)
class EventSplit:
    """The recordings `samples` [S] of a store as batches of T steps and N inputs.

    There are no workers: a batch is made in this process when it is asked for, and depends only on the arguments of
    `epoch`. layout: "events" (sparse `Events`) or "dense" (a float32 tensor [T, B, N]). Augmentation, if any, changes
    each recording before it is binned, in shuffled passes only, with a generator fixed by (shuffle_seed, epoch,
    recording). recordings: the same samples as a tonic dataset.
    """

    store: Store
    samples: np.ndarray
    preprocess: Preprocess
    layout: Layout = "events"
    augment: Augment | None = None
    recordings: Recordings | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass, in stored order when `shuffle_seed` is None; the last batch may be smaller."""
        check_batch_size(batch_size)
        order = self.samples[sample_order(len(self), shuffle_seed, epoch)]
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            label = torch.from_numpy(self.store.label[chosen].astype(np.int64))
            if self.augment is None or shuffle_seed is None:
                recordings = _gather(self.store, chosen, _end(self.preprocess.cut))
            else:
                recordings = _gather(self.store, chosen, None)
                recordings = _augmented(recordings, chosen, self.augment, [shuffle_seed, epoch])
            yield Batch(bin_events(recordings, np.arange(len(chosen)), self.preprocess, self.layout), label)


def check_layout(layout: str) -> None:
    """Raises ValueError unless `layout` is one of the two."""
    if layout not in ("events", "dense"):
        raise ValueError(f'layout = {layout!r}; it is "events" or "dense"')


def data_hash(stores: Iterable[Store], preprocess: Preprocess, split_seed: int, augment: Augment | None) -> str:
    """Stands for the recordings, what is done to them, and which are held out for validation."""
    named = "" if augment is None else getattr(augment, "__qualname__", repr(augment))
    named = re.sub(" at 0x[0-9a-f]+", "", named)  # an address is another one in every process
    description = [_VERSION, [store.key for store in stores], repr(preprocess), split_seed, named]
    return hash_of(json.dumps(description))


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
    T, left = preprocess.n_steps, preprocess.compacted

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
    parts = min(B, use_threads(int((store.indptr[samples + 1] - store.indptr[samples]).sum())))
    offset = np.zeros(T * B + 1, dtype=np.int64)
    _count(store.indptr, store.t, store.unit, samples, preprocess.units(), how, width, T, N, parts, offset)
    np.cumsum(offset, out=offset)
    unit = np.empty(offset[-1], dtype=np.int64)
    weights = np.empty(0 if preprocess.binary else len(unit), dtype=np.float32)
    _to_events(*given, T, N, parts, offset, unit, weights)
    return Events(
        torch.from_numpy(unit),
        torch.from_numpy(offset),
        None if preprocess.binary else torch.from_numpy(weights),
        (T, B, N),
    )


def _end(cut: FixedInterval | FixedFrames) -> int | None:
    """The time after which no event counts; None: all count."""
    return cut.dt_us * cut.n_steps if isinstance(cut, FixedInterval) else None


def _gather(store: Store, samples: np.ndarray, end: int | None) -> Store:
    """The recordings up to the time `end`, in memory of their own. Mapped pages are let go early, as the system maps
    16 for each one read."""
    start, stop = store.indptr[samples], store.indptr[samples + 1]
    groups = [slice(first, first + 16) for first in range(0, len(samples), 16)]
    if end is not None:
        for some in groups:
            _cut_at(store.t, start[some], stop[some], end)
            store.release()
    indptr = np.concatenate([[0], np.cumsum(stop - start)])
    arrays = [None if array is None else np.empty(indptr[-1], array.dtype) for array in store.events]
    for some in groups:
        for to, array in zip(arrays, store.events, strict=True):
            if to is not None and array is not None:
                _copy(array, start[some], stop[some], to, indptr[some.start])
        store.release()
    t, unit, weight = arrays
    return replace(
        store,
        indptr=indptr,
        label=store.label[samples],
        group=store.group[samples],
        array={"t": t, "unit": unit, "weight": weight}.get,
    )


def _augmented(recordings: Store, samples: np.ndarray, augment: Augment, entropy: list[int]) -> Store:
    """The recordings changed; sorted and checked again, as whoever wrote `augment` may have forgotten."""
    times, units = [], []
    for sample, start, stop in zip(samples, recordings.indptr[:-1], recordings.indptr[1:], strict=True):
        generator = np.random.default_rng([*entropy, int(sample)])
        t, unit = augment(recordings.t[start:stop], recordings.unit[start:stop], generator)
        n = recordings.n_units
        if t.shape != unit.shape or (len(t) and not (unit.min() >= 0 and unit.max() < n and t.min() >= 0)):
            raise ValueError(
                f"augmentation of recording {sample} gave {len(t)} times and {len(unit)} units; there must be as many "
                f"of both, no time below 0 and units within 0 to {n - 1}"
            )
        order = np.argsort(t, kind="stable")
        times.append(t[order].astype(np.int32))
        units.append(unit[order].astype(np.uint16))
    indptr = np.concatenate([[0], np.cumsum([len(t) for t in times])]).astype(np.int64)
    changed = {"t": np.concatenate(times), "unit": np.concatenate(units)}
    return replace(recordings, indptr=indptr, array=changed.get)


@njit(nogil=True)
def _cut_at(t, start, stop, end):  # type: ignore[no-untyped-def] # pragma: no cover
    """Move every stop[b] down to the first event at `end` or later of t[start[b] : stop[b]], which is sorted."""
    for b in range(len(start)):
        low, high = start[b], stop[b]
        while low < high:
            middle = (low + high) // 2
            if t[middle] < end:
                low = middle + 1
            else:
                high = middle
        stop[b] = low


@njit(nogil=True)
def _copy(array, start, stop, to, at):  # type: ignore[no-untyped-def] # pragma: no cover
    """Parts array[start[b] : stop[b]] one after the other into `to` from index `at` on."""
    for b in range(len(start)):
        for k in range(start[b], stop[b]):
            to[at] = array[k]
            at += 1


@njit(nogil=True)
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


@njit(nogil=True, parallel=True)
def _count(indptr, t, unit, samples, units, how, width, T, N, parts, offset):  # type: ignore[no-untyped-def] # pragma: no cover
    """offset[t * B + b + 1] = active inputs in step t of sample b."""
    B = len(samples)
    for part in prange(parts):
        seen = np.zeros(N, dtype=np.int64)
        for b in range(part * B // parts, (part + 1) * B // parts):
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


@njit(nogil=True, parallel=True)
def _to_events(indptr, t, unit, weight, samples, units, how, width, T, N, parts, offset, out, weights):  # type: ignore[no-untyped-def] # pragma: no cover
    B = len(samples)
    for part in prange(parts):
        seen = np.zeros(N, dtype=np.int64)
        place = np.zeros(N, dtype=np.int64)
        for b in range(part * B // parts, (part + 1) * B // parts):
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


@njit(nogil=True)
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
