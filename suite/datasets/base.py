"""What a dataset is (`Dataset`, which the registry has), and what it gives to training when it is loaded (`Data`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from suite.inputs import Batch
from suite.protocols import Protocol as Training
from suite.protocols import smoke

Kind = Literal["temporal", "spatio-temporal", "spatial"]
"""What the classes differ in: the paper's Tables 1 to 3."""


class Split(Protocol):
    """One of train / validation / test."""

    def __len__(self) -> int:
        """Samples in one pass."""
        ...

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass. In stored order when `shuffle_seed` is None; else in the order fixed by (shuffle_seed, epoch)."""
        ...


@runtime_checkable
class Growing(Split, Protocol):
    """A split whose sequences can be made of any length, for a curriculum."""

    def at(self, n_steps: int) -> Split:
        """The same split with sequences of n_steps."""
        ...


def hash_of(description: str) -> str:
    """A `data_hash`: "d-" and 16 hex digits, which alone may be a number to who reads them."""
    return "d-" + hashlib.sha256(description.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Data:
    """A dataset's samples, ready for training.

    `source` says what the data is: "original", "standin" (made here, in the original's format), "generated" (the
    dataset is defined by its generator, as XOR is), or a label of its own such as "CIFAR10 (JPEG copy)". `data_hash`
    (`hash_of`) changes whenever the data or its preprocessing does.
    """

    name: str
    source: str
    data_hash: str
    n_classes: int
    input_shape: tuple[int, ...]  # of one step of one sample
    n_steps: int
    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Archive:
    """One file to download. `gives`: what its unpacked top level brings, as a path below the data folder.

    size: bytes, if published; most: bytes that it may unpack to. Without urls it has to be fetched by hand, from
    `page`, into DIR/downloads.
    """

    file: str
    gives: str
    md5: str
    most: int
    urls: tuple[str, ...] = ()
    size: int | None = None
    page: str = ""


@dataclass(frozen=True)
class Published:
    """What is published of an original. train counts what is split into training and validation here.

    classes: samples of each class in train and test. mean, std: of the pixels of train, in [0, 1], to 4 digits.
    md5: of files below the data folder. sources: the labels under which data is complete. options: of the loader,
    without which this does not hold.
    """

    train: int
    test: int
    validation: int = 0  # in files of its own
    classes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    md5: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ("original",)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Timed:
    """A network that `lif-roles bench network` trains for a step, called by the dataset's name and `suffix`.

    density: share of the inputs that are active in a step of the random events that are used if no recordings are
    here (0: random images). counts: these events are counted, not only 0 or 1.
    """

    suffix: str = ""
    protocol: str = "suite"
    variant: str = "baseline"
    density: float = 0.0
    counts: bool = False
    batch_size: int | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset as the registry has it: what it is, how it is read, how it is trained.

    kind: see `Kind`. classes: their names, in the order of the labels. load: `load(*, source="auto", **options)`
    gives its `Data`; source is "auto", "original" or "standin". protocols: by name; "smoke" is made from "suite" if it
    is not given. title: as people write it (default: the name). in_paper: one of the paper's seven. generated: its
    generator is the dataset.
    For `lif-roles data`: folders, where its files lie below the data folder, the first that is there counts; archives,
    called when they are needed, what there is to download, by the name to ask for; by_hand, where there is no archive,
    how to get it; published, what to compare it with.
    For `lif-roles bench`: input_shape and timed, the networks that are timed; batches_timed, that loading it is.

    Raises ValueError for a field that it cannot have.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...]
    load: Callable[..., Data]
    protocols: Mapping[str, Training]
    title: str = ""
    in_paper: bool = False
    generated: bool = False
    folders: tuple[str, ...] = ()
    archives: Callable[[], Mapping[str, tuple[Archive, ...]]] | None = None
    by_hand: str = ""
    published: tuple[Published, ...] = ()
    input_shape: tuple[int, ...] = ()
    timed: tuple[Timed, ...] = ()
    batches_timed: bool = False

    def __post_init__(self) -> None:
        what = f"dataset {self.name!r}"
        if not isinstance(self.name, str) or not self.name or set(self.name) & set("/+,"):
            raise ValueError(f"{what}: a name is text without '/', '+' and ','")
        if self.kind not in get_args(Kind):
            raise ValueError(f"{what}: kind is {' or '.join(map(repr, get_args(Kind)))}, not {self.kind!r}")
        classes = tuple(self.classes)
        if isinstance(self.classes, str) or len(classes) < 2 or len(set(classes)) < len(classes):
            raise ValueError(f"{what}: classes are two names or more, all different, not {self.classes!r}")
        if not callable(self.load):
            raise ValueError(f"{what}: load is a function that gives its Data, not {self.load!r}")
        for name, protocol in self.protocols.items():
            if not isinstance(protocol, Training):
                raise ValueError(f"{what}: protocol {name!r} is a suite.protocols.Protocol, not {protocol!r}")
        protocols = {"smoke": smoke(self.protocols["suite"])} if "suite" in self.protocols else {}
        protocols |= self.protocols
        for name, value in (("classes", classes), ("protocols", protocols), ("title", self.title or self.name)):
            object.__setattr__(self, name, value)

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    @property
    def chance(self) -> float:
        """The accuracy of a guess."""
        return 1 / len(self.classes)


def check_batch_size(batch_size: int) -> None:
    """Raises ValueError unless batches of that size can be made."""
    if batch_size < 1:
        raise ValueError(f"batch_size = {batch_size}; it must be at least 1")


def sample_order(n: int, shuffle_seed: int | None, epoch: int) -> np.ndarray:
    """The order in which one epoch visits n samples."""
    if shuffle_seed is None:
        return np.arange(n)
    return np.random.default_rng([shuffle_seed, epoch]).permutation(n)


@dataclass(frozen=True, eq=False)
class Samples:
    """A split of samples that are in memory: x [T, n, *], y [n]."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """One pass."""
        check_batch_size(batch_size)
        for part in torch.from_numpy(sample_order(len(self), shuffle_seed, epoch)).split(batch_size):
            yield Batch(self.x[:, part], self.y[part])


@dataclass(frozen=True)
class Limited:
    """The first `n` samples of every pass over a split."""

    split: Split
    n: int

    def __len__(self) -> int:
        return min(self.n, len(self.split))

    def epoch(self, batch_size: int, *, shuffle_seed: int | None = None, epoch: int = 0) -> Iterator[Batch]:
        """As the split's, in batches that end after n samples."""
        left = len(self)
        for batch in self.split.epoch(min(batch_size, left), shuffle_seed=shuffle_seed, epoch=epoch):
            if len(batch.y) > left:
                return
            yield batch
            left -= len(batch.y)
            if left == 0:  # the split would make one more batch for nothing
                return


@dataclass(frozen=True)
class _LimitedGrowing(Limited):
    """The same of a split that can grow."""

    split: Growing

    def at(self, n_steps: int) -> Limited:
        return Limited(self.split.at(n_steps), self.n)


def limited(data: Data, n: int | None) -> Data:
    """The data with at most n samples in each split (None: all)."""
    if n is None:
        return data
    parts = (data.train, data.validation, data.test)
    train, validation, test = (
        _LimitedGrowing(split, n) if isinstance(split, Growing) else Limited(split, n) for split in parts
    )
    return replace(data, train=train, validation=validation, test=test)
