"""`lif-roles data`: get, check and show datasets, and say where they are."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from suite.options import path
from suite.terminal import console, notes

app = typer.Typer(
    name="data", help="Get, check and show datasets.", no_args_is_help=True, pretty_exceptions_enable=False
)

Source = Annotated[str, typer.Option(help="auto, original or standin.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="An option of the loader, for example n_steps=100.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every dataset and where it is."""
    from suite.datasets import locate
    from suite.registry import datasets

    found = {name: locate(name) for name in datasets}
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, where in found.items():
        table.add_row(name, where)
    console.print(table)


@app.command()
def get(names: Annotated[list[str], typer.Argument(help="Datasets to get.")]) -> None:
    """Download originals into LIF_ROLES_DATA, check them against the published checksums, and unpack them."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from suite.data.download import get as get_one

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    for name in names:
        with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
            task = bar.add_task(name, total=None)

            def progress(what: str, done: int, total: int | None, bar: Progress = bar, task: Any = task) -> None:
                bar.update(task, description=what, completed=done, total=total)

            places = get_one(name, progress)
        for place in places:
            console.print(f"{name}: {place}", soft_wrap=True)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="The dataset.")],
    source: Source = "auto",
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Go through a dataset and compare counts, shapes and statistics with the published ones."""
    from suite.data.check import check as run_check

    report = run_check(name, source=source, **_options(set_))
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        title = f"{name}: {report.source}, data {report.data_hash}"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
        for column in ("", "found", "published", ""):
            table.add_column(column, overflow="fold")
        verdict = {None: "", True: "ok", False: "DIFFERS"}
        for finding in report.findings:
            style = "red" if finding.ok is False else None
            table.add_row(finding.what, finding.found, finding.expected, verdict[finding.ok], style=style)
        console.print(table)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The dataset.")],
    out: Annotated[str | None, typer.Option(help="The PNG to write; default: NAME.png.")] = None,
    source: Source = "auto",
    set_: Set = None,
) -> None:
    """Draw a few samples and the class balance into a PNG."""
    from suite.data.show import show as draw

    target = path("--out", f"{name}.png" if out is None else out)
    draw(name, target, source=source, **_options(set_))
    console.print(str(target), soft_wrap=True)


def _options(given: list[str] | None) -> dict[str, Any]:
    """name=value pairs; values are read as JSON where they are, else as text. Raises ValueError for anything else."""
    options = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"--set {pair!r} must be name=value, for example n_steps=100")
        if name in ("name", "source"):
            raise ValueError(f"--set {pair!r}: the dataset's name is the argument, its source the option --source")
        try:
            options[name] = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            options[name] = value
    return options
