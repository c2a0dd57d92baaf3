"""`pytest benchmarks` as a user calls it, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from suite.registry import experiments
from suite.results import load

ROOT = Path(__file__).parent.parent


def benchmarks(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "--results", str(folder)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_cells_table_and_second_run(tmp_path: Path) -> None:
    done = benchmarks("--dataset", "xor", "--variant", "baseline,without_reset", "-v", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for variant in ("baseline", "without_reset"):
        for backend in ("spikingjelly", "snntorch"):
            assert f"accuracy-xor-{variant}-{backend}-seed0] PASSED" in done.stdout
    assert "4 passed" in done.stdout
    assert "without_reset" in done.stdout.partition("Test accuracy")[2]
    assert "96.1" in done.stdout  # the paper's number beside ours
    assert load(tmp_path)["run_id"].nunique() == 4
    assert not list((tmp_path / "checkpoints").iterdir())

    again = benchmarks("--dataset", "xor", "--variant", "baseline", "-rs", folder=tmp_path)
    assert again.returncode == 0
    assert "2 skipped" in again.stdout
    assert "already in results" in again.stdout
    assert "Test accuracy" in again.stdout

    forced = benchmarks("--dataset", "xor", "--variant", "baseline", "--rerun", folder=tmp_path)
    assert "2 passed" in forced.stdout
    assert load(tmp_path)["run_id"].nunique() == 4


def test_k_selects_and_two_workers_measure_what_one_process_does(tmp_path: Path) -> None:
    asked = ["--dataset", "xor", "--seeds", "0-1", "-k", "complete and snntorch"]
    frames = []
    for workers in ("2", "0"):
        done = benchmarks(*asked, "-n", workers, folder=tmp_path / workers)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 passed" in done.stdout
        assert "n=2" in done.stdout
        frames.append(load(tmp_path / workers))
    assert set(frames[0]["variant"]) == {"complete_leakage"}
    assert set(frames[0]["seed"]) == {0, 1}
    own = ["run_id", "metric", "value"]
    pd.testing.assert_frame_equal(frames[0][own], frames[1][own])


def test_collecting_writes_nothing(tmp_path: Path) -> None:
    done = benchmarks("--collect-only", "-q", "--dataset", "xor", folder=tmp_path / "new")
    assert done.returncode == 0
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-m", "delay_ladder or diagnosis"], {"delay_ladder", "diagnosis"}),
        (["-m", "not accuracy and not landscape"], set(experiments) - {"accuracy", "landscape"}),
        (["--experiment", "features,accuracy"], {"features", "accuracy"}),
        ([], {"accuracy"}),
    ],
)
def test_the_experiments_asked_for_and_no_others(arguments: list[str], expected: set[str], tmp_path: Path) -> None:
    done = benchmarks("--collect-only", "-q", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    names = "|".join(experiments)
    assert set(re.findall(rf"::test_cell\[({names})-", done.stdout)) == expected
    assert "PytestUnknownMarkWarning" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--experiment", "acuracy"], "unknown experiment 'acuracy'; did you mean 'accuracy'"),
        (["--dataset", "mnits"], "unknown dataset 'mnits'; did you mean 'mnist'"),
        (["--seeds", "x"], "seeds are numbers and ranges"),
        (["--dataset", "cifar10", "--variant", "with_recurrence"], "convolutional ResNet18 has no recurrent"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = benchmarks(*arguments, folder=tmp_path)
    assert done.returncode == 4
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = benchmarks("--dataset", "xor", folder=tmp_path / "file")
    assert done.returncode == 4
    assert "cannot write results" in done.stderr
    assert "Traceback" not in done.stderr
