"""Tables too large for the results: one value a grid point, a sample or a neuron.

An experiment writes such a table as `artifacts/<run_id>/<experiment>-<name>.csv` beside `results.csv`, and a row with
metric "artifact" points to it: its condition is that path, its value the number of lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from suite.errors import ResultsError
from suite.results import NAMES, atomic_file

METRIC = "artifact"
_MEASURED = ("metric", "value", "unit", "condition", "epoch", "n", "higher_is_better")
ABOUT = [name for name in NAMES if name not in _MEASURED]
"""The columns of a run's row that `all_of` repeats on every line."""


def path(run_id: str, experiment: str, name: str) -> str:
    """Where a table is, from the results' folder."""
    return f"artifacts/{run_id}/{experiment}-{name}.csv"


def save(folder: Path, run_id: str, experiment: str, name: str, table: pd.DataFrame) -> dict[str, Any]:
    """Write `table`, whole or not at all, and return its row. Raises ResultsError if it cannot be written."""
    where = path(run_id, experiment, name)
    (folder / where).parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / where) as part:
        table.to_csv(part, index=False, lineterminator="\n")
    return {"metric": METRIC, "value": len(table), "unit": "lines", "condition": where}


def remove(folder: Path, run_id: str, experiment: str) -> None:
    """Forget a run's tables of one experiment."""
    for file in (folder / "artifacts" / run_id).glob(f"{experiment}-*.csv"):
        file.unlink(missing_ok=True)


def load(folder: Path, condition: str) -> pd.DataFrame:
    """The table that an artifact row's `condition` names. Raises ResultsError if it is not there."""
    file = folder / condition
    try:
        return pd.read_csv(file)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ResultsError(
            f"the results point to {file}, which cannot be read ({error}); run the cell again with --rerun"
        ) from None


def all_of(frame: pd.DataFrame, folder: Path, experiment: str, name: str) -> pd.DataFrame:
    """Every artifact of that name in the results, one below the other, each line with its run's columns."""
    rows = frame[(frame["experiment"] == experiment) & (frame["metric"] == METRIC)]
    rows = rows[rows["condition"].fillna("").str.endswith(f"/{experiment}-{name}.csv")]
    tables = [load(folder, row["condition"]).assign(**{key: row[key] for key in ABOUT}) for _, row in rows.iterrows()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=ABOUT)
