"""`pytest benchmarks`: one test a cell (dataset x variant x backend x seed), rows into the results, the table at
the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from suite.errors import SuiteError
from suite.progress import progress_bar
from suite.registry import experiments
from suite.results import Store
from suite.run import Cell, run_cell
from suite.selection import DEFAULT_PROTOCOL, select


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lif-roles", "what to run (comma-separated names, or all)")
    group.addoption("--dataset", help="datasets; default: the paper's seven")
    group.addoption("--variant", help="variants; default: all")
    group.addoption("--backend", help="spikingjelly,snntorch; default: both")
    group.addoption("--engine", default="auto", help="auto, step (the framework's own stepping) or fused")
    group.addoption("--protocol", default=DEFAULT_PROTOCOL, help="smoke (default), suite or paper")
    group.addoption("--seeds", default="0", help="for example 0-4 or 0,3; default: 0")
    group.addoption(
        "--data-source",
        default="auto",
        help="auto (the original if it is here, else a stand-in), original, standin",
    )
    group.addoption("--results", type=Path, help="folder of results.csv; default: results/local")
    group.addoption("--rerun", action="store_true", help="run cells again that are in the results already")


def _cells(config: pytest.Config, experiment: str) -> list[Cell]:
    option = config.getoption
    return select(
        experiment,
        dataset=option("--dataset"),
        variant=option("--variant"),
        backend=option("--backend"),
        protocol=option("--protocol"),
        engine=option("--engine"),
        seeds=option("--seeds"),
        source=option("--data-source"),
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "experiment(name): the registered experiment whose cells a test runs")
    for name in experiments:
        config.addinivalue_line("markers", f"{name}: tests of this experiment (pytest benchmarks -m {name})")
    config.addinivalue_line("filterwarnings", "default")  # a dead network is a warning here, not an error
    config.stash[_STARTED] = datetime.now(UTC).isoformat(timespec="seconds")
    folder = config.getoption("--results") or config.rootpath / "results" / "local"
    try:
        config.stash[_STORE] = Store(folder)
        config.stash[_ASKED] = _cells(config, "accuracy")
    except (SuiteError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        _share_cores(workers)


_STORE = pytest.StashKey[Store]()
_STARTED = pytest.StashKey[str]()
_ASKED = pytest.StashKey[list[Cell]]()


def _share_cores(workers: int) -> None:
    """Give each of several workers its part of the cores, as all of them for each would only make them wait for
    one another.
    """
    import numba
    import torch

    threads = max(1, (os.cpu_count() or 1) // workers)
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("experiment")
    if marker is not None and "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", _cells(metafunc.config, marker.args[0]), ids=str)


def pytest_itemcollected(item: pytest.Item) -> None:
    marker = item.get_closest_marker("experiment")
    if marker is not None:
        item.add_marker(marker.args[0])  # so that -m finds it by the experiment's name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Accuracy alone, unless the experiments are chosen with -m or by file."""
    if config.option.markexpr:
        return
    files = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
    left_out = [item for item in items if item.path not in files and item.get_closest_marker("accuracy") is None]
    left_out = [item for item in left_out if item.get_closest_marker("experiment") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Callable[[Cell], None]:
    """Bring a cell to its rows; skip if they are there already or cannot be made."""
    config = request.config
    store = config.stash[_STORE]

    def bring(cell: Cell) -> None:
        capture = config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():  # so that the progress bar reaches the terminal
            outcome = run_cell(cell, store, rerun=config.getoption("--rerun"), progress=progress_bar)
        if outcome.status in ("present", "skipped"):
            pytest.skip(outcome.reason)

    return bring


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    from suite.report.terminal import tables
    from suite.results import read

    found = read(config.stash[_STORE].folder)
    frame = found.rows
    asked = {(c.dataset, c.variant, c.backend, c.protocol, c.seed) for c in config.stash[_ASKED]}
    rows = frame[frame["experiment"] == "accuracy"]
    keys = zip(rows["dataset"], rows["variant"], rows["backend"], rows["protocol"], rows["seed"], strict=True)
    rows = rows[pd.Series([key in asked for key in keys], index=rows.index, dtype=bool)]
    new = frame[(frame["experiment"] != "accuracy") & (frame["finished_at"] >= config.stash[_STARTED])]
    if len(rows) or len(new):
        console = Console(width=max(terminalreporter._tw.fullwidth, 100))
        with console.capture() as captured:
            if len(rows):
                console.print(*tables(replace(found, rows=rows), "accuracy"))
            for experiment in new["experiment"].drop_duplicates():
                console.print(*tables(replace(found, rows=new), experiment))
        terminalreporter.write_line("")
        terminalreporter.write_line(captured.get())
        terminalreporter.write_line(f"rows: {config.stash[_STORE].file}")
