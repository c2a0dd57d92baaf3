"""Datasets: real ones where they are, labelled stand-ins where not. Each module here but `base` is one, its `DATASET`;
`suite.registry.datasets` has them, and a user's own, by name.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from suite.datasets.base import Data, Dataset, Growing, Samples, Split, limited
from suite.datasets.common.folders import data_folder
from suite.datasets.common.shuffled import shuffled
from suite.errors import MachineFault, cannot_read
from suite.inputs import Batch, Events, Input, Static
from suite.protocols import Protocol
from suite.registry import datasets, protocols_of

__all__ = [
    "Batch",
    "Data",
    "Dataset",
    "Events",
    "Input",
    "Samples",
    "Split",
    "Static",
    "load",
    "load_as_trained",
    "locate",
]


def locate(name: str) -> str:
    """In words, what a loader with source "auto" would read. Only folders are looked at, not what is in them."""
    dataset = datasets[name]
    try:
        there = [folder for folder in dataset.folders if (data_folder() / folder).is_dir()]
    except (OSError, MachineFault) as error:
        return str(error)
    if there:
        return f"in {data_folder() / there[0]}"
    if dataset.generated:
        return "generated"
    if dataset.by_hand or dataset.archives:
        return f"stand-in; for the original: lif-roles data get {name}"
    return f"not in {data_folder()}" if dataset.folders else "where its loader looks"


def load(name: str, *, source: str = "auto", **options: Any) -> Data:
    """A dataset by name, for example `load("shd", dt_ms=1.0, n_steps=1000)`; options are the loader's.

    source: "auto" (what is in the folder LIF_ROLES_DATA, else the stand-in), "original" or "standin". Raises ValueError
    for an unknown name or option, or a loader that gives something else, DataUnavailable or DataCorrupt for missing or
    damaged files, MachineFault for what cannot be read or written now.
    """
    dataset = datasets[name]
    _check_options(name, dataset.load, options)
    try:
        data = dataset.load(source=source, **options)
    except OSError as error:
        raise cannot_read(Path(error.filename or data_folder()), error) from error
    if not isinstance(data, Data):
        raise ValueError(f"{name}: its loader gives a suite.datasets.base.Data, not {data!r}")
    if data.n_classes != dataset.n_classes:
        raise ValueError(f"{name}: its loader gives {data.n_classes} classes, and {dataset.n_classes} have a name")
    return data


_KINDS: dict[Any, tuple[type, str]] = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "bool": (bool, "true or false"),
}


def _check_options(name: str, loader: Callable[..., Data], options: Mapping[str, Any]) -> None:
    """Raises ValueError for an option that the loader has not, or that is not of the kind that it declares."""
    parameters = signature(loader).parameters
    known = [one.name for one in parameters.values() if one.kind is not Parameter.VAR_KEYWORD and one.name != "source"]
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values())
    for option, value in options.items():
        if option not in parameters:
            if takes_any:
                continue
            raise ValueError(f"{name} has no such option: {option!r}; it has {', '.join(known) or 'none'}")
        declared = parameters[option].annotation
        kind, said = _KINDS.get(getattr(declared, "__name__", declared), (object, ""))
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in (Integral, Real)):
            raise ValueError(f"{name}: {option} = {reprlib.repr(value)}; it must be {said}")


def load_for(protocol: Protocol, name: str, *, source: str = "auto") -> Data:
    """The data as the protocol trains on it: with its options, and no more samples than its limit.

    Raises as `load` does, and ValueError if the protocol does not fit the sequences.
    """
    data = limited(load(name, source=source, **protocol.data), protocol.limit)
    if protocol.order == "shuffled":
        data = shuffled(data)
    if protocol.last_steps is not None and protocol.last_steps > data.n_steps:
        raise ValueError(f"{name}: last_steps = {protocol.last_steps} of {data.n_steps} steps; choose no more than all")
    if protocol.curriculum is not None and not isinstance(data.train, Growing):
        raise ValueError(
            f"{name}: its protocol has a curriculum, but its sequences have one length only; leave the curriculum out"
        )
    return data


def load_as_trained(name: str, *, source: str = "auto", **options: Any) -> Data:
    """As `load`, with the options of the `suite` protocol where none are given: the data of the results' rows."""
    protocol = protocols_of(name).get("suite")
    return load(name, source=source, **{**(protocol.data if protocol else {}), **options})
