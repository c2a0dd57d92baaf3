"""The command line, in this process; its entry point `main` turns the suite's errors into one line."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from neurons import VARIANTS
from suite import cli
from suite.results import load

RUNNER = CliRunner()


def invoke(*arguments: str) -> str:
    result = RUNNER.invoke(cli.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_json_names_everything() -> None:
    table = json.loads(invoke("list", "--json"))
    assert set(VARIANTS) | {"lstm", "gru", "rnn"} == set(table["variants"])
    assert table["variants"]["without_reset"]["reset"] == "none"
    assert table["backends"] == ["spikingjelly", "snntorch"]
    paper = {"xor", "shd", "ssc", "n_mnist", "dvs128_gesture", "mnist", "cifar10"}
    assert paper <= set(table["datasets"])
    assert table["datasets"]["fsdd"]["protocols"] == ["smoke", "suite"]
    assert "accuracy" in table["experiments"]
    assert table["protocols"] == ["paper", "quick", "smoke", "suite"]


def test_list_shows_the_same_names() -> None:
    shown = invoke("list")
    assert "dvs128_gesture" in shown
    assert "complete_leakage" in shown


def test_doctor() -> None:
    table = json.loads(invoke("doctor", "--json"))
    assert table["engine auto"]["snntorch"].startswith("fused (numba-cpu)")
    assert set(table["datasets"]) >= {"xor", "mnist"}
    assert table["versions"]["spikingjelly"].startswith("2.")
    shown = invoke("doctor")
    assert "spikingjelly" in shown
    if table["hardware"]["CuPy"].startswith("CuPy is not installed"):
        assert "[cupy]" in shown  # which rich would take for markup


def test_data_is_there() -> None:
    assert json.loads(invoke("data", "list", "--json"))["xor"] == "generated"


def test_run_writes_rows_and_prints_the_comparison(tmp_path: Path) -> None:
    folder = str(tmp_path)
    options = ["--dataset", "xor", "--variant", "baseline,without_reset", "--seeds", "0-1", "--results", folder]
    shown = invoke("run", *options)
    assert "n=2" in shown
    assert "96.1" in shown
    assert load(tmp_path)["run_id"].nunique() == 8
    before = (tmp_path / "results.csv").read_bytes()
    invoke("run", *options)
    assert (tmp_path / "results.csv").read_bytes() == before


def test_report_from_a_run(tmp_path: Path) -> None:
    invoke("run", "--dataset", "xor", "--variant", "baseline", "--results", str(tmp_path))
    shown = invoke("report", "--results", str(tmp_path), "--out", str(tmp_path / "out"))
    made = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"index.html", "table6.csv", "table6.md", "table6.tex"} <= made
    assert "index.html" in shown
    for suffix in (".png", ".svg"):
        assert any(name.endswith(suffix) for name in made)
