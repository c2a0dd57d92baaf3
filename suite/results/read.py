"""Results, read: the rows of results.csv, typed, with what belongs to them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from suite.errors import ResultsError
from suite.results.record import (
    RUN,
    Incomplete,
    Record,
    RunRecord,
    Training,
    condition,
    load_record,
    load_run,
    parse_condition,
)
from suite.results.rows import NAMES, ROW_DTYPES, RUN_COLUMNS, validate
from suite.results.store import CURVES, RUNS
from suite.results.text import from_csv

ARTIFACT = "artifact"
"""The metric of a row that points to an artifact: its condition is the path, its value the number of lines."""

EXTRA = ["at", "n_classes", "kind"]
"""Columns that `Results.rows` has and results.csv has not: typed axes, and the dataset's number and kind of classes."""

ABOUT = [*RUN_COLUMNS, "status", "finished_at", "n_classes", "kind"]
"""What every line of `Results.artifact` and `Results.curves` says of its run."""


@dataclass(eq=False)
class Results:
    """rows: one a metric, the columns of results.csv and `EXTRA`. `problems` has what could not be read, in words."""

    rows: pd.DataFrame
    read_curves: Callable[[Results], pd.DataFrame]
    read_artifact: Callable[[str], pd.DataFrame]
    problems: list[str] = field(default_factory=list)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A line for every run and epoch: `ABOUT`, loss_unit, and epoch, train_loss, train_accuracy, validation_loss,
        validation_accuracy.
        """
        return self.read_curves(self)

    def artifact(self, experiment: str, name: str) -> pd.DataFrame:
        """All artifacts of that name, one below the other, each line with `ABOUT` of its run. One that cannot be read
        is left out and named in `problems`.
        """
        rows = self.rows[(self.rows["experiment"] == experiment) & (self.rows["metric"] == ARTIFACT)]
        tables = []
        for row in rows.to_dict("records"):
            if not Path(row["condition"]).name.startswith(f"{experiment}-{name}."):
                continue
            try:
                table = self.read_artifact(row["condition"])
            except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
                self.problem(f"{row['condition']} cannot be read ({error}); run the cell again with --rerun")
                continue
            tables.append(table.assign(**{key: row[key] for key in ABOUT}))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=ABOUT)

    def where(self, chosen: Iterable[bool]) -> Results:
        """Some of the rows only."""
        return replace(self, rows=self.rows.loc[list(chosen)].reset_index(drop=True))  # [] is no column

    def problem(self, text: str) -> None:
        """Note what is wrong, once."""
        if text not in self.problems:
            self.problems.append(text)


def read(path: str | os.PathLike[str]) -> Results:
    """The results in a folder of records, or in an exported results.csv (or the folder that has one).

    Raises ResultsError if there are none, or if a file is not of this version.
    """
    folder = Path(path)
    if (folder / RUNS).is_dir():
        return _from_records(folder)
    file = folder / "results.csv" if folder.is_dir() else folder
    return _from_csv(file)


def load(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The rows of a folder of records, or of an exported results.csv, typed and checked: the columns of results.csv.

    Raises ResultsError if there is none, or if it does not follow the schema.
    """
    return read(path).rows[NAMES]


def runs(folder: Path) -> Iterator[tuple[Path, RunRecord | None]]:
    """The folder of every run in a folder of results, in order of run_id; and what was run, None if it is not said."""
    for entry in sorted(os.scandir(folder / RUNS), key=lambda entry: entry.name):
        if entry.is_dir() and os.listdir(entry):
            yield Path(entry.path), load_run(Path(entry.path))


