"""Shared by all tests."""

from __future__ import annotations

import os
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run with -m slow, or when their file or they themselves are named."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.markexpr:
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(autouse=True)
def _read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spoken words are read in this process: to try each file in another one first takes seconds, and has its own
    tests (`read_safely`).
    """
    from suite.datasets.events import speech
    from suite.datasets.formats.heidelberg import read

    monkeypatch.setattr(speech, "read_safely", read)
