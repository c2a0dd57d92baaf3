from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

from suite.registry import Registry, datasets, protocols_of, variants


def test_decorator_and_call_register() -> None:
    registry: Registry[object] = Registry("thing")
    registry.register("a", 1)

    @registry.register("b")
    def b() -> None: ...

    assert registry["a"] == 1
    assert registry["b"] is b
    assert list(registry) == ["a", "b"]


def test_a_name_is_taken_once() -> None:
    registry: Registry[object] = Registry("thing", {"a": 1})
    with pytest.raises(ValueError, match="thing 'a' is registered already"):
        registry.register("a", 2)
    assert registry["a"] == 1


def test_unknown_name_gives_the_nearest_and_the_list() -> None:
    with pytest.raises(ValueError, match=r"unknown variant 'witout_reset'; did you mean 'without_reset'\? Known: base"):
        variants["witout_reset"]


def test_a_path_is_imported_when_asked_for() -> None:
    registry: Registry[object] = Registry("thing", {"sqrt": "math:sqrt"})
    import math

    assert registry["sqrt"] is math.sqrt


def test_entry_points_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = metadata.EntryPoint("theirs", "math:floor", "lif_roles.things")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == "lif_roles.things" else [])
    registry: Registry[object] = Registry("thing", {"mine": 1})
    import math

    assert list(registry) == ["mine", "theirs"]
    assert registry["theirs"] is math.floor


def test_every_dataset_has_a_suite_and_a_smoke_protocol() -> None:
    for name in datasets:
        assert {"suite", "smoke"} <= set(protocols_of(name))


def test_importing_the_suite_imports_no_heavy_extra() -> None:
    code = (
        "import sys, suite.run, suite.cli; print([m for m in ('cupy', 'ray', 'tonic', 'seaborn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
