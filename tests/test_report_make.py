"""The whole report: one page that stands alone, all of it or nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from report_rows import artifact, curves, ready, results_of, row

from suite import drawing, registry, report
from suite.drawing import COLUMN, Drawing, new_figure, style
from suite.errors import ResultsError
from suite.experiments.base import Experiment, Metric
from suite.report import commands
from suite.results import NAMES, STATUSES


@pytest.fixture(scope="module")
def results():
    rows, lines = [], []
    for backend, kernel in (("spikingjelly", "spikingjelly-step"), ("snntorch", "snntorch-step")):
        for seed, value in enumerate([0.70, 0.80]):
            about = {"backend": backend, "engine": "step", "kernel": kernel, "seed": seed}
            rows.append(row(value=value + 0.01 * (backend == "snntorch") * seed, **about))
            lines += curves(train_accuracy=[0.5], validation_accuracy=[0.5], **about)
    missing = {"dataset": "ssc", "data_source": "missing", "data_hash": None, "n": None, "epoch": None}
    rows.append(row(**missing, value=None, status="skipped", reason="no <SSC> here"))
    return results_of(rows, lines)


@pytest.fixture(scope="module")
def made(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    paths = report.write(results, out)
    assert sorted(paths) == sorted(out.iterdir())
    return paths


def test_everything_is_written(made):
    assert made[0].name == "index.html"
    names = {path.name for path in made}
    tables = {f"{name}.{kind}" for name in ("table6", "agreement", "claims") for kind in ("csv", "md", "tex")}
    assert tables | {"variants.svg"} <= names
    assert {f"{kind}_xor_generated_suite_step.png" for kind in ("accuracy", "curves")} <= names
    assert "table7.csv" not in names  # no rows


def test_page_stands_alone_and_says_what_a_reader_must_know(made):
    html = made[0].read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert html.count("<img ") == 3
    assert str(made[0].parent) not in html
    for wanted in (
        "75.0 [9.2, 98.9], n=2",
        "data generated",
        "no &lt;SSC&gt; here",
        "spikingjelly-step",
        "a CPU",
        "aaaa",
        "abc",
    ):
        assert wanted in html, wanted
    counts = ", ".join(f"{ {'ok': 4, 'skipped': 1}.get(status, 0) } {status}" for status in STATUSES)
    assert f"Runs by status: {counts}." in html
    assert "What is wrong" not in html
    assert "pytest benchmarks --dataset xor --variant baseline --backend spikingjelly,snntorch" in html


def test_commands_ask_for_what_the_rows_have():
    rows = [row(value=0.5, seed=seed, dataset=name) for name in ("mnist", "xor") for seed in (2, 0)]
    rows.append(row(value=0.5, variant="lstm", backend="torch", engine="none", kernel="none", data_source="standin"))
    assert commands.again(ready(rows)) == [
        "pytest benchmarks --dataset xor,mnist --variant baseline --backend spikingjelly --protocol suite "
        "--engine fused --seeds 0,2 --data-source auto",
        "pytest benchmarks --dataset xor --variant lstm --protocol suite --engine auto --seeds 0 --data-source standin",
    ]


def test_commands_are_for_every_experiment_and_only_for_what_was_run_on_each_dataset():
    rows = [row(value=0.5, experiment="robustness", metric="flips_median", dataset="n_mnist", variant="k=0.5")]
    rows += [row(value=0.5, experiment="delay_ladder", dataset=name) for name in ("xor", "xor_50")]
    rows.append(row(value=0.5, experiment="delay_ladder", dataset="xor_100", variant="without_reset"))
    end = "--backend spikingjelly --protocol suite --engine fused --seeds 0 --data-source auto"
    assert commands.again(ready(rows)) == [
        f"pytest benchmarks -m delay_ladder --dataset xor,xor_50 --variant baseline {end}",
        f"pytest benchmarks -m delay_ladder --dataset xor_100 --variant without_reset {end}",
        f"pytest benchmarks -m robustness --dataset n_mnist --variant k=0.5 {end}",
    ]


def test_a_failing_figure_leaves_the_earlier_report_as_it_was(results, tmp_path, monkeypatch):
    before = {"index.html": b"earlier", "table6.csv": b"earlier too"}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)

    def broken(_):
        raise RuntimeError("no figure")
        yield

    monkeypatch.setattr("suite.report.figures.curves.draw", broken)
    with pytest.raises(RuntimeError, match="no figure"):
        report.write(results, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_results_without_accuracy_give_a_page_that_says_so(tmp_path):
    pd.DataFrame(columns=NAMES).to_csv(tmp_path / "results.csv", index=False)
    made = report.make(tmp_path, tmp_path / "out")
    assert (
        "there are no test_accuracy rows of the accuracy experiment: run <code>lif-roles run accuracy"
        in made[0].read_text()
    )


def test_no_results_and_a_foreign_file_are_clear_errors_and_leave_nothing(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ResultsError, match="there are no results"):
        report.make(tmp_path, out)
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ResultsError, match="unknown a, b"):
        report.make(tmp_path, out)
    assert not out.exists()


def test_an_output_that_is_a_file_is_a_clear_error(results, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot write the report"):
        report.write(results, tmp_path / "file")


def test_commands_are_quoted_for_a_shell():
    rows = [row(value=0.5, variant="mine; rm -rf $HOME", dataset="a b")]
    (command,) = commands.again(ready(rows))
    assert "--dataset 'a b' --variant 'mine; rm -rf $HOME' --backend spikingjelly " in command


def test_values_that_are_no_accuracies_are_named_and_marked(tmp_path):
    rows = [row(value=0.975), row(value=0.981, seed=1), row(value=97.5, variant="without_reset")]
    html = report.write(results_of(rows), tmp_path)[0].read_text()
    problem = (
        "(xor, without_reset, spikingjelly, seed 0): the test_accuracy of accuracy is 97.5, "
        "which is no fraction from 0 to 1; left out"
    )
    assert problem in html
    assert '<td class="number">1 invalid</td>' in html
    assert '<td class="number">97.8 [88.3, 99.6], n=2</td>' in html


USERS = {
    "experiment": "my_<experiment>",
    "metric": "energy",
    "unit": "nJ",
    "variant": "my <variant>",
    "dataset": "mine",
}


def test_an_experiment_that_the_suite_does_not_know_has_a_table_on_the_page(tmp_path):
    rows = [row(value=1.5, at={"layer": 1}, **USERS), row(value=2.5, at={"layer": 1}, seed=1, **USERS)]
    rows += [
        row(value=7, at={"layer": 1}, **{**USERS, "variant": "baseline"}),
        artifact("x", None, value=3, **{k: USERS[k] for k in ("experiment", "dataset")}),
    ]
    html = report.write(results_of(rows), tmp_path)[0].read_text()
    _, _, section = html.partition("<h2>Experiment my_&lt;experiment&gt;</h2>")
    section, _, _ = section.partition("<h2")
    assert (
        "on mine: data generated, protocol suite, benchmark 2, engine fused, SpikingJelly, n = 1 to 2</h3>" in section
    )
    assert (
        '<th scope="col" class="number">baseline</th><th scope="col" class="number">my &lt;variant&gt;</th>' in section
    )
    assert '<td>energy (nJ)</td><td>layer=1</td><td class="number">7</td><td class="number">2</td>' in section
    assert section.count("<tr>") == 2
    assert "<h2>Experiment accuracy" not in html


def test_an_experiment_that_says_how_it_is_drawn_is_drawn(tmp_path, monkeypatch):
    def draw(results):
        with style():
            figure, _ = new_figure(COLUMN, 1.0, "mine")
        yield Drawing("mine", "My figure", "mine", figure, results.rows[["value"]])

    mine = Experiment("mine", "Mine", lambda _: [], (Metric("energy", "nJ"),), draw=draw)
    monkeypatch.setitem(registry.experiments._items, "mine", mine)
    paths = report.write(results_of([row(value=1.5, experiment="mine")]), tmp_path)
    assert {"mine.png", "mine.svg", "mine.csv"} <= {path.name for path in paths}
    assert "My figure" in paths[0].read_text()
    assert "<h2>Experiment mine" not in paths[0].read_text()


def imported(file):
    """The modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_the_report_imports_what_is_below_it_and_of_neurons_what_knows_no_framework():
    files = [Path(drawing.__file__), *Path(report.__file__).parent.rglob("*.py")]
    names = {name for file in files for name in imported(file)}
    assert not {name for name in names if name.startswith(("spikingjelly", "snntorch"))}
    neurons = {name for name in names if name.partition(".")[0] == "neurons"}
    assert neurons == {"neurons.names", "neurons.reference", "neurons.variant"}
    below = ("suite.report", "suite.drawing", "suite.results", "suite.paper", "suite.errors", "suite.registry")
    assert [name for name in names if name.startswith("suite.") and not name.startswith(below)] == []


def test_making_a_report_imports_no_framework(tmp_path):
    pd.DataFrame(columns=NAMES).to_csv(tmp_path / "results.csv", index=False)
    code = (
        "import sys; from pathlib import Path; from suite.report import make; "
        f"make({str(tmp_path)!r}, Path({str(tmp_path / 'out')!r})); "
        "print([m for m in ('spikingjelly', 'snntorch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
