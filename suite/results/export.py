"""results.csv and curves.csv, which people read, from the records."""

from __future__ import annotations

import os
from pathlib import Path

from suite.results.files import LEFT_OVER, sweep, write_text
from suite.results.read import Results, read
from suite.results.rows import NAMES
from suite.results.store import CURVES, RUNS
from suite.results.text import to_csv

CURVE_COLUMNS = ["run_id", "benchmark_version", "dataset", "variant", "backend", "seed", *CURVES, "loss_unit"]
"""Of curves.csv: the run, a little of what it is, and the numbers; all else is in results.csv under the same run_id."""

_ORDER = ["experiment", "benchmark_version", "dataset", "protocol", "variant", "backend", "engine", "seed", "run_id"]


def export(folder: Path, results: Results | None = None) -> list[Path]:
    """Write results.csv (a row a metric) and curves.csv (a row a run and epoch) beside the records; returns their
    paths. Left-overs in the runs' folders are swept. `results`: the folder's, if they have been read. Raises
    ResultsError if there are no records, or if they cannot be written.
    """
    results = read(folder) if results is None else results
    rows = results.rows.sort_values(_ORDER, kind="stable")[NAMES]
    rows["reason"] = rows["reason"].str.replace(r"\s+", " ", regex=True)
    curves = results.curves[CURVE_COLUMNS]
    files = [folder / "results.csv", folder / "curves.csv"]
    for run in os.scandir(folder / RUNS):
        sweep(Path(run.path), *LEFT_OVER)
    for file, frame in zip(files, (rows, curves), strict=True):
        write_text(file, to_csv(frame))
    return files
