"""Stand-ins of the image datasets, in the originals' formats. Every class is balanced, every image fixed by a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from suite.datasets.formats.idx import write_idx

VERSION = 1  # raise it when other images come out
N_TRAIN, N_TEST = 5_000, 1_000


def write_digits(raw: Path) -> None:
    """IDX files in `raw`: scikit-learn's 1,797 handwritten digits, enlarged, turned, sheared and shifted a little.

    No digit that a test image comes from is in a training image.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.float32) / 16, digits.target.astype(np.uint8)
    first_test = 1_500  # the digits come writer by writer, so the last ones are mostly by other hands
    generator = np.random.default_rng(28)
    for part, some, n in (("train", slice(first_test), N_TRAIN), ("t10k", slice(first_test, None), N_TEST)):
        chosen = _balanced(labels[some], n, generator)
        _write_pair(raw, part, _enlarge(images[some][chosen], generator), labels[some][chosen])


def _balanced(labels: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    """n indices, as many of each class, each source as often as any other of its class, in random order."""
    classes = np.unique(labels)
    per_class = [np.resize(generator.permutation(np.flatnonzero(labels == c)), n // len(classes)) for c in classes]
    return generator.permutation(np.concatenate(per_class))


def _enlarge(small: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """8 x 8 images in [0, 1] -> 28 x 28 uint8, each under its own small affine map."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n = len(small)
    angle, shear = generator.normal(0, 0.12, n), generator.normal(0, 0.12, n)
    zoom = generator.uniform(1.25, 1.55, (2, n))  # the digit fills about 20 of the 28 pixels, as in MNIST
    shift = generator.uniform(-0.15, 0.15, (2, n))
    cos, sin = np.cos(angle), np.sin(angle)
    maps = np.stack(
        [
            np.stack([zoom[0] * cos, zoom[0] * (shear - sin), shift[0]], axis=1),
            np.stack([zoom[1] * sin, zoom[1] * cos, shift[1]], axis=1),
        ],
        axis=1,
    )
    grid = affine_grid(torch.from_numpy(maps.astype(np.float32)), [n, 1, 28, 28], align_corners=False)
    large = grid_sample(torch.from_numpy(small)[:, None], grid, mode="bicubic", align_corners=False)[:, 0]
    contrast = (large * 1.5 - 0.2).clamp(0, 1)  # MNIST's strokes are black or white nearly everywhere
    return (contrast * 255).round().byte().numpy()


def _write_pair(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder / f"{part}-images-idx3-ubyte", images)
    write_idx(folder / f"{part}-labels-idx1-ubyte", labels)


def write_shapes(folder: Path) -> None:
    """cifar-10-batches-py/*: ten shapes, textured, before textured backgrounds. A class favours a hue, no more."""
    from suite.datasets.formats.cifar import FOLDER, TEST_BATCH, TRAIN_BATCHES, write_batch

    generator = np.random.default_rng(32)
    target = folder / FOLDER
    target.mkdir()
    for title in (*TRAIN_BATCHES, TEST_BATCH):
        labels = generator.permutation(np.arange(1_000) % 10)
        images = np.concatenate([_scenes(some, generator) for some in np.split(labels, 10)])
        names = [f"standin_{label}_{i:06d}.png" for i, label in enumerate(labels)]
        write_batch(target / title, title.replace("_", " "), images, labels, names)


def _scenes(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """uint8 [n, 3, 32, 32]."""
    n = len(labels)
    centre, size = generator.uniform(-0.3, 0.3, (2, n, 1, 1)), generator.uniform(0.45, 0.75, (n, 1, 1))
    angle = generator.normal(0, 0.2, (n, 1, 1))
    axis = (np.arange(64) - 31.5) / 32  # drawn at twice the size, then averaged: soft edges
    x, y = (axis[None, None, :] - centre[0]) / size, (axis[None, :, None] - centre[1]) / size
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    drawn = np.empty((n, 64, 64))
    for label, shape in enumerate(_SHAPES):
        some = labels == label
        drawn[some] = shape(u[some], v[some])
    inside = drawn.reshape(n, 32, 2, 32, 2).mean(axis=(2, 4))[:, None]
    hues = np.stack([labels / 10 + generator.normal(0, 0.15, n), generator.uniform(0, 1, n)])
    front, back = (_texture(hue, generator) for hue in hues)
    scene = inside * front + (1 - inside) * back + generator.normal(0, 0.03, (n, 3, 32, 32))
    return (scene.clip(0, 1) * 255).round().astype(np.uint8)


def _within(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v))


# Which points of the shape's own coordinates are inside; the unit circle or square is about its size.
_SHAPES: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = (
    lambda u, v: np.hypot(u, v) < 1,  # disc
    lambda u, v: _within(u, v) < 0.9,  # square
    lambda u, v: (v < 0.7) & (v > 2 * abs(u) - 0.9),  # triangle
    lambda u, v: abs(np.hypot(u, v) - 0.775) < 0.225,  # ring
    lambda u, v: (_within(u, v) < 1) & (np.minimum(abs(u), abs(v)) < 0.3),  # cross
    lambda u, v: np.hypot(u, v) < 0.4 + 0.6 * np.cos(2.5 * np.arctan2(u, -v)) ** 2,  # star of five points
    lambda u, v: (_within(u, v) < 1) & (v % 0.67 < 0.33),  # bars
    lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u - 0.5, v) > 0.8),  # crescent
    lambda u, v: np.hypot(abs(u) - 0.6, v) < 0.45,  # two discs
    lambda u, v: (np.hypot(u, v) < 1) & (v > 0),  # half a disc
)


def _texture(hue: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """[n, 3, 32, 32]: a colour of the hue [n] (in turns), with smooth random clouds or stripes in it."""
    n = len(hue)
    phase = 2 * np.pi * (hue[:, None] - np.arange(3) / 3)
    saturation, level = generator.uniform(0.1, 0.35, (n, 1)), generator.uniform(0.25, 0.75, (n, 1))
    colour = level + saturation * np.cos(phase)
    clouds = generator.normal(0, 1, (n, 8, 8)).repeat(4, axis=1).repeat(4, axis=2)
    for axis in (1, 2):  # round the blocks off
        clouds = np.mean([np.roll(clouds, shift, axis) for shift in range(-2, 3)], axis=0)
    wave = generator.normal(0, 0.5, (2, n, 1, 1))
    stripes = np.sin(wave[0] * np.arange(32)[None, None, :] + wave[1] * np.arange(32)[None, :, None])
    pattern = np.where(generator.random((n, 1, 1)) < 0.5, clouds, 0.7 * stripes)
    return colour[:, :, None, None] + 0.15 * pattern[:, None]


def write_clothes(raw: Path) -> None:
    """IDX files in `raw`: silhouettes of the ten kinds of clothing, of random proportions, tones and patterns."""
    generator = np.random.default_rng(2017)
    for part, n in (("train", N_TRAIN), ("t10k", N_TEST)):
        labels = generator.permutation(np.arange(n) % 10).astype(np.uint8)
        images = np.stack([_garment(int(label), generator) for label in labels])
        _write_pair(raw, part, images, labels)


def _garment(label: int, generator: np.random.Generator) -> np.ndarray:
    """uint8 [28, 28], drawn at four times the size."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (112, 112))
    draw = ImageDraw.Draw(canvas)
    grow, move = generator.uniform(0.9, 1.05, 2), generator.normal(0, 0.015, 2)
    for shade, outline in _outlines(label, generator):
        points = np.array(outline) + generator.normal(0, 0.012, (len(outline), 2))
        placed = ((points - 0.5) * grow + 0.5 + move) * 112
        draw.polygon([(float(x), float(y)) for x, y in placed], fill=round(255 * shade))
    tone = generator.uniform(0.35, 1)
    image = np.asarray(canvas.resize((28, 28), Image.Resampling.BOX), dtype=np.float64) / 255
    period, direction = generator.uniform(2.5, 9), generator.integers(0, 3)
    along = (np.arange(28)[:, None], np.arange(28)[None, :], np.add.outer(np.arange(28), np.arange(28)))[direction]
    depth = generator.uniform(0, 0.4) * (generator.random() < 0.5)
    pattern = 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * along / period))
    noise = generator.normal(0, 0.05, (28, 28)) * (image > 0)
    return ((image * tone * pattern + noise).clip(0, 1) * 255).round().astype(np.uint8)


def _outlines(label: int, generator: np.random.Generator) -> list[tuple[float, list[tuple[float, float]]]]:
    """Polygons (shade, points) in the unit square, y down."""
    u = generator.uniform
    wide, long = u(0.2, 0.26), u(0.85, 0.95)  # half width, hem

    def mirrored(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return right + [(1 - x, y) for x, y in reversed(right)]

    def top(sleeve: float, hem: float, half: float) -> list[tuple[float, float]]:
        """With sleeves down to the height `sleeve`."""
        out = 0.3 + 0.14 * sleeve
        cuff = (0.5 + out, sleeve), (0.5 + out - 0.12, sleeve + 0.02)
        return mirrored([(0.58, 0.08), (0.5 + half, 0.12), *cuff, (0.5 + half, 0.34), (0.5 + half, hem)])

    def shoe(shaft: float, heel: float) -> list[tuple[float, float]]:
        """Toe to the left, a shaft up to the height `shaft`."""
        return [
            (0.06, 0.78), (0.08, 0.66), (0.35, 0.56), (0.56, 0.46), (0.58, shaft), (0.9, shaft), (0.92, 0.8 - heel),
            (0.94, 0.8), (0.7, 0.8), (0.66, 0.8 - heel / 2), (0.5, 0.8),
        ]  # fmt: skip

    if label == 0:
        return [(1, top(u(0.3, 0.4), long, wide))]
    if label == 1:
        gap, leg = u(0.02, 0.05), u(0.14, 0.18)
        return [(1, mirrored([(0.5 + leg, 0.05), (0.5 + leg + 0.04, 0.95), (0.5 + gap, 0.95), (0.5 + gap / 3, 0.35)]))]
    if label == 2:
        return [(1, top(u(0.7, 0.85), long, wide))]
    if label == 3:
        return [(1, mirrored([(0.56, 0.05), (0.5 + u(0.1, 0.16), 0.1), (0.59, 0.4), (0.5 + u(0.16, 0.26), 0.96)]))]
    if label == 4:
        return [(1, top(u(0.75, 0.9), 0.95, wide)), (0.15, [(0.49, 0.12), (0.51, 0.12), (0.51, 0.95), (0.49, 0.95)])]
    if label == 5:
        sole = [(0.05, 0.78), (0.3, 0.72), (0.93, u(0.55, 0.7)), (0.95, 0.8), (0.05, 0.82)]
        straps = [[(x, 0.75), (x + 0.08, u(0.4, 0.5)), (x + 0.14, 0.5), (x + 0.08, 0.75)] for x in (0.2, 0.45, 0.7)]
        return [(1, sole), *((0.8, strap) for strap in straps)]
    if label == 6:
        buttons = [[(0.49, y), (0.51, y), (0.51, y + 0.03), (0.49, y + 0.03)] for y in np.arange(0.2, 0.85, 0.13)]
        collar = [(0.4, 0.06), (0.6, 0.06), (0.5, 0.2)]
        return [(0.9, top(u(0.4, 0.85), long, wide)), (0.5, collar), *((0.3, button) for button in buttons)]
    if label == 7:
        return [(1, shoe(u(0.4, 0.48), 0.02)), (0.6, [(0.06, 0.78), (0.94, 0.78), (0.94, 0.84), (0.06, 0.84)])]
    if label == 8:
        brim, handle = u(0.32, 0.45), u(0.08, 0.2)
        bag = mirrored([(0.5 + u(0.3, 0.4), brim), (0.5 + u(0.35, 0.44), 0.86)])
        loop = mirrored([(0.5 + 0.24, brim), (0.5 + 0.18, handle)])
        hole = mirrored([(0.5 + 0.18, brim), (0.5 + 0.12, handle + 0.07)])
        return [(0.7, loop), (0, hole), (1, bag)]
    return [(1, shoe(u(0.12, 0.25), u(0.05, 0.15)))]