def records(folder: Path, problems: list[str]) -> Iterator[Record]:
    """The records in a run's folder; one that lacks rows is a problem."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json") and name != RUN and not name.startswith("."):
            try:
                record = load_record(folder / name)
            except Incomplete as error:
                problems.append(str(error))
                continue
            assert record is not None
            yield record


def _from_records(folder: Path) -> Results:
    lines: list[tuple[Any, ...]] = []
    trained: list[tuple[dict[str, Any], Path, Training]] = []
    problems: list[str] = []
    for place, run in runs(folder):
        if run is None:
            problems.append(f"{place} has no {RUN}, so that its records are left out; copy the run's folder whole")
            continue
        about = {**vars(run), "variant_parameters": json.dumps(run.variant_parameters, sort_keys=True)}
        done = list(records(place, problems))
        for record in done:
            lines += _rows(about, run, record, place.relative_to(folder).as_posix())
        if run.training is not None:
            status = {"status": run.training.status, "finished_at": max((r.finished_at for r in done), default=None)}
            trained.append(({**about, **status}, place / run.training.curves, run.training))
    columns = zip(*lines, strict=True) if lines else ((),) * len(_ROW)
    data: dict[str, Any] = {}
    for name, values in zip(_ROW, columns, strict=True):
        data[name] = list(values) if name == "at" else pd.array(list(values), dtype=ROW_DTYPES[name])
    frame = pd.DataFrame(data, columns=_ROW)
    return Results(frame, lambda results: _curves(results, trained), lambda name: _table(folder / name), problems)


_ROW = [*NAMES, *EXTRA]


def _rows(about: dict[str, Any], run: RunRecord, record: Record, place: str) -> Iterator[tuple[Any, ...]]:
    made = {**run.made_with, **record.made_with}
    same = {
        **{name: about[name] for name in RUN_COLUMNS},
        **made,
        "experiment": record.experiment,
        "status": record.status,
        "reason": record.reason or None,
        "wall_s": run.training.wall_s if run.training else None,
        "peak_memory_mb": record.peak_memory_mb,
        "finished_at": record.finished_at,
        "n_classes": run.n_classes,
        "kind": run.kind,
    }
    for one in record.values:
        better = None if one.higher_is_better is None else str(one.higher_is_better).lower()
        own = {**vars(one), "higher_is_better": better, "condition": condition(one.at) or None, "at": dict(one.at)}
        row = {**same, **own}
        yield tuple(row.get(name) for name in _ROW)
    for artifact in record.artifacts.values():
        own = {"metric": ARTIFACT, "value": artifact.lines, "unit": "lines", "condition": f"{place}/{artifact.file}"}
        row = {**same, **own, "at": {}}
        yield tuple(row.get(name) for name in _ROW)


def _curves(results: Results, trained: list[tuple[dict[str, Any], Path, Training]]) -> pd.DataFrame:
    lines: list[list[str]] = []
    of: list[int] = []  # which run each line is of
    for i, (_, file, _) in enumerate(trained):
        try:
            with file.open(newline="") as opened:
                own = list(csv.reader(opened))[1:]
            if any(len(line) != len(CURVES) for line in own):
                raise ValueError(f"it has not the columns {', '.join(CURVES)}")
        except (OSError, ValueError, csv.Error) as error:
            results.problem(f"{file} cannot be read ({error}); run the cell again with --rerun")
            continue
        lines += own
        of += [i] * len(own)
    numbers = pd.DataFrame(lines, columns=list(CURVES)).apply(lambda column: pd.to_numeric(column.replace("nan", "")))
    runs = pd.DataFrame([{**about, "loss_unit": t.loss_unit} for about, _, t in trained], columns=[*ABOUT, "loss_unit"])
    return pd.concat([runs.iloc[of].reset_index(drop=True), numbers], axis=1)


def _from_csv(file: Path) -> Results:
    try:
        frame = pd.read_csv(file, dtype="string", keep_default_na=False)
    except FileNotFoundError:
        raise ResultsError(
            f"there are no results at {file.parent if file.name == 'results.csv' else file}; "
            "run `pytest benchmarks` or `lif-roles run` first"
        ) from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ResultsError(f"{file} cannot be read as a results file: {error}") from None
    rows = validate(from_csv(frame), str(file))
    pointing = rows["metric"] == ARTIFACT
    at: Any = [
        {} if is_path or pd.isna(text) else parse_condition(text)
        for text, is_path in zip(rows["condition"], pointing, strict=True)
    ]
    rows["at"] = at
    rows["n_classes"] = pd.array([pd.NA] * len(rows), dtype="Int64")  # a CSV does not say
    rows["kind"] = pd.array([pd.NA] * len(rows), dtype="string")

    def curves(results: Results) -> pd.DataFrame:
        beside, columns = file.with_name("curves.csv"), [*ABOUT, "loss_unit", *CURVES]
        try:
            lines = pd.read_csv(beside, dtype={"run_id": "string"})[["run_id", "loss_unit", *CURVES]]
        except (OSError, ValueError, KeyError) as error:
            if beside.exists():
                results.problem(f"{beside} cannot be read ({error}); export it again")
            return pd.DataFrame(columns=columns)
        return lines.merge(rows[ABOUT].drop_duplicates("run_id"), on="run_id")[columns]

    return Results(rows, curves, lambda name: _table(file.parent / name))


def _table(file: Path) -> pd.DataFrame:
    return from_csv(pd.read_csv(file))
