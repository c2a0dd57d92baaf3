"""Augmentation of recordings as numbers, so that a protocol can say it: shifts, stretching, events lost and added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real

import numpy as np

from suite.datasets.events.preprocess import Sensor


@dataclass(frozen=True)
class Jitter:
    """Changes a recording at random, anew in every epoch.

    shift: all channels, or pixels in x and in y, by up to so many; what leaves the sensor is lost. shift_ms: all times
    by up to so much; what comes before the start is lost. stretch: all times by a factor of up to 1 + stretch, or its
    inverse. drop: so large a share of the events is lost. noise: for each event, so many are added anywhere.

    Raises ValueError for a number that cannot be.
    """

    sensor: Sensor
    shift: int = field(default=0, kw_only=True)
    shift_ms: float = field(default=0, kw_only=True)
    stretch: float = field(default=0, kw_only=True)
    drop: float = field(default=0, kw_only=True)
    noise: float = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        for name in OPTIONS:
            value = getattr(self, name)
            most = 1 if name == "drop" else np.inf
            if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) < most:
                below = " and below 1" if name == "drop" else ""
                raise ValueError(f"augment: {name} = {value!r}; it must be a number from 0{below}")

    def __call__(
        self, t: np.ndarray, unit: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Times in microseconds [E] and units [E], changed."""
        end = int(t.max(initial=0)) + 1
        time = t.astype(np.float64)
        if self.stretch:
            time *= (1 + self.stretch) ** generator.uniform(-1, 1)
        if self.shift_ms:
            time += 1000 * generator.uniform(-self.shift_ms, self.shift_ms)
        unit, kept = self._shifted(unit.astype(np.int64), generator)
        kept &= time >= 0
        if self.drop:
            kept &= generator.random(len(unit)) >= self.drop
        new_t, new_unit = time[kept].astype(np.int64), unit[kept]
        n = generator.poisson(self.noise * len(t)) if self.noise else 0
        if n:
            new_t = np.concatenate([new_t, generator.integers(0, end, n)])
            new_unit = np.concatenate([new_unit, generator.integers(0, self.sensor.n_units, n)])
        order = np.argsort(new_t, kind="stable")
        return new_t[order], new_unit[order]

    def _shifted(self, unit: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Units, and which of them are still on the sensor."""
        if not self.shift:
            return unit, np.ones(len(unit), dtype=bool)
        width, height = self.sensor.width, self.sensor.height
        polarity, pixel = np.divmod(unit, width * height)
        y, x = np.divmod(pixel, width)
        x = x + generator.integers(-self.shift, self.shift + 1)
        if height > 1:
            y = y + generator.integers(-self.shift, self.shift + 1)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return (polarity * height + y) * width + x, inside


OPTIONS = tuple(one.name for one in fields(Jitter) if one.kw_only)


def jitter(options: Mapping[str, float], sensor: Sensor) -> Jitter:
    """From the numbers by name. Raises ValueError for a name that it has not."""
    unknown = set(options) - set(OPTIONS)
    if unknown:
        raise ValueError(f"augment has no {unknown.pop()!r}; it has {', '.join(OPTIONS)}")
    return Jitter(sensor, **options)  # type: ignore[arg-type]
