from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

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


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gone", "no_such_module:X", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("lost", "math:no_such_name", "AttributeError"),
        ("raises", "raising_plugin:X", "RuntimeError: no luck"),
        ("leaves", "leaving_plugin:X", "SystemExit: 3"),
        ("mine", "sys:maxsize", "thing 'mine' is registered already"),
        ("junk", "math:pi", "thing 'junk' must be a builtins.int"),
        ("=1", "sys:maxsize", "no formula"),
    ],
)
def test_an_entry_point_that_does_not_work_is_named_once_and_left_out(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "raising_plugin.py").write_text("raise RuntimeError('no luck')")
    (tmp_path / "leaving_plugin.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    entries = [metadata.EntryPoint(*one, "lif_roles.things") for one in ((name, value), ("theirs", "sys:maxsize"))]
    monkeypatch.setattr(metadata, "entry_points", lambda group: entries)  # noqa: ARG005
    registry: Registry[int] = Registry("thing", {"mine": 1}, of=(int,))
    with pytest.warns(UserWarning, match="is left out") as warned:
        assert list(registry) == ["mine", "theirs"]
    (one,) = warned
    assert f"thing '{name}' of the installed package behind '{value}' is left out" in str(one.message)
    assert message in str(one.message)
    assert registry["mine"] == 1
    assert registry["theirs"] == sys.maxsize
    with pytest.raises(ValueError, match="unknown thing 'other'"):
        registry["other"]


def test_a_command_works_beside_broken_packages(tmp_path: Path) -> None:
    """As installed: each kind has an entry point that raises, one that is not there and one that is junk."""
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (tmp_path / "broken.py").write_text("raise RuntimeError('no luck')")
    groups = "".join(
        f"[lif_roles.{kind}s]\nraises = broken:X\nmissing = nowhere:X\njunk = math:pi\nmine = math:pi\n"
        for kind in ("variant", "dataset", "experiment", "protocol")
    )
    (info / "entry_points.txt").write_text(groups)
    root = str(Path(__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    done = subprocess.run(
        [sys.executable, "-m", "suite.cli", "list", "--json"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "baseline" in json.loads(done.stdout)["variants"]
    assert "Traceback" not in done.stderr
    for kind in ("variant", "dataset", "experiment", "protocol"):
        for name in ("raises", "missing", "junk"):
            assert done.stderr.count(f"{kind} '{name}' of the installed package") == 1


@pytest.mark.parametrize(
    "name", ["", " a", "a\nb", "a,b", "=cmd", "+a", "-a", "@a", "1e5", "123", "nan", "NA", "inf", "True"]
)
def test_a_name_is_text_wherever_it_is_read(name: str) -> None:
    registry: Registry[int] = Registry("thing")
    with pytest.raises(ValueError, match="a name is text on one line"):
        registry.register(name, 1)
    for right in ("none", "k=0.5", "a b", "without_leakage+with_recurrence", "[red]", "v1", "né", "quick/xor", "12e"):
        registry.register(right, 1)


def test_a_variant_is_a_variant() -> None:
    with pytest.raises(
        ValueError, match=r"variant 'mine' must be a neurons.variant.Variant or suite.variants.Baseline"
    ):
        variants.register("mine", 3)  # type: ignore[arg-type]


def test_every_dataset_has_a_suite_and_a_smoke_protocol() -> None:
    for name in datasets:
        assert {"suite", "smoke"} <= set(protocols_of(name))


def test_importing_the_suite_imports_no_heavy_extra() -> None:
    code = (
        "import sys, suite.run, suite.cli; print([m for m in ('cupy', 'ray', 'tonic', 'seaborn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
