"""Text from outside - names, messages, paths - in files, tables, figures and on terminals is shown as it is."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from report_rows import artifact, curves, ready, results_of, row
from rich.console import Console
from test_results import keep, record

from suite.report import write
from suite.report.table import Column, Table
from suite.report.table6 import table6
from suite.results import Value, export, load, read, to_csv
from suite.results.text import from_csv
from suite.terminal import console, notes

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", " =1", "  -x"]
REASON = "RuntimeError: fetch 10%\r 55%\r reset"
LATIN_1 = b"caf\xe9".decode("utf-8", "surrogateescape")
NASTY = r"$\frac{1$ <script>alert(1)</script> | [red] :smile: [x](http://y) {a} %s _ \ "
"""As a name: a formula of matplotlib's, HTML, Markdown, Rich's markup, LaTeX."""


def test_a_carriage_return_does_not_end_a_row(tmp_path: Path) -> None:
    """CPython's csv writer does not quote a lone one before 3.11.9."""
    keep(tmp_path)
    keep(tmp_path, record(Value("test_accuracy", None), status="failed", reason=REASON), run_id="b")
    export(tmp_path)
    keep(tmp_path, run_id="c")
    file, _ = export(tmp_path)
    assert (
        len(load(tmp_path)) == len(load(file)) == len(pd.read_csv(file)) == len(file.read_text().splitlines()) - 1 == 3
    )
    assert load(tmp_path).set_index("run_id")["reason"]["b"] == REASON
    assert load(file).set_index("run_id")["reason"]["b"] == "RuntimeError: fetch 10% 55% reset"


def test_a_carriage_return_in_an_artifact_does_not_end_a_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"word": ["a\rb", "c\r\nd", "e"], "n": [1, 2, 3]})
    keep(tmp_path, record(experiment="features"), {"words": table})
    assert read(tmp_path).artifact("features", "words")["word"].tolist() == ["a b", "c d", "e"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula_and_reading_gives_the_text_back(text: str) -> None:
    frame = pd.DataFrame({"text": [text, "a-b", None], "n": [-1, 2, 3]})
    written = to_csv(frame)
    cells = [cells[0] for cells in csv.reader(io.StringIO(written))]
    assert cells == ["text", f" {text}", "a-b", ""]
    assert not cells[1].startswith(("=", "+", "-", "@", "\t"))
    back = from_csv(pd.read_csv(io.StringIO(written), dtype={"text": "string"}))
    assert back["text"].tolist()[:2] == [text, "a-b"]
    assert back["n"].tolist() == [-1, 2, 3]


def test_formulas_in_results_are_text_in_every_file(tmp_path: Path) -> None:
    formula = FORMULAS[0]
    keep(tmp_path, record(status="failed", reason=formula), variant=formula, data_source=formula)
    keep(tmp_path, variant=formula, run_id="b", seed=1)
    export(tmp_path)
    write(read(tmp_path), tmp_path / "report")
    frames = [load(tmp_path), load(tmp_path / "results.csv")]
    for frame in frames:
        assert frame.set_index("run_id")["reason"]["0123456789ab"] == formula
        assert set(frame["variant"]) == {formula}
    files = [*tmp_path.glob("*.csv"), *tmp_path.glob("report/*.csv")]
    assert len(files) > 3
    for file in files:
        cells = [
            cell for line in csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline="")) for cell in line
        ]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))], file


def test_the_bytes_of_a_path_in_another_encoding_are_written_out(tmp_path: Path) -> None:
    keep(tmp_path, record(status="skipped", reason=f"nothing in {LATIN_1}"))
    export(tmp_path)
    for frame in (load(tmp_path), load(tmp_path / "results.csv")):
        assert frame["reason"].tolist() == [r"nothing in caf\udce9"]


def test_a_report_names_files_whose_path_is_no_utf_8(tmp_path: Path) -> None:
    results = results_of([row(value=0.5)])
    results.problem(f"{LATIN_1} cannot be read")
    assert r"caf\udce9 cannot be read" in write(results, tmp_path)[0].read_text()


def run_cli(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "suite.cli", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
    )


