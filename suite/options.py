"""The options of `lif-roles run` and of `pytest benchmarks`, said once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCAL = Path("results/local")
"""Where results go unless another folder is named; git ignores it."""


PROTOCOL = "smoke"
"""How cells are trained unless something else is asked for."""


@dataclass(frozen=True)
class Option:
    """--name with a default; a flag if that is False."""

    name: str
    default: Any
    help: str


OPTIONS = (
    Option("dataset", None, "datasets, comma-separated; default: the paper's seven, or those of the experiment"),
    Option("variant", None, "variants; default: all spiking ones, or those of the experiment"),
    Option("backend", None, "spikingjelly, snntorch; default: both"),
    Option("engine", "auto", "auto, step (the framework's own stepping) or fused"),
    Option("protocol", PROTOCOL, "smoke, suite or paper; changed as in suite+epochs=20"),
    Option("seeds", "0", "for example 0-4 or 0,3"),
    Option("data_source", "auto", "auto (the original if it is here, else a stand-in), original or standin"),
    Option("results", LOCAL, "folder of the results"),
    Option("keep_checkpoints", False, "keep the checkpoints of cells that are finished"),
    Option("rerun", False, "run cells again that are in the results already"),
)

PLUGINS = "LIF_ROLES_PLUGINS"
"""The variable that names Python files or modules which register a user's own; separated as PATH is."""


def add_plugins(names: Iterable[str]) -> None:
    """Have these plugins loaded (suite.registry) when a name is first looked up, in child processes too."""
    known = [name for name in os.environ.get(PLUGINS, "").split(os.pathsep) if name]
    files = [os.path.abspath(name) if name.endswith(".py") else name for name in names]
    if files:
        os.environ[PLUGINS] = os.pathsep.join(dict.fromkeys([*known, *files]))
