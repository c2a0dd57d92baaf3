"""A progress bar for a training run: epochs done, samples a second, time left, last validation accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from suite.experiments.base import Callbacks, Cell
from suite.terminal import notes
from suite.training import History


@contextmanager
def progress_bar(cell: Cell, epochs: int, samples: int) -> Iterator[Callbacks]:
    """`run_cell`'s progress, drawn on standard error if that is a terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task(str(cell), total=epochs * samples, state="")

        def on_step(epoch: int, done: int) -> None:
            bar.update(task, completed=epoch * samples + done)

        def on_epoch(history: History) -> None:
            last = history.validation[-1]
            state = f"epoch {history.epoch}/{epochs}  validation {last.accuracy:.1%}  loss {history.train[-1].loss:.3f}"
            bar.update(task, completed=history.epoch * samples, state=state)

        yield on_step, on_epoch
