"""Stand-ins: made in seconds from a seed, in the original's files, for work without the original.

A maker `make(root, seed)` writes a data folder that the real parser reads. The counts of samples are smaller than
the originals' (docs/datasets.md has the table); formats, shapes, classes, durations and event rates are not.
"""

from __future__ import annotations

from collections.abc import Mapping

MAKERS: Mapping[str, str] = {
    "mnist": "suite.datasets.standin_images:make_mnist",
    "fashion_mnist": "suite.datasets.standin_images:make_fashion_mnist",
    "cifar10": "suite.datasets.standin_images:make_cifar10",
    "shd": "suite.datasets.standin_speech:make_shd",
    "ssc": "suite.datasets.standin_speech:make_ssc",
    "fsdd": "suite.datasets.standin_speech:make_fsdd",
    "n_mnist": "suite.datasets.standin_camera:make_n_mnist",
    "dvs128_gesture": "suite.datasets.standin_camera:make_dvs128_gesture",
}
