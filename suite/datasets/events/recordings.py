"""Recordings as tonic has them: structured events, for its transforms, its caches and PyTorch's DataLoader.

tonic itself is not imported: all that is shared are the names of the fields.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from suite.datasets.events.jitter import OPTIONS, jitter
from suite.datasets.events.preprocess import Sensor
from suite.datasets.events.store import Store

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Changes one recording: (t [E] in microseconds, unit [E], generator) -> new t and unit, of any equal length."""
Transform = Callable[[np.ndarray], Any]
"""Changes structured events, as tonic's transforms do."""
Augmentation = Augment | Transform | Mapping[str, float]
"""What a loader takes: one of these, or numbers by name, as `suite.datasets.events.jitter` has them."""


@dataclass(frozen=True)
class Recordings:
    """The recordings `samples` [S] of a store as a tonic dataset: item i is (events [E], label).

    events are structured, int64, with tonic's fields: x, y, p and t (microseconds) for cameras; t, x and p, which is
    always 1, for speech. `transform` and `target_transform` change events and label, as in tonic's own datasets.
    """

    store: Store
    samples: np.ndarray
    sensor: Sensor
    transform: Transform | None = None
    target_transform: Callable[[int], Any] | None = None

    @property
    def sensor_size(self) -> tuple[int, int, int]:
        """Width, height, polarities."""
        return self.sensor.width, self.sensor.height, self.sensor.polarities

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the events."""
        return _dtype(self.sensor)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, item: int) -> tuple[Any, Any]:
        sample = self.samples[item]
        part = slice(self.store.indptr[sample], self.store.indptr[sample + 1])
        events: Any = structured(self.store.t[part], self.store.unit[part], self.sensor)
        label: Any = int(self.store.label[sample])
        if self.transform is not None:
            events = self.transform(events)
        return events, label if self.target_transform is None else self.target_transform(label)


def _dtype(sensor: Sensor) -> np.dtype[Any]:
    return np.dtype([(name, np.int64) for name in (("t", "x", "p") if sensor.height == 1 else ("x", "y", "p", "t"))])


def structured(t: np.ndarray, unit: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Times [E] and units [E] as structured events [E]."""
    events = np.empty(len(t), _dtype(sensor))
    polarity, pixel = np.divmod(unit.astype(np.int64), sensor.width * sensor.height)
    events["t"], events["p"] = t, polarity if sensor.polarities > 1 else 1
    if sensor.height > 1:
        events["y"], events["x"] = np.divmod(pixel, sensor.width)
    else:
        events["x"] = pixel
    return events


def adapted(augment: Augmentation, sensor: Sensor) -> Augment:
    """`augment` itself, or numbers (`jitter`) or a transform of structured events made one. Raises ValueError for
    anything else.
    """
    if isinstance(augment, Mapping):
        return jitter(augment, sensor)
    for arguments in (3, 1):
        try:
            inspect.signature(augment).bind(*[None] * arguments)
        except (TypeError, ValueError):  # not callable so, or not at all
            continue
        return cast(Augment, augment) if arguments == 3 else _Adapted(cast(Transform, augment), sensor)
    raise ValueError(
        f"augment = {augment!r}; it is numbers by name ({', '.join(OPTIONS)}), a function of (t, unit, generator), or "
        "one of events, as tonic's transforms are"
    )


@dataclass(frozen=True)
class _Adapted:
    """A transform of structured events as an `Augment`."""

    transform: Transform
    sensor: Sensor

    def __call__(
        self, t: np.ndarray, unit: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        state = np.random.get_state()  # which tonic's transforms draw from
        np.random.seed(generator.integers(1 << 32))
        try:
            events = self.transform(structured(t, unit, self.sensor))
        finally:
            np.random.set_state(state)
        fields = _dtype(self.sensor).names or ()
        if not isinstance(events, np.ndarray) or not set(fields) <= set(events.dtype.names or ()):
            raise ValueError(f"augment = {self.transform!r} must give events with the fields {', '.join(fields)}")
        sensor = self.sensor
        limits = {"x": sensor.width, "y": sensor.height, "p": max(2, sensor.polarities)}
        for name in set(fields) & set(limits):
            wrong = (events[name] < 0) | (events[name] >= limits[name])
            if wrong.any():
                raise ValueError(
                    f"augment = {self.transform!r} gave an event with {name} = {events[name][wrong][0]}; it must keep "
                    f"to 0 to {limits[name] - 1}"
                )
        pixel = events["x"].astype(np.int64) + (events["y"].astype(np.int64) * sensor.width if "y" in fields else 0)
        polarity = events["p"].astype(np.int64) if sensor.polarities > 1 else 0
        return events["t"].astype(np.int64), polarity * (sensor.width * sensor.height) + pixel
