"""`lif-roles bench`: the command line of the benchmarks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from suite.options import parsed, path, whole
from suite.terminal import console, notes

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    name="bench",
    help="Measure speed and memory beside the frameworks' own code.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Out = Annotated[str | None, typer.Option("--out", help="Also write the rows to this CSV file.")]
Rounds = Annotated[int, typer.Option(min=1, max=1_000, help="Timed rounds of each contender.")]
Memory = Annotated[bool, typer.Option(help="Measure peak memory too, each in a process of its own.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Shapes = Annotated[list[str] | None, typer.Option(help="T,B,N; may be given several times.")]


@app.command("lif")
def lif(
    out: Out = None,
    rounds: Rounds = 5,
    memory: Memory = True,
    device: Device = "cpu",
    shape: Shapes = None,
    recurrent_shape: Annotated[list[str] | None, typer.Option(help="The same for the recurrent layer.")] = None,
    peer_python: Annotated[
        str | None, typer.Option(help="A Python whose environment has another SpikingJelly (0.0.0.0.14 with CuPy).")
    ] = None,
) -> None:
    """The LIF layer, forward and backward, beside SpikingJelly's, snnTorch's and norse's own and the memory bound."""
    from suite.bench import lif as bench
    from suite.bench.other_python import OtherPython
    from suite.bench.timing import bench_device

    where = bench_device(device)
    shapes, recurrent = [parse_shape(s) for s in shape or ()], [parse_shape(s) for s in recurrent_shape or ()]
    if not shapes and not recurrent:
        shapes = list(bench.SHAPES if where.type == "cpu" else bench.CUDA_SHAPES)
        recurrent = list(bench.RECURRENT_SHAPES)
    with nullcontext() if peer_python is None else OtherPython(peer_python, where.type) as other:
        frames = bench.run(shapes, recurrent, device=where, rounds=rounds, with_memory=memory, other=other)
        _show(frames, out)


@app.command("network")
def network(
    out: Out = None,
    network: Annotated[list[str] | None, typer.Option(help="A network; may be given several times.")] = None,
    rounds: Rounds = 5,
    memory: Memory = True,
    device: Device = "cpu",
    batch_size: Annotated[int | None, typer.Option(min=2, max=65_536, help="Instead of the protocol's.")] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Instead, show where our own step spends its time.")
    ] = False,
) -> None:
    """Whole training steps of the networks of Table 4, beside the same networks in SpikingJelly, snnTorch and norse."""
    from suite.bench import cases
    from suite.bench import network as bench
    from suite.bench.timing import bench_device

    where = bench_device(device)
    if not network:
        for name in cases.SLOW:
            notes.print(f"{name} is left out: a step of ResNet18 takes minutes on a CPU; ask with --network {name}")
    names = network or cases.DEFAULT
    cases.check_names(names)
    if profile:
        from suite.bench.profile import profile as parts

        _show((parts(name, device=where, rounds=rounds, batch_size=batch_size) for name in names), out)
        return
    _show(bench.run(names, device=where, rounds=rounds, with_memory=memory, batch_size=batch_size), out)


@app.command("ablate")
def ablate(out: Out = None, rounds: Rounds = 5, device: Device = "cpu") -> None:
    """Training steps of models as the frameworks' tutorials build them, and of the same with our neurons."""
    from suite.bench import ablate as bench
    from suite.bench.timing import bench_device

    _show(bench.run(device=bench_device(device), rounds=rounds), out)


@app.command("growth")
def growth(
    out: Annotated[str, typer.Option(help="Folder for the rows (CSV) and the figure (PNG, SVG).")],
    rounds: Rounds = 3,
    memory: Memory = True,
    device: Device = "cpu",
) -> None:
    """How time and memory of the LIF layer grow with the steps T, the batch B and the neurons N, one at a time."""
    import pandas as pd

    from suite.bench import growth as bench
    from suite.bench.timing import bench_device
    from suite.drawing import save

    where, folder = bench_device(device), path("--out", out)
    frames = []
    for i, frame in enumerate(bench.run(device=where, rounds=rounds, with_memory=memory), start=1):
        frames.append(frame)
        shape = ", ".join(f"{name} = {frame[name].iloc[0]}" for name in ("T", "B", "N"))
        notes.print(f"[{i}/{len(bench.points())}] {shape}")
    rows = bench.with_exponents(pd.concat(frames, ignore_index=True))
    folder.mkdir(parents=True, exist_ok=True)
    for file in save(bench.draw(rows, f"growth-{where.type}"), folder):
        console.print(str(file), soft_wrap=True)


@app.command("data")
def data(out: Out = None) -> None:
    """Batches of event data beside tonic's own pipeline."""
    from suite.bench.data import run

    _show((make() for make in (run,)), out)


@app.command("records")
def records(
    out: Out = None,
    size: Annotated[list[int] | None, typer.Option(min=1, max=1_000_000, help="Records; may be repeated.")] = None,
) -> None:
    """What one more cell, and a look at which are done, cost with so many records in a folder."""
    from suite.bench.records import SIZES, run

    _show(map(run, [size or SIZES]), out)


def parse_shape(text: str) -> tuple[int, int, int]:
    """T,B,N. Raises ValueError unless it is three positive integers, of `MOST` values together at most."""
    numbers = [parsed(part.strip()) for part in text.split(",")]
    if len(numbers) != 3 or not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError(f"shape {text!r}: give steps, batch and neurons as T,B,N, for example 250,512,64")
    whole(f"shape {text!r}: T times B times N", math.prod(numbers))
    T, B, N = numbers
    return T, B, N


def _show(frames: Iterable[pd.DataFrame], out: str | None) -> None:
    """Print each table as it comes, and keep them all."""
    file = None if out is None else path("--out", out)
    import pandas as pd

    from suite.results import to_csv
    from suite.results.files import write_text

    shown = []
    for frame in frames:
        same = [name for name in frame.columns if len(frame) > 1 and frame[name].nunique(dropna=False) == 1]
        about = ", ".join(f"{name} {frame[name].iloc[0]}" for name in same if str(frame[name].iloc[0]) not in _EMPTY)
        table = Table(box=None, title=about, title_justify="left")
        for name in frame.columns.drop(same):
            table.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(frame[name]) else "left")
        for row in frame.drop(columns=same).itertuples(index=False):
            table.add_row(*("" if str(value) in _EMPTY else str(value) for value in row))
        console.print(table)
        shown.append(frame)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, to_csv(pd.concat(shown, ignore_index=True)))


_EMPTY = ("", "nan", "None")
