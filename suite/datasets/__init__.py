"""Datasets: real ones where they are, labelled stand-ins where not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurons.names import unknown_name
from suite.datasets.base import Batch, Dataset, Events, Input, Split, Static
from suite.datasets.sources import attribute, locate

DATASETS: Mapping[str, str] = {
    "xor": "suite.datasets.xor:load",
    "shd": "suite.datasets.heidelberg:load_shd",
    "ssc": "suite.datasets.heidelberg:load_ssc",
    "n_mnist": "suite.datasets.dvs:load_n_mnist",
    "dvs128_gesture": "suite.datasets.dvs:load_dvs128_gesture",
    "mnist": "suite.datasets.images:load_mnist",
    "cifar10": "suite.datasets.images:load_cifar10",
    "fashion_mnist": "suite.datasets.images:load_fashion_mnist",
    "fsdd": "suite.datasets.heidelberg:load_fsdd",
}
"""The suite's own loaders, by name. `suite.registry.datasets` has these and the user's."""

__all__ = ["DATASETS", "Batch", "Dataset", "Events", "Input", "Split", "Static", "load", "locate"]


def load(name: str, *, source: str = "auto", seed: int = 0, **options: Any) -> Dataset:
    """A dataset by name, for example `load("shd", dt_ms=1.0, n_steps=1000)`.

    source: "auto" (what is in the folder LIF_ROLES_DATA, else the stand-in), "original" or "standin". Options are the
    loader's. Raises ValueError for an unknown name or option, DataUnavailable or DataCorrupt for faulty files.
    """
    if name not in DATASETS:
        raise unknown_name("dataset", name, sorted(DATASETS))
    loader = attribute(DATASETS[name])
    try:
        dataset = loader(source=source, seed=seed, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ValueError(f"{name} has no such option: {error}") from error
    assert isinstance(dataset, Dataset)
    return dataset
