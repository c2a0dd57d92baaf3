"""The documentation's examples are run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from suite.registry import datasets, experiments, protocols, variants
from suite.results import load

ROOT = Path(__file__).parent.parent


def test_extending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for table in (variants, datasets, protocols, experiments):
        monkeypatch.setattr(table, "_items", dict(table._items))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    frame = load(tmp_path / "my-results")
    assert set(zip(frame["variant"], frame["backend"], strict=True)) == {
        (variant, backend) for variant in ("soft", "baseline") for backend in ("spikingjelly", "snntorch")
    }
    assert frame["dataset"].eq("xor_short").all()
    assert (frame["value"] > 0).all()
    assert "xor_short-soft-snntorch-seed0 ok" in capsys.readouterr().out


def test_readme_s_commands_are_what_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "pip install -e '.[test]' && pytest" in readme
    assert "pip install -e '.[test]' && pytest" in (ROOT / ".ci" / "run").read_text()
    assert "pip install -e . && pytest benchmarks" in readme
