"""The documentation's examples are run, the files of a user's own as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from neurons import VARIANTS
from suite.registry import datasets, experiments, protocols, variants
from suite.results import load

ROOT = Path(__file__).parent.parent
EXTENDING = (ROOT / "docs" / "extending.md").read_text()


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_extending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for table in (variants, datasets, protocols, experiments):
        monkeypatch.setattr(table, "_items", dict(table._items))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(EXTENDING):
        exec(block, names)
    frame = load(tmp_path / "my-results")
    assert set(zip(frame["variant"], frame["backend"], strict=True)) == {
        (variant, backend) for variant in ("baseline", "without_reset") for backend in ("spikingjelly", "snntorch")
    }
    assert "xor-without_reset-snntorch-seed0 ok" in capsys.readouterr().out


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The page's variant, dataset and experiment, each in a file of its own outside of the repository."""
    folder = tmp_path_factory.mktemp("mine")
    arguments = []
    for name in ("variant", "dataset", "experiment"):
        (block,) = blocks(
            re.split(r"^## ", EXTENDING, flags=re.MULTILINE)[1:][("variant", "dataset", "experiment").index(name)]
        )
        assert len([line for line in block.splitlines() if line.strip()]) < 20
        (folder / f"my_{name}.py").write_text(block)
        arguments += ["--plugin", str(folder / f"my_{name}.py")]
    return arguments


def call(*command: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_users_own_runs_from_pytest_and_from_the_command_line(plugins: list[str], tmp_path: Path) -> None:
    asked = ["--dataset", "steps", "--variant", "baseline,soft", "--results", str(tmp_path)]
    said = call(
        "pytest",
        "benchmarks",
        "-p",
        "no:cacheprovider",
        *plugins,
        *asked,
        "--experiment",
        "accuracy,weight_norm",
        folder=ROOT,
    )
    assert "8 passed" in said
    assert re.search(r"soft .*n=1", said)
    assert "weight_norm on steps" in said
    assert "layer=1" in said
    said = call("suite.cli", *plugins, "run", "weight_norm", *asked, "--seeds", "1", folder=tmp_path)
    assert "weight_norm on steps" in said
    frame = load(tmp_path)
    assert set(frame["dataset"]) == {"steps"}
    assert set(frame["variant"]) == {"baseline", "soft"}
    assert frame[frame["experiment"] == "weight_norm"]["seed"].nunique() == 2
    assert frame[frame["metric"] == "test_accuracy"]["value"].min() > 0.5  # it is easy

    call("suite.cli", "report", "--results", str(tmp_path), folder=tmp_path)  # the records say all
    table = (tmp_path / "report" / "table6.md").read_text()
    assert re.search(r"\| steps \|.*\| soft", table)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "weight_norm" in page
    assert "steps" in page
    assert (tmp_path / "report" / "accuracy_steps_generated_smoke_fused.svg").exists()
    assert set(pd.read_csv(tmp_path / "report" / "table6.csv")["chance"]) == {0.5}  # two classes, said by the record


def test_a_users_own_network(tmp_path: Path) -> None:
    (section,) = [part for part in re.split(r"^## ", EXTENDING, flags=re.MULTILINE) if part.startswith("A network")]
    (block,) = blocks(section)
    assert len([line for line in block.splitlines() if line.strip()]) < 20
    (tmp_path / "mine.py").write_text(block)
    asked = ["--network", "mine:make_model", "--dataset", "mnist", "--backend", "spikingjelly"]
    asked += ["--results", str(tmp_path / "results")]
    plugin = ["--plugin", str(tmp_path / "mine.py")]
    call("suite.cli", *plugin, "run", *asked, folder=tmp_path)
    frame = load(tmp_path / "results").query("metric == 'test_accuracy'")
    assert dict(zip(frame["variant"], frame["status"], strict=True)) == dict.fromkeys(VARIANTS, "ok")
    assert set(frame["protocol"]) == {"smoke+network=mine:make_model"}
    said = call("pytest", "benchmarks", "-p", "no:cacheprovider", *plugin, *asked, folder=ROOT)
    assert "7 skipped" in said  # all are in the results already


def test_a_plugin_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    for name, why in (
        ("broken.py", "ZeroDivisionError"),
        ("nowhere.py", "FileNotFoundError"),
        ("no_such_module", "ModuleNotFound"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "suite.cli", "--plugin", name, "list"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 2
        assert f"{name} cannot be used" in done.stderr.replace("\n", "")
        assert why in done.stderr
        assert "Traceback" not in done.stderr


def test_readme_s_commands_are_what_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "pip install -e '.[test]' && pytest" in readme
    assert "pip install -e '.[test]' && pytest" in (ROOT / ".ci" / "run").read_text()
    assert "pip install -e . && pytest benchmarks" in readme
