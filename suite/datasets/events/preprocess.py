"""How recordings become T steps of N inputs: where time is cut, which pixels are summed, counts or binary.

Each choice is a small value; together they are a `Preprocess`, part of the dataset's hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal, cast

import numpy as np

from suite.options import MOST_STEPS, whole


@dataclass(frozen=True)
class FixedInterval:
    """Step i holds the events in [i dt, (i + 1) dt) from t = 0 on; those after the last step are dropped."""

    dt_us: int
    n_steps: int


@dataclass(frozen=True)
class FixedFrames:
    """A recording cut into n_steps frames, whatever its length; the last frame holds what is left over.

    by "number": floor(E / n_steps) events a frame. by "time": floor((t_last - t_first) / n_steps) microseconds a
    frame, from the first event on. As in SpikingJelly's `split_by` (where a frame by time without events is an error;
    here it is empty).
    """

    n_steps: int
    by: Literal["number", "time"]


@dataclass(frozen=True)
class Sensor:
    """Where units are: unit = (polarity * height + y) * width + x."""

    width: int
    height: int = 1
    polarities: int = 1

    @property
    def n_units(self) -> int:
        return self.width * self.height * self.polarities


@dataclass(frozen=True)
class Preprocess:
    """cut: where time is cut. binary: an input is 1 if it had any event in the step, else it is their number.
    pool: sum pool x pool pixels (by integer division of the address). polarity: keep the polarities apart.
    """

    sensor: Sensor
    cut: FixedInterval | FixedFrames
    binary: bool = True
    pool: int = 1
    polarity: bool = True

    @property
    def n_steps(self) -> int:
        return self.cut.n_steps

    @property
    def pooled(self) -> Sensor:
        """The sensor after pooling: what the network sees."""
        sensor, pool = self.sensor, self.pool
        return Sensor(-(-sensor.width // pool), -(-sensor.height // pool), sensor.polarities if self.polarity else 1)

    @property
    def compacted(self) -> Preprocess:
        """What is left to do with recordings whose times are steps and whose units are inputs already."""
        return Preprocess(self.pooled, FixedInterval(1, self.n_steps), self.binary)

    def units(self) -> np.ndarray:
        """The input that each unit of the sensor becomes: [sensor.n_units] uint16."""
        sensor, pooled = self.sensor, self.pooled
        polarity, y, x = np.indices((sensor.polarities, sensor.height, sensor.width))
        if not self.polarity:
            polarity[:] = 0
        unit = (polarity * pooled.height + y // self.pool) * pooled.width + x // self.pool
        return unit.ravel().astype(np.uint16)


def fixed_interval(dt_ms: float, n_steps: int) -> FixedInterval:
    """Checked. Raises ValueError unless dt_ms is a positive whole number of microseconds and n_steps at least 1."""
    dt_us = round(dt_ms * 1000) if isinstance(dt_ms, Real) and np.isfinite(float(dt_ms)) else 0
    if dt_us < 1 or abs(dt_us - dt_ms * 1000) > 1e-6:
        raise ValueError(f"dt_ms = {dt_ms!r}; it must be a positive number of whole microseconds, such as 0.5 or 4")
    return FixedInterval(dt_us, whole("n_steps", n_steps, high=MOST_STEPS))


def fixed_frames(n_frames: int, by: str) -> FixedFrames:
    """Checked. Raises ValueError unless n_frames is at least 1 and `by` is "number" or "time"."""
    if by not in ("number", "time"):
        raise ValueError(f'by = {by!r}; frames are cut by "number" (of events) or by "time"')
    return FixedFrames(whole("n_frames", n_frames, high=MOST_STEPS), cast(Literal["number", "time"], by))
