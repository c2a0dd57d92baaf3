"""The options of `lif-roles run` and of `pytest benchmarks`, said once; and how the values of any option are read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

LOCAL = "results/local"
"""Where results go unless another folder is named; git ignores it."""


@dataclass(frozen=True)
class Option:
    """--name with a default; a flag if that is False."""

    name: str
    default: Any
    help: str


OPTIONS = (
    Option(
        "dataset",
        None,
        "datasets, comma-separated; default: the paper's seven, or those of the experiment; without any option a first "
        "answer",
    ),
    Option("variant", None, "variants; default: all spiking ones, or those of the experiment"),
    Option("backend", None, "spikingjelly, snntorch; default: both"),
    Option("engine", "auto", "auto, step (the framework's own stepping) or fused"),
    Option(
        "protocol",
        None,
        "smoke (default, if another option is given), quick, suite or paper; changed as in suite+epochs=20",
    ),
    Option("network", None, "your own: a function my_package:make_model that gives a model (docs/extending.md)"),
    Option("seeds", "0", "for example 0-4 or 0,3"),
    Option("data_source", "auto", "auto (the original if it is here, else a stand-in), original or standin"),
    Option("results", LOCAL, "folder of the results"),
    Option("keep_checkpoints", False, "keep the checkpoints of cells that are finished"),
    Option("rerun", False, "run cells again that are in the results already"),
)

MOST = 2**31 - 1
"""The largest number that any option takes."""

MOST_STEPS = 1_000_000
"""More time steps, or inputs, than anyone has memory for."""


def parsed(text: str, kind: type = int) -> Any:
    """The number of a kind, int or float, that a text says; the text itself if it says none, for a check to refuse."""
    with suppress(ValueError):
        if text.isascii() and "_" not in text and (kind is float or text.isdecimal()):
            return kind(text)
    return text


def whole(what: str, value: object, low: int = 1, high: int = MOST) -> int:
    """A whole number as int. Raises ValueError, saying what is allowed, for anything else."""
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is not None and low <= number <= high:
        return number
    upto = f" to {high:,}" if high < MOST or (number is not None and number > high) else ""
    raise ValueError(f"{what} is a whole number from {low:,}{upto}, not {value!r}")


def path(option: str, text: str) -> Path:
    """A path. Raises ValueError for an empty one, which would be this folder unawares."""
    if not text.strip() or "\0" in text:
        raise ValueError(f"{option} is a path, such as {LOCAL}, or . for this folder, not {text!r}")
    return Path(text)


PLUGINS = "LIF_ROLES_PLUGINS"
"""The variable that names Python files or modules which register a user's own; separated as PATH is."""


def add_plugins(names: Iterable[str]) -> None:
    """Have these plugins loaded (suite.registry) when a name is first looked up, in child processes too. Raises
    ValueError for an empty name.
    """
    if "" in (names := list(names)):
        raise ValueError("--plugin '' names no Python file or module")
    known = [name for name in os.environ.get(PLUGINS, "").split(os.pathsep) if name]
    files = [os.path.abspath(name) if name.endswith(".py") else name for name in names]
    if files:
        os.environ[PLUGINS] = os.pathsep.join(dict.fromkeys([*known, *files]))
