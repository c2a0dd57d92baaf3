"""`pytest benchmarks`: one test a cell, its record into the results, the tables at the end."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from suite.errors import SuiteError
from suite.experiments.base import Cell
from suite.options import OPTIONS, add_plugins, path
from suite.progress import progress_bar
from suite.registry import experiments
from suite.results import Store, export, read
from suite.run import BENCHMARK_VERSION, last_of_trainings, run_cell
from suite.selection import first, parse_names, select

DEFAULT = "accuracy"
"""The experiment that runs unless others are asked for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lif-roles", "what to run (comma-separated names, or all)")
    group.addoption("--experiment", help=f"experiments; default: {DEFAULT}, or those named with -m")
    group.addoption("--plugin", action="append", help="Python file or module that registers your own")
    for option in OPTIONS:
        flag = "--" + option.name.replace("_", "-")
        if option.default is False:
            group.addoption(flag, action="store_true", help=option.help)
        else:
            shown = "" if option.default is None else f"; default: {option.default}"
            kind = str if option.default is None else type(option.default)
            group.addoption(flag, type=kind, default=option.default, help=option.help + shown)


_STORE = pytest.StashKey[Store]()
_LAST = pytest.StashKey[set[Cell]]()
_CELLS = pytest.StashKey[dict[str, list[Cell]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "default")  # a dead network is a warning here, not an error
    try:
        add_plugins(config.getoption("--plugin") or ())
        for name in experiments:
            config.addinivalue_line("markers", f"{name}: {experiments[name].says} (pytest benchmarks -m {name})")
        config.stash[_CELLS] = {name: list(_cells(config, name)) for name in _asked(config)}
        if not config.option.collectonly:
            config.stash[_STORE] = Store(config.rootpath / path("--results", config.getoption("--results")))
    except (SuiteError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        _share_cores(workers)


def _asked(config: pytest.Config) -> list[str]:
    """The experiments to make tests of. With -m, those that its expression may select; pytest then selects itself."""
    chosen, marked = config.getoption("--experiment"), config.option.markexpr
    if chosen is not None:
        return parse_names(chosen, experiments, "experiment")
    if not marked:
        return [DEFAULT]
    words = set(re.findall(r"\w+", marked))
    return [name for name in experiments if "not" in words or name in words]


def _cells(config: pytest.Config, experiment: str) -> Iterator[Cell]:
    names = [option.name for option in OPTIONS if option.name not in ("results", "rerun", "keep_checkpoints")]
    yield from select(experiment, **{name: config.getoption(f"--{name.replace('_', '-')}") for name in names})


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
    if "cell" in metafunc.fixturenames:
        cells = [
            pytest.param(cell, id=f"{name}-{cell}", marks=getattr(pytest.mark, name))
            for name, own in metafunc.config.stash[_CELLS].items()
            for cell in own
        ]
        metafunc.parametrize("cell", cells)


def pytest_collection_finish(session: pytest.Session) -> None:
    cells = [item.callspec.params["cell"] for item in session.items if hasattr(item, "callspec")]
    session.config.stash[_LAST] = last_of_trainings(cells)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Callable[[Cell], None]:
    """Bring a cell to its record; skip if it is there already or cannot be made."""
    config = request.config
    store = config.stash[_STORE]

    def bring(cell: Cell) -> None:
        keep = config.getoption("--keep-checkpoints") or cell not in config.stash[_LAST]
        options = {"rerun": config.getoption("--rerun"), "keep_checkpoint": keep, "progress": progress_bar}
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is None:  # -p no:capture
            outcome = run_cell(cell, store, **options)
        else:
            with capture.global_and_fixture_disabled():  # so that the progress bar reaches the terminal
                outcome = run_cell(cell, store, **options)
        if outcome.status in ("present", "skipped"):
            pytest.skip(outcome.reason)

    return bring


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The tables of the cells that were asked for, from their records."""
    from suite.report import write
    from suite.report.terminal import tables

    if config.option.collectonly or hasattr(config, "workerinput"):
        return
    folder = config.stash[_STORE].folder
    results = read(folder)
    csv, _ = export(folder, results)
    rows = results.rows
    cells = [cell for own in config.stash[_CELLS].values() for cell in own]
    asked = {(cell.dataset, cell.variant, cell.backend, cell.protocol, cell.seed) for cell in cells}
    keys = rows[["dataset", "variant", "backend", "protocol", "seed"]].itertuples(index=False, name=None)
    now = rows["benchmark_version"] == BENCHMARK_VERSION
    own = results.where([key in asked and new for key, new in zip(keys, now, strict=True)])
    file = terminalreporter._tw._file
    console = Console(file=file, width=max(terminalreporter._tw.fullwidth, 100), markup=False, emoji=False)
    with console.capture() as captured:
        for experiment in config.stash[_CELLS]:
            console.print(*tables(own, experiment))
    terminalreporter.write_line("")
    encoding = getattr(file, "encoding", None) or "utf-8"
    terminalreporter.write_line(captured.get().encode(encoding, "replace").decode(encoding))
    terminalreporter.write_line(f"rows: {csv}")
    if cells == first():
        page, *_ = write(results, folder / "report")
        terminalreporter.write_line(f"page: {page}")
    else:
        terminalreporter.write_line(f"page: lif-roles report --results {shlex.quote(str(folder))}")
