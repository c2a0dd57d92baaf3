"""The command line, `lif-roles`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer
from rich.table import Table

from suite import __version__
from suite.bench.cli import app as bench
from suite.data.cli import app as data
from suite.errors import SuiteError
from suite.options import LOCAL, OPTIONS, add_plugins, path
from suite.terminal import console, notes, show_all_text

app = typer.Typer(
    name="lif-roles",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(help="A Python file or module that registers variants, datasets, experiments; may be repeated."),
    ] = None,
) -> None:
    """What leakage, reset and recurrence each do for a LIF spiking network, on SpikingJelly and snnTorch."""
    add_plugins(plugin or ())


app.add_typer(data, name="data")
app.add_typer(bench, name="bench")

Results = Annotated[str, typer.Option("--results", help="Folder of the results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the variants, backends, datasets, experiments and protocols that can be run."""
    from neurons import BACKENDS
    from suite.registry import datasets, experiments, protocols_of, variants

    by_dataset = {name: list(protocols_of(name)) for name in datasets}
    table: dict[str, Any] = {
        "variants": {name: _describe(variants[name]) for name in variants},
        "backends": list(BACKENDS),
        "datasets": {name: {"protocols": names} for name, names in by_dataset.items()},
        "experiments": list(experiments),
        "protocols": sorted({name for names in by_dataset.values() for name in names}),
    }
    if as_json:
        print(json.dumps(table, indent=2))
        return
    for kind, items in table.items():
        shown = Table(title=kind, title_justify="left", show_header=False, box=None, padding=(0, 2))
        for name in items:
            details = items[name].items() if isinstance(items, dict) else ()
            shown.add_row(name, ", ".join(f"{key}: {value}" for key, value in details))
        console.print(shown)


def _describe(variant: Any) -> dict[str, Any]:
    return {name: str(value) for name, value in asdict(variant).items() if name != "name"}