def test_a_data_folder_whose_path_is_no_utf_8_is_as_any_other(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    asked = ["--dataset", "mnist", "--data-source", "original", "--variant", "baseline", "--backend", "snntorch"]
    for name, place in (("there", os.fsdecode(folder)), ("missing", str(tmp_path / "none"))):
        done = run_cli("run", *asked, "--results", name, folder=tmp_path, LIF_ROLES_DATA=place)
        assert done.returncode == 0, done.stderr
        assert load(tmp_path / name)["status"].tolist() == ["skipped"]


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


def test_a_terminal_of_ascii_shows_all_that_it_can(tmp_path: Path) -> None:
    asked = ["--dataset", "xor_50", "--variant", "baseline", "--backend", "snntorch", "--results", "r"]
    done = run_cli("run", *asked, folder=tmp_path, **ASCII)
    assert done.returncode == 0, done.stderr
    assert re.search(rb"baseline .*, n=1 .* \?", done.stdout)  # no number of the paper's: a dash
    assert b"rows: r/results.csv" in done.stdout
    done = run_cli("run", "--seeds", "²", folder=tmp_path, **ASCII)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: seeds are")


def test_pytest_on_a_terminal_of_ascii_and_without_capture(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    asked = ["--dataset", "xor_50", "--variant", "baseline", "--backend", "snntorch", "--results", str(tmp_path / "r")]
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "-p", "no:capture", *asked]
    done = subprocess.run(command, cwd=root, env={**os.environ, **ASCII}, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert re.search(rb"baseline .*, n=1 .* \?", done.stdout)


def test_a_folder_with_brackets_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "[red]x[blue]").mkdir()
    keep(tmp_path / "[red]x[blue]")
    for command in ("export", "report"):
        done = run_cli(command, "--results", "[red]x[blue]", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"[red]x[blue]/re")
    done = run_cli("data", "list", folder=tmp_path, LIF_ROLES_DATA=str(tmp_path / "[red]x[blue]"))
    assert done.returncode == 0, done.stderr
    done = run_cli("run", "[/red]", folder=tmp_path)
    assert b"unknown experiment '[/red]'" in done.stderr


@pytest.mark.parametrize("one", [console, notes])
def test_the_terminal_takes_text_for_text(one: Console) -> None:
    from rich.table import Table as RichTable

    table = RichTable("[red]a", title="[/b]")
    table.add_row(":smile: [/red]")
    with one.capture() as captured:
        one.print("[red]x[/blue] :smile:", table, soft_wrap=True)
    for text in ("[red]x[/blue] :smile:", "[red]a", "[/b]", ":smile: [/red]"):
        assert text in captured.get()


def test_a_progress_bar_takes_names_for_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from suite import progress
    from suite.experiments.base import Cell

    said = io.StringIO()
    monkeypatch.setattr(progress, "notes", Console(file=said, force_terminal=True, width=200))
    with progress.progress_bar(Cell("accuracy", "xor", "[/red]mine", "snntorch", 0, "smoke"), 1, 10) as (on_step, _):
        on_step(0, 10)
    assert "[/red]mine" in said.getvalue()


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")
def test_a_nasty_name_is_text_in_the_whole_report(tmp_path: Path) -> None:
    about = {"variant": NASTY, "backend": NASTY, "dataset": NASTY, "protocol": NASTY, "engine": NASTY, "kernel": NASTY}
    about |= {"data_source": NASTY, "unit": NASTY}
    rows, lines = [], []
    for seed in range(2):
        rows += [row(value=0.5 + 0.1 * seed, seed=seed, **{**about, "unit": "fraction"})]
        lines += curves(train_accuracy=[0.5], validation_accuracy=[0.5], seed=seed, loss_unit=NASTY, **about)
        rows += [row(value=seed, seed=seed, experiment="mine", metric=NASTY, at={"layer": NASTY}, **about)]
        for name in ("delay_ladder", "diagnosis", "spike_rate"):
            rows += [row(value=0.5, seed=seed, experiment=name, at={"T": 50}, **about)]
    made = write(results_of(rows, lines), tmp_path)
    html = made[0].read_text()
    assert html.count("<script") == 1  # the page's own
    assert "&lt;script&gt;" in html
    for path in tmp_path.glob("*.md"):
        text = path.read_text()
        assert "<script" not in text, path
        assert "](http" not in text, path


def test_markdown_of_a_table_is_text_in_its_heads_too() -> None:
    table = Table("mine", "Title", (Column("a|b <i>"), Column("[x](http://y)")), (("`c`", "~~d~~"),), pd.DataFrame())
    lines = table.markdown().splitlines()
    assert lines[2] == r"| a\|b &lt;i> | [x]\(http://y) |"
    assert lines[4] == r"| \`c\` | \~\~d\~\~ |"


@pytest.mark.parametrize("value", [97.5, float("inf"), float("-inf"), -0.1])
def test_an_accuracy_out_of_range_is_marked_and_ends_no_report(tmp_path: Path, value: float) -> None:
    """Someone wrote percent."""
    for seed, right in enumerate((0.975, 0.981)):
        keep(tmp_path, record(Value("test_accuracy", right, "fraction", n=100)), run_id=f"r{seed}", seed=seed)
    bad = record(Value("test_accuracy", value, "fraction", n=100))
    keep(tmp_path, bad, run_id="x", variant="without_reset")
    html = write(read(tmp_path), tmp_path / "report")[0].read_text()
    assert f"run x (xor, without_reset, snntorch, seed 0): the test_accuracy of accuracy is {value:g}" in html
    assert "97.8 [88.3, 99.6], n=2" in html


def test_an_artifact_of_a_nasty_name_is_read(tmp_path: Path) -> None:
    keep(tmp_path, record(experiment="features"), {"points": pd.DataFrame({"x": [1.5], "of": ["=1"]})}, variant=NASTY)
    assert read(tmp_path).artifact("features", "points")[["x", "of"]].to_numpy().tolist() == [[1.5, "=1"]]
    assert artifact("points", None, value=1)["metric"] == "artifact"
    assert json.loads(json.dumps(NASTY)) == NASTY
    assert len(table6(ready([row(value=0.5, variant=NASTY)])).rows) == 1
