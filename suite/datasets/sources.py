"""Which data a name stands for here: the original if it is in the data folder, a labelled copy, or the stand-in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from filelock import FileLock

from neurons.names import unknown_name
from suite.datasets.files import built_folder, cache_folder, data_folder, writing_cache
from suite.errors import DataUnavailable

STANDIN_MARK = "STANDIN.txt"
"""In the root of every folder of made-up data, so that it is never taken for the original."""


@dataclass(frozen=True)
class Found:
    """A dataset on disk: the folder that it is laid out in, and what it is ("original", "standin" or its own label)."""

    root: Path
    label: str


Finder = Callable[[Path], str | None]
"""From a folder to the label of the data in it; None if there is none. DataUnavailable if a part is missing."""

FINDERS: Mapping[str, str] = {
    "shd": "suite.datasets.heidelberg:find_shd",
    "ssc": "suite.datasets.heidelberg:find_ssc",
    "fsdd": "suite.datasets.heidelberg:find_fsdd",
    "n_mnist": "suite.datasets.dvs:find_n_mnist",
    "dvs128_gesture": "suite.datasets.dvs:find_dvs128_gesture",
    "mnist": "suite.datasets.images:find_mnist",
    "fashion_mnist": "suite.datasets.images:find_fashion_mnist",
    "cifar10": "suite.datasets.images:find_cifar10",
}

STANDIN_VERSION = 1
"""Goes up when any stand-in changes."""


def attribute(path: str) -> Callable[..., object]:
    """The object that "module:attribute" names."""
    module, _, name = path.partition(":")
    found: Callable[..., object] = getattr(import_module(module), name)
    return found


def resolve(name: str, source: str, seed: int, find: Finder) -> Found:
    """The data to load.

    source "auto": what is in the data folder, else the stand-in, with a notice; "original": DataUnavailable unless
    the original is there; "standin": always the stand-in, made from `seed` when first asked for.
    """
    if source not in ("auto", "original", "standin"):
        raise ValueError(f"source is auto, original or standin, not {source!r}")
    if source == "standin":
        return standin(name, seed)
    folder = data_folder()
    label = _label(folder, find)
    if source == "original" and label not in ("original", "FSDD spikes"):
        there = f"; what is there is {label!r} (source='auto' takes it)" if label else ""
        raise DataUnavailable(
            f"the original {name} is not in {folder}{there}; get it with `lif-roles data get {name}`, "
            "or set LIF_ROLES_DATA to the folder that has it"
        )
    if label is not None:
        return Found(folder, label)
    print(
        f"{name}: not in {folder}, so this uses the stand-in (made up, in the original's format). "
        f"For the original: lif-roles data get {name}",
        file=sys.stderr,
    )
    return standin(name, seed)


def locate(name: str) -> str:
    """In words, which data `load(name)` would use."""
    if name == "xor":
        return "generated"
    if name not in FINDERS:
        return "no finder: not one of the suite's own datasets"
    find: Finder = attribute(FINDERS[name])  # type: ignore[assignment]
    try:
        label = _label(data_folder(), find)
    except DataUnavailable as error:
        return f"incomplete: {error}"
    return f"{label}, in {data_folder()}" if label else f"stand-in; for the original: lif-roles data get {name}"


def _label(folder: Path, find: Finder) -> str | None:
    label = find(folder)
    return "standin" if label is not None and (folder / STANDIN_MARK).exists() else label


def standin(name: str, seed: int = 0) -> Found:
    """The stand-in's folder; made if it is not there, by one process at a time."""
    if name not in FINDERS:
        raise unknown_name("dataset with a stand-in", name, sorted(FINDERS))
    if seed < 0:
        raise ValueError(f"seed = {seed}; it must be 0 or more")
    root = cache_folder() / "standins" / f"{name}-v{STANDIN_VERSION}-seed{seed}"
    if not root.exists():
        from suite.datasets.standin import MAKERS

        with writing_cache(root):
            root.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(root.with_suffix(".lock")):
                if not root.exists():
                    with built_folder(root) as temporary:
                        attribute(MAKERS[name])(temporary, seed)
                        (temporary / STANDIN_MARK).write_text(
                            f"Made by lif-roles as a stand-in for {name} (version {STANDIN_VERSION}, seed {seed}).\n"
                            "It has the original's format, not its content.\n"
                        )
    return Found(root, "standin")
