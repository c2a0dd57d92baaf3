"""`pytest benchmarks` as a user calls it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
            assert f"accuracy[xor-{variant}-{backend}-seed0] PASSED" in done.stdout
    assert "4 passed" in done.stdout
    assert "without_reset" in done.stdout.partition("Test accuracy")[2]
    assert "96.1" in done.stdout  # the paper's number beside ours
    assert load(tmp_path)["run_id"].nunique() == 4

    again = benchmarks("--dataset", "xor", "--variant", "baseline", "-rs", folder=tmp_path)
    assert again.returncode == 0
    assert "2 skipped" in again.stdout
    assert "already in results" in again.stdout
    assert "Test accuracy" in again.stdout

    forced = benchmarks("--dataset", "xor", "--variant", "baseline", "--rerun", folder=tmp_path)
    assert "2 passed" in forced.stdout
    assert load(tmp_path)["run_id"].nunique() == 4


def test_k_selects_and_two_workers_write_one_file(tmp_path: Path) -> None:
    done = benchmarks("--dataset", "xor", "--seeds", "0-1", "-k", "complete and snntorch", "-n", "2", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    frame = load(tmp_path)
    assert set(frame["variant"]) == {"complete_leakage"}
    assert set(frame["seed"]) == {0, 1}
    assert "n=2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
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
    assert not (tmp_path / "results.csv").exists()


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = benchmarks("--dataset", "xor", folder=tmp_path / "file")
    assert done.returncode == 4
    assert "cannot write results" in done.stderr
    assert "Traceback" not in done.stderr
