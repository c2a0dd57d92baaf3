"""Stand-ins of digits and gestures: scenes that move before a simulated event camera, in the originals' files.

A pixel emits an event whenever the logarithm of its brightness has changed by a threshold since its last event.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurons.jit import njit
from suite.datasets.formats import aedat, atis
from suite.datasets.formats.gesture import N_CLASSES
from suite.datasets.standins.limbs import draw, gesture_angles

VERSION = 1  # raise it when other events come out

N_TRAIN, N_TEST = 1_000, 300  # recordings of digits
_FRAME_US = 2_000
_SACCADE_US = 105_000  # three of them

TRAIN_USERS, TEST_USERS = range(1, 24), range(24, 30)
LENGTH_S = (5.0, 7.0)
_LIGHTS = ("fluorescent", "fluorescent_led", "lab", "led", "natural")
_GESTURE_FRAME_US = 25_000


def write_digits(folder: Path) -> None:
    """NMNIST/{Train,Test}/<digit>/*.bin: scikit-learn's handwritten digits, moved along three saccades, 315 ms each.

    No digit that a test recording shows is in a training recording.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.float32) / 16, digits.target
    generator = np.random.default_rng(34)
    first_test = 1_500  # the digits come writer by writer, so the last ones are mostly by other hands
    for part, some, n in (("Train", slice(first_test), N_TRAIN), ("Test", slice(first_test, None), N_TEST)):
        for digit in range(atis.N_CLASSES):
            chosen = np.resize(generator.permutation(np.flatnonzero(labels[some] == digit)), n // atis.N_CLASSES)
            target = folder / "NMNIST" / part / str(digit)
            target.mkdir(parents=True)
            for i, image in enumerate(images[some][chosen]):
                number = i * atis.N_CLASSES + digit + 1
                (target / f"{number:05}.bin").write_bytes(atis.encode(*_saccades(image, generator)))


def _saccades(image: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """x, y, polarity, time of the events of a small image in [0, 1] that moves along a triangle."""
    n = _SACCADE_US * 3 // _FRAME_US
    time = np.arange(n) * _FRAME_US
    corners = np.array([[3.5, 3.5], [0, -3.5], [-3.5, 3.5], [3.5, 3.5]])  # x, y, in pixels
    saccade, within = time // _SACCADE_US, time % _SACCADE_US / _SACCADE_US
    moved = np.clip(1.25 * within - 0.125, 0, 1)  # still, then a steady move, then still
    path = corners[saccade] + (corners[saccade + 1] - corners[saccade]) * moved[:, None]
    path += np.cumsum(generator.normal(0, 0.03, path.shape), axis=0)
    zoom = 2.6 * generator.uniform(0.9, 1.1, 2)  # 8 pixels become about 21
    angle = generator.normal(0, 0.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    frames = _look(image, path, turn / zoom[:, None])
    return _events(frames, _FRAME_US, 0.35, 1.0, generator)


def write_gestures(folder: Path, split: str) -> None:
    """DVSGesture/*: 11 gestures by 29 users, each in one light, some 6 s each, at a tenth of the original's event rate.

    The "official" split as `.npy` files with times in milliseconds, the "spikingjelly" one as `.aedat` and csv files.
    """
    base = folder / "DVSGesture"
    for part, users in (("train", TRAIN_USERS), ("test", TEST_USERS)):
        names = []
        for user in users:
            generator = np.random.default_rng([128, user])
            name = f"user{user:02}_{_LIGHTS[user % len(_LIGHTS)]}"
            names.append(f"{name}.aedat\n")
            samples = [(label, _gesture(label, user, generator)) for label in range(N_CLASSES)]
            if split == "official":
                target = base / f"ibmGesture{part.capitalize()}" / name
                target.mkdir(parents=True)
                for label, events in samples:
                    events[:, 3] //= 1000
                    np.save(target / f"{label}.npy", events.astype(np.int32))
            else:
                (base / "DvsGesture").mkdir(parents=True, exist_ok=True)
                _write_aedat(base / "DvsGesture" / name, samples)
        if split != "official":
            (base / "DvsGesture" / f"trials_to_{part}.txt").write_text("".join(names))


def _write_aedat(target: Path, samples: list[tuple[int, np.ndarray]]) -> None:
    """One recording of all gestures, one after the other with pauses, and the csv that says when each was."""
    clock, lines, parts = 2_000_000, ["class,startTime_usec,endTime_usec"], []
    for label, events in samples:
        end = clock + int(events[-1, 3]) + 1
        lines.append(f"{label + 1},{clock},{end}")
        parts.append(np.add(events, [0, 0, 0, clock]))
        clock = end + 500_000
    target.with_name(f"{target.name}.aedat").write_bytes(aedat.encode(np.concatenate(parts)))
    target.with_name(f"{target.name}_labels.csv").write_text("\n".join(lines) + "\n")


def _gesture(label: int, user: int, generator: np.random.Generator) -> np.ndarray:
    """int64 [E, 4]: x, y, polarity, time in microseconds of one gesture."""
    habits = np.random.default_rng([user, 0xA5])  # the same in all of the user's gestures
    n = int(generator.uniform(*LENGTH_S) * 1_000_000) // _GESTURE_FRAME_US
    angles = gesture_angles(label, np.arange(n) * _GESTURE_FRAME_US * 1e-6, habits, generator)
    frames = draw(
        angles, size=habits.uniform(0.85, 1.15), shift=habits.uniform(-6, 6, 2), tone=habits.uniform(0.6, 0.9)
    )
    threshold, noise = habits.uniform(0.5, 0.7), habits.uniform(0.02, 0.06)
    x, y, polarity, t = _events(frames, _GESTURE_FRAME_US, threshold, noise, generator)
    return np.stack([x, y, polarity, t], axis=1)


def _events(
    frames: np.ndarray, frame_us: int, threshold: float, noise: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, polarity (1: brighter), time [E] in order, from log brightness [n, H, W]; noise: events / pixel / s."""
    _, H, W = frames.shape
    last_us = (len(frames) - 1) * frame_us
    thresholds = (threshold * generator.normal(1, 0.05, (H, W)).clip(0.7, 1.3)).astype(np.float32)
    pixel, polarity, t = _cross(frames, thresholds, frame_us)
    t += generator.integers(0, frame_us // 4, len(t))  # cameras are not as punctual as this one
    extra = generator.poisson(noise * H * W * last_us * 1e-6)
    pixel = np.concatenate([pixel, generator.integers(0, H * W, extra)])
    polarity = np.concatenate([polarity, generator.integers(0, 2, extra)])
    t = np.concatenate([t, generator.integers(0, last_us, extra)])
    order = np.argsort(t, kind="stable")
    return pixel[order] % W, pixel[order] // W, polarity[order], t[order]


@njit()
def _cross(frames, thresholds, frame_us):  # type: ignore[no-untyped-def] # pragma: no cover
    """Pixel, polarity and time of every crossing, brightness between two frames taken as linear."""
    n, H, W = frames.shape
    level = frames[0].copy()
    size = 1024
    out = np.empty((3, size), np.int64)
    count = 0
    for i in range(1, n):
        for y in range(H):
            for x in range(W):
                change = frames[i, y, x] - level[y, x]
                if abs(change) < thresholds[y, x]:
                    continue
                crossings = int(abs(change) / thresholds[y, x])
                sign = 1 if change > 0 else -1
                for k in range(crossings):
                    if count == size:
                        size *= 2
                        larger = np.empty((3, size), np.int64)
                        larger[:, :count] = out
                        out = larger
                    out[0, count] = y * W + x
                    out[1, count] = 1 if sign > 0 else 0
                    out[2, count] = (i - 1) * frame_us + (k + 1) * frame_us // (crossings + 1)
                    count += 1
                level[y, x] += sign * crossings * thresholds[y, x]
    return out[0, :count].copy(), out[1, :count].copy(), out[2, :count].copy()


@njit()
def _look(image, path, turn):  # type: ignore[no-untyped-def] # pragma: no cover
    """Log brightness [n, 34, 34] of the image, moved by path [n, 2], mapped by `turn` [2, 2], interpolated."""
    H, W = image.shape
    frames = np.empty((len(path), 34, 34), np.float32)
    for i in range(len(path)):
        for y in range(34):
            for x in range(34):
                dx, dy = x - 16.5 - path[i, 0], y - 16.5 - path[i, 1]
                u = turn[0, 0] * dx + turn[0, 1] * dy + (W - 1) / 2
                v = turn[1, 0] * dx + turn[1, 1] * dy + (H - 1) / 2
                left, top = int(np.floor(u)), int(np.floor(v))
                bright = 0.15
                for row in range(max(0, top), min(H, top + 2)):
                    for column in range(max(0, left), min(W, left + 2)):
                        bright += image[row, column] * (1 - abs(u - column)) * (1 - abs(v - row))
                frames[i, y, x] = np.log(bright)
    return frames
