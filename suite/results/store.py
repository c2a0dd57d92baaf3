"""The records in a folder: any number of processes on any file system may write, since no file is shared."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import ResultsError
from suite.results.files import LEFT_OVER, make_folder, remove, sweep, write_text
from suite.results.record import RUN, Artifact, Incomplete, Record, RunRecord, dump, load_record, load_run
from suite.results.text import to_csv

if TYPE_CHECKING:
    import pandas as pd

RUNS = "runs"
UNDONE = ("failed", "skipped")
"""Statuses of a record that is no result: it is tried again, and never takes the place of one that is."""

CURVES = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class Store:
    """The results in one folder.

    Raises ResultsError if the folder cannot be made or written, before anything is computed for it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.checkpoints = self.folder / "checkpoints"
        try:
            (self.folder / RUNS).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
            for own in (self.folder, self.checkpoints):  # those of the runs, which may be very many: `export`
                sweep(own, *LEFT_OVER)
        except OSError as error:
            raise ResultsError(
                f"cannot write results to {self.folder}: {error.strerror or error}; "
                "choose another folder with --results"
            ) from None

    def run_folder(self, run_id: str) -> Path:
        """Where a run's record is."""
        return self.folder / RUNS / run_id

    def find(self, run_id: str, experiment: str) -> Record | None:
        """The record of one experiment on one run; None if it has not been done, or if a part of it is lost: rows, an
        artifact, what was run, the training's curves.
        """
        folder = self.run_folder(run_id)
        try:
            record, run = load_record(folder / f"{experiment}.json"), load_run(folder)
        except Incomplete:
            return None
        if record is None or run is None:
            return None
        files = [one.file for one in record.artifacts.values()] + ([run.training.curves] if run.training else [])
        return record if all((folder / file).is_file() for file in files) else None

    def run(self, run_id: str) -> RunRecord | None:
        """What was run; None if it is not here."""
        return load_run(self.run_folder(run_id))

    def write_run(self, run: RunRecord, curves: Sequence[Sequence[float | int]] = ()) -> RunRecord:
        """Keep a run, with a line of `CURVES` for each epoch if it was trained; returns it with the curves' file.

        One that was not trained does not take the place of one that was; nor does one whose training was not gone on
        with since, so that the versions stay those it was trained with.
        """
        folder = self._make(run.run_id)
        old = load_run(folder)
        if run.training is None:
            if old is None:
                write_text(folder / RUN, dump(run))
            return old or run
        text = _csv(CURVES, curves)
        run = replace(run, training=replace(run.training, curves=f"curves.{_digest(text)}.csv"))
        assert run.training is not None
        if old is not None and old.training == run.training and (folder / run.training.curves).is_file():
            return old
        write_text(folder / run.training.curves, text)
        write_text(folder / RUN, dump(run))
        _sweep(folder, "curves.*.csv", {run.training.curves})
        return run

    def write(self, run: RunRecord, record: Record, tables: Mapping[str, pd.DataFrame] | None = None) -> None:
        """Keep what an experiment measured, with its artifacts by name. The new takes the place of the old once all of
        it is on the disk; a record that is no result (`UNDONE`) leaves one that is alone.
        """
        folder = self._make(run.run_id)
        name = f"{record.experiment}.json"
        with suppress(Incomplete):
            old = load_record(folder / name)
            if record.status in UNDONE and old is not None and old.status not in UNDONE:
                return
        artifacts = {}
        for artifact, table in (tables or {}).items():
            text = to_csv(table)
            file = f"{record.experiment}-{artifact}.{_digest(text)}.csv"
            write_text(folder / file, text)
            artifacts[artifact] = Artifact(file, len(table))
        differs = {key: value for key, value in record.made_with.items() if run.made_with.get(key) != value}
        write_text(folder / name, dump(replace(record, artifacts=artifacts, made_with=differs)))
        _sweep(folder, f"{record.experiment}-*.csv", {one.file for one in artifacts.values()})

    def _make(self, run_id: str) -> Path:
        folder = self.run_folder(run_id)
        make_folder(folder)
        return folder


def _csv(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return out.getvalue()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _sweep(folder: Path, pattern: str, keep: set[str]) -> None:
    """Remove the files of a record that was replaced."""
    for file in folder.glob(pattern):
        if file.name not in keep:
            remove(file)
