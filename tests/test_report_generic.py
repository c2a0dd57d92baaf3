from report_rows import artifact, results_of, row
from rich.console import Console

from suite.report.terminal import tables


def shown(rows, experiment):
    console = Console(width=120)
    with console.capture() as captured:
        for table in tables(results_of(rows), experiment):
            console.print(table)
    return captured.get()


def test_metrics_by_variant():
    at = {"experiment": "robustness", "metric": "flips", "at": {"attack": "gradient"}, "unit": "flips"}
    rows = [row(value=100, **at), row(value=200, **at, seed=1), row(value=50, variant="without_reset", **at)]
    rows += [
        artifact("samples", None, value=1, experiment="robustness"),
        row(value=9, **at, variant="baseline", backend="snntorch"),
    ]
    said = shown([*rows, row(value=0.5)], "robustness")
    title = "robustness on xor: data generated, protocol suite, benchmark 2, engine fused, SpikingJelly, n = 1 to 2"
    assert title in " ".join(said.split())
    (line,) = [line.split() for line in said.splitlines() if "150" in line]
    assert line[-1] == "50"
    assert "snnTorch" in said
    assert "artifact" not in said
    assert " 0.5" not in said


def test_nothing_measured():
    assert shown([row(value=None, experiment="features", status="skipped", reason="no")], "features") == ""
