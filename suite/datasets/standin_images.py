"""Stand-ins of the image datasets, in the originals' formats. Every class is balanced, every image fixed by a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suite.datasets.idx import write_idx

VERSION = 1  # raise it when other images come out
N_TRAIN, N_TEST = 5_000, 1_000


def write_mnist(folder: Path) -> None:
    """MNIST/raw/*: scikit-learn's 1,797 handwritten digits, enlarged, turned, sheared and shifted a little.

    No digit that a test image comes from is in a training image.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.float32) / 16, digits.target.astype(np.uint8)
    first_test = 1_500  # the digits come writer by writer, so the last ones are mostly by other hands
    generator = np.random.default_rng(28)
    for part, some, n in (("train", slice(first_test), N_TRAIN), ("t10k", slice(first_test, None), N_TEST)):
        chosen = _balanced(labels[some], n, generator)
        _write_pair(folder / "MNIST/raw", part, _enlarge(images[some][chosen], generator), labels[some][chosen])


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
