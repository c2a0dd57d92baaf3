"""Datasets: real ones where they are, labelled stand-ins where not. `suite.registry.datasets` has the loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suite.datasets.base import Dataset, Split
from suite.datasets.folders import data_folder
from suite.inputs import Batch, Events, Input, Static

__all__ = ["FOLDERS", "Batch", "Dataset", "Events", "Input", "Split", "Static", "load", "load_as_trained", "locate"]

FOLDERS: Mapping[str, tuple[str, ...]] = {
    "shd": ("SHD",),
    "ssc": ("SSC",),
    "fsdd": ("FSDD",),
    "n_mnist": ("NMNIST",),
    "dvs128_gesture": ("DVSGesture",),
    "mnist": ("MNIST/raw",),
    "fashion_mnist": ("FashionMNIST/raw",),
    "cifar10": ("cifar-10-batches-py", "CIFAR10_JPEG"),
}
"""Where a dataset lies below the data folder; the first that is there counts."""


def locate(name: str) -> str:
    """In words, what a loader with source "auto" would read. Only folders are looked at, not what is in them."""
    if name not in FOLDERS:
        return "generated" if name.startswith("xor") else "not one of the suite's own datasets"
    for folder in FOLDERS[name]:
        if (data_folder() / folder).is_dir():
            return f"in {data_folder() / folder}"
    return f"stand-in; for the original: lif-roles data get {name}"


def load(name: str, *, source: str = "auto", **options: Any) -> Dataset:
    """A dataset by name, for example `load("shd", dt_ms=1.0, n_steps=1000)`; options are the loader's.

    source: "auto" (what is in the folder LIF_ROLES_DATA, else the stand-in), "original" or "standin". Raises ValueError
    for an unknown name or option, DataUnavailable or DataCorrupt for missing or damaged files.
    """
    from suite.registry import datasets

    try:
        dataset: Dataset = datasets[name](source=source, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ValueError(f"{name} has no such option: {error}") from error
    return dataset


def load_as_trained(name: str, *, source: str = "auto", **options: Any) -> Dataset:
    """As `load`, with the options of the `suite` protocol where none are given: the data of the results' rows."""
    from suite.registry import protocols

    key = f"suite/{name}"
    given = protocols[key].data if key in protocols else {}
    return load(name, source=source, **{**given, **options})
