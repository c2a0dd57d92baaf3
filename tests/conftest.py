"""Shared by all tests."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest

# Set before anything asks: tests must not find the data or the caches of whoever runs them.
_FOLDER = tempfile.mkdtemp(prefix="lif-roles-tests-")
os.environ["LIF_ROLES_CACHE"] = str(Path(_FOLDER, "cache"))
os.environ.setdefault("MPLBACKEND", "Agg")

pytest_plugins = ["pytester"]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """`pytest` alone runs on all cores; a test or a file that is named, on one."""
    alone = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not hasattr(config, "workerinput")
    if alone and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = "auto"


def _seed() -> None:
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """What a test module draws while it is imported (parameters, constants) is the same in every run."""
    if isinstance(collector, pytest.Module):
        _seed()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """A test draws the same numbers in every run, alone or after others."""
    _seed()


@pytest.fixture(autouse=True)
def _read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spoken words are read in this process: to try each file in another one first takes seconds, and has its own
    tests (`read_safely`).
    """
    from suite.datasets.events import speech
    from suite.datasets.formats.heidelberg import read

    monkeypatch.setattr(speech, "read_safely", read)