def run(experiment: Annotated[str, typer.Argument(help="What to measure.")] = "accuracy", **options: Any) -> None:
    """Train and measure every selected cell, as `pytest benchmarks` does, and print the comparison."""
    from suite.progress import progress_bar
    from suite.report.terminal import tables
    from suite.results import Store, export, read
    from suite.run import last_of_trainings, run_cell
    from suite.selection import select

    folder = path("--results", options.pop("results"))
    rerun, keep = options.pop("rerun"), options.pop("keep_checkpoints")
    asked = select(experiment, **options)
    last = last_of_trainings(asked)
    store = Store(folder)
    failed = 0
    run_ids = set()
    for i, cell in enumerate(asked, start=1):
        try:
            kept = keep or cell not in last
            outcome = run_cell(cell, store, rerun=rerun, keep_checkpoint=kept, progress=progress_bar)
        except Exception as error:  # its record is written; the other cells go on
            failed += 1
            notes.print(f"[{i}/{len(asked)}] {cell}: failed, {error}", style="red")
            continue
        run_ids.add(outcome.run_id)
        said = outcome.status if not outcome.reason else f"{outcome.status}, {outcome.reason}"
        notes.print(f"[{i}/{len(asked)}] {cell}: {said}")
    results = read(folder)
    csv, _ = export(folder, results)
    for table in tables(results.where(results.rows["run_id"].isin(run_ids)), experiment):
        console.print(table)
    console.print(f"rows: {csv}", soft_wrap=True)
    console.print(f"page: lif-roles report --results {shlex.quote(str(folder))}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command, taking `OPTIONS` where it has **options."""
    own = [p for p in signature(command).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    made = [
        Parameter(
            option.name,
            Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=Annotated[
                (str | None) if option.default is None else type(option.default),
                typer.Option(f"--{option.name.replace('_', '-')}", help=option.help),
            ],
        )
        for option in OPTIONS
    ]
    hints = get_type_hints(command, include_extras=True)
    command.__signature__ = Signature([p.replace(annotation=hints[p.name]) for p in own] + made)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in command.__signature__.parameters.values()}  # type: ignore[attr-defined]
    return command


app.command()(_with_options(run))


@app.command("export")
def export_(results: Results = LOCAL) -> None:
    """Write results.csv and curves.csv beside the records."""
    from suite.results import export

    for file in export(path("--results", results)):
        console.print(str(file), soft_wrap=True)


@app.command()
def report(
    results: Results = LOCAL,
    out: Annotated[str | None, typer.Option(help="Where to write; default: RESULTS/report.")] = None,
) -> None:
    """Make the tables (CSV, Markdown, LaTeX), the figures (PNG, SVG) and one HTML page from the results."""
    from suite.report import make

    folder = path("--results", results)
    for file in make(folder, folder / "report" if out is None else path("--out", out)):
        console.print(str(file), soft_wrap=True)


@app.command()
def compare(
    before: Annotated[str, typer.Argument(help="A folder of results, or a results.csv.")],
    after: Annotated[str, typer.Argument(help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Say what changed between two results beyond noise: exit status 0 if nothing did, 1 if something did."""
    from suite.report.compare import changes
    from suite.report.measured import checked
    from suite.results import read

    old, new = (checked(read(path(name, given))) for name, given in (("BEFORE", before), ("AFTER", after)))
    found = changes(old, new)
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
    else:
        console.print(found.text(), soft_wrap=True, markup=False, highlight=False)
    if found.changed or found.lost:
        raise typer.Exit(1)


@app.command()
def suggest(
    purpose: Annotated[str, typer.Option("--for", help="accuracy, memory, robustness, efficiency or generalization.")],
    dataset: Annotated[str, typer.Option(help="On what, separated by commas; default: whatever was measured.")] = "",
    results: Results = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Say which variant to use for a purpose, from measured rows: what it costs elsewhere, and how sure that is."""
    from suite.report import suggest as suggesting
    from suite.report.measured import checked
    from suite.results import read

    names = [name.strip() for name in dataset.split(",") if name.strip()]
    advice = suggesting.suggest(checked(read(path("--results", results))), purpose, names)
    if as_json:
        print(json.dumps(suggesting.as_dict(advice), indent=2))
    else:
        console.print(suggesting.text(advice), soft_wrap=True, markup=False, highlight=False)
    if not advice.suggestions:
        raise typer.Exit(1)


@app.command()
def check(
    as_json: AsJson = False,
    out: Annotated[
        str | None,
        typer.Option(help="Write the differences, and what each does to a small network's accuracy, to this .md file."),
    ] = None,
) -> None:
    """Compare both frameworks, every engine, with the paper's equations, and measure where the frameworks differ."""
    from suite.frameworks.conformance import check as run_check
    from suite.frameworks.conformance import render
    from suite.frameworks.page import markdown
    from suite.results.files import make_folder, write_text

    file = None if out is None else path("--out", out)
    if file is not None:
        make_folder(file.parent)
    result = run_check()
    if file is not None:
        write_text(file, markdown(result.differences))
    if as_json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        for table in render(result):
            console.print(table)
    if not result.ok:
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what this machine can run and why not the rest: versions, hardware, engines, datasets."""
    from suite import doctor as doctor_module

    if as_json:
        print(json.dumps(doctor_module.as_json(), indent=2))
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    area_before = ""
    for area, item, finding in doctor_module.diagnose():
        table.add_row("" if area == area_before else area, item, finding)
        area_before = area
    console.print(table)


def main() -> None:
    """Run the command line; a mistake of the user's, or of the machine's, is one line, not a traceback."""
    show_all_text()
    try:
        app()
    except (SuiteError, ValueError) as error:
        said = str(error)
    except MemoryError as error:
        said = f"there is not enough memory: {error}; ask for less"
    else:
        return
    notes.print(f"error: {said}", style="red", soft_wrap=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
