"""A figure whose arms move: the scene of the stand-in of gestures."""

from __future__ import annotations

import numpy as np

from neurons.jit import njit

_SHOULDERS = ((46.0, 52.0), (82.0, 52.0))  # of the right and the left arm, as the camera sees them
_UPPER, _FORE = 24.0, 26.0  # pixels
_WIDTH = 4.5
_DARK = 0.2
_PI = np.pi


def gesture_angles(
    label: int, seconds: np.ndarray, habits: np.random.Generator, generator: np.random.Generator
) -> np.ndarray:
    """Angles [n, 2, 2] of upper arm and forearm of each arm: 0 is to the camera's right, pi / 2 is down.

    habits: what a user always does the same way; generator: what differs from sample to sample.
    """
    rate = habits.uniform(0.6, 1.1) * generator.uniform(0.85, 1.15)  # periods a second
    phase = 2 * _PI * rate * seconds + generator.uniform(0, 2 * _PI) + 0.3 * np.sin(seconds * generator.uniform(1, 3))
    swing = habits.uniform(0.8, 1.2)
    wave, quarter = np.sin(phase), np.cos(phase)
    down = np.full_like(seconds, _PI / 2)
    rest = [[down + 0.15, down + 0.1], [down - 0.15, down - 0.1]]  # arms hang
    arms = [list(arm) for arm in rest]
    if label == 0:
        arms[0] = [down - 0.2, -0.2 + 0.45 * swing * wave]
        arms[1] = [down + 0.2, _PI + 0.2 - 0.45 * swing * wave]
    elif label in (1, 2):
        side = label - 1
        out = _PI * 0.9 if side == 0 else _PI * 0.1
        arms[side] = [np.full_like(seconds, out), -_PI / 2 + 0.6 * swing * wave]
    elif label in (3, 4, 5, 6):
        side, turn = (label - 3) // 2, 1 if label in (3, 5) else -1
        circle = turn * phase
        arms[side] = [circle, circle + 0.15 * wave]
    elif label == 7:
        arms[0] = [down - 0.25, -0.1 + 0.5 * swing * wave]
        arms[1] = [down + 0.25, _PI + 0.1 + 0.5 * swing * quarter]
    elif label == 8:
        arms[0] = [down + 0.2 + 0.15 * wave, 0.2 + 0.9 * swing * wave]
        arms[1] = [down - 0.2 - 0.15 * wave, _PI - 0.2 + 0.9 * swing * wave]
    elif label == 9:
        arms[0] = [down + 0.3, 0.5 + 0.5 * swing * np.sin(2 * phase)]
        arms[1] = [np.full_like(seconds, 0.35), -0.3 + 0.08 * quarter]
    else:
        kind = generator.integers(0, 3)
        for side in (0, 1) if kind == 2 else (int(kind),):
            speed = generator.uniform(0.5, 1.6, 2)
            offset = generator.uniform(-_PI, _PI, 2)
            arms[side] = [offset[i] + 0.9 * swing * np.sin(speed[i] * phase + offset[1 - i]) for i in (0, 1)]
    angles = np.stack([np.stack(arm, axis=-1) for arm in arms], axis=1)
    sway = 0.04 * np.sin(2 * _PI * 0.7 * seconds + generator.uniform(0, 2 * _PI))
    return angles + sway[:, None, None] + generator.normal(0, 0.06, (2, 2))


def draw(angles: np.ndarray, size: float, shift: np.ndarray, tone: float) -> np.ndarray:
    """Log brightness [n, 128, 128] float32 of the arms before a dark background; shift (x, y) in pixels."""
    n = len(angles)
    frames = np.full((n, 128, 128), np.log(_DARK), dtype=np.float32)
    for side, (x, y) in enumerate(_SHOULDERS):
        start = np.tile((np.array([x, y]) - 64) * size + 64 + shift, (n, 1))
        for part, length in enumerate((_UPPER, _FORE)):
            angle = angles[:, side, part]
            end = start + size * length * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            _capsules(frames, start, end, _WIDTH * size, tone - 0.15 * (part == 0))
            start = end
    return frames


@njit()
def _capsules(frames, start, end, radius, tone):  # type: ignore[no-untyped-def] # pragma: no cover
    """In every frame, a line from start to end [n, 2] (x, y) with round ends, stripes across and soft edges."""
    n, H, W = frames.shape
    for i in range(n):
        ax, ay = start[i]
        dx, dy = end[i, 0] - ax, end[i, 1] - ay
        squared = dx * dx + dy * dy
        low_x, high_x = max(0, int(min(ax, ax + dx) - radius - 2)), min(W, int(max(ax, ax + dx) + radius + 3))
        low_y, high_y = max(0, int(min(ay, ay + dy) - radius - 2)), min(H, int(max(ay, ay + dy) + radius + 3))
        for y in range(low_y, high_y):
            for x in range(low_x, high_x):
                along = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / squared))
                away = np.sqrt((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2)
                cover = min(1.0, max(0.0, (radius + 1 - away) / 2))
                shade = tone * (0.8 + 0.2 * np.sin(along * 9.0))
                frames[i, y, x] = max(frames[i, y, x], np.float32(np.log(_DARK + (shade - _DARK) * cover)))
