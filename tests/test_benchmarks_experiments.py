"""Which experiments `pytest benchmarks` runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_benchmarks import benchmarks

from suite.registry import experiments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-m", "delay_ladder or diagnosis"], {"delay_ladder", "diagnosis"}),
        (["benchmarks/test_features.py"], {"accuracy", "features"}),
    ],
)
def test_accuracy_and_what_is_asked_for(arguments: list[str], expected: set[str], tmp_path: Path) -> None:
    done = benchmarks("--collect-only", "-q", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r"::test_(\w+)\[", done.stdout)) == expected
    assert "PytestUnknownMarkWarning" not in done.stdout


def test_every_experiment_has_its_benchmark() -> None:
    folder = Path(__file__).parent.parent / "benchmarks"
    assert {file.stem.removeprefix("test_") for file in folder.glob("test_*.py")} >= set(experiments)
