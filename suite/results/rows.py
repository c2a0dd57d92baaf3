"""The columns of results.csv, one row a metric of a run, and their schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from suite.errors import ResultsError

STATUSES = ("ok", "dead", "diverged", "skipped", "failed")


@dataclass(frozen=True)
class Column:
    """One column: `kind` is "string", "integer" or "number"; `required` ones are never empty."""

    name: str
    kind: str
    description: str
    required: bool = True
    enum: tuple[str, ...] = ()


COLUMNS: tuple[Column, ...] = (
    Column(
        "run_id",
        "string",
        "r- and a hash of everything that defines the run: data, variant, backend, engine, protocol, seed",
    ),
    Column("experiment", "string", "What was measured: accuracy, ..."),
    Column(
        "benchmark_version",
        "integer",
        "Raised when a change of the suite alters results; rows of two versions do not compare",
    ),
    Column("dataset", "string", "Name of the dataset"),
    Column(
        "data_source",
        "string",
        "original, standin (made here, in the original's format), generated, or a label of its own",
    ),
    Column(
        "data_hash",
        "string",
        "d- and a hash that changes with the data or its preprocessing; empty if the data could not be loaded",
        required=False,
    ),
    Column("variant", "string", "Name of the variant, or lstm, gru, rnn"),
    Column("variant_parameters", "string", "The variant's definition as JSON"),
    Column("backend", "string", "spikingjelly, snntorch, or torch for the recurrent baselines"),
    Column(
        "engine",
        "string",
        "What ran: step (the framework's own stepping), fused (one kernel over the sequence), or none",
    ),
    Column("kernel", "string", "The code that computed the neurons, for example numba-cpu or snntorch-step"),
    Column("protocol", "string", "suite, paper, smoke, or a user's own"),
    Column("protocol_hash", "string", "p- and a hash that changes with the protocol's definition"),
    Column("seed", "integer", "Seed of the initial weights and of the order of the data"),
    Column("metric", "string", "test_accuracy, train_loss, ..."),
    Column("value", "number", "The metric's value; empty if there is none (see status)", required=False),
    Column("unit", "string", "Unit of the value: fraction, nats, s, ...", required=False),
    Column(
        "condition",
        "string",
        "What the metric was measured under, if there is more than one case",
        required=False,
    ),
    Column(
        "epoch",
        "integer",
        "Epoch that the value belongs to, from 1; for test metrics the selected epoch",
        required=False,
    ),
    Column(
        "status",
        "string",
        "How the run ended: ok, dead (no hidden spikes), diverged (NaN), skipped, failed",
        enum=STATUSES,
    ),
    Column("reason", "string", "Why, unless the status is ok", required=False),
    Column("n", "integer", "Samples that the value is a mean over", required=False),
    Column(
        "higher_is_better",
        "string",
        "true or false, where that makes sense",
        required=False,
        enum=("true", "false"),
    ),
    Column("wall_s", "number", "Seconds that the run took, all sessions of it together", required=False),
    Column(
        "peak_memory_mb",
        "number",
        "Peak memory of the process (CPU: resident set) or of the device (CUDA), MB",
        required=False,
    ),
    Column("suite_version", "string", "Version of lif-roles"),
    Column("torch_version", "string", "Version of PyTorch"),
    Column("framework_version", "string", "Version of the backend"),
    Column("device", "string", "Name of the processor or GPU"),
    Column(
        "git_commit",
        "string",
        "g- and the suite's commit, with + if there were uncommitted changes",
        required=False,
    ),
    Column("finished_at", "string", "UTC time of the end of the run, ISO 8601"),
)
NAMES = [column.name for column in COLUMNS]
_DTYPES: dict[str, Any] = {"string": "string", "integer": "Int64", "number": "float64"}
ROW_DTYPES: dict[str, Any] = {
    **{column.name: _DTYPES[column.kind] for column in COLUMNS},
    "n_classes": "Int64",
    "kind": "string",
}
RUN_COLUMNS = NAMES[:1] + NAMES[2 : NAMES.index("seed") + 1]
"""run_id, benchmark_version, dataset ... seed: what every row of a run repeats."""


def schema() -> dict[str, Any]:
    """The columns as a Frictionless Table Schema (`results/schema.json`)."""
    fields = []
    for column in COLUMNS:
        constraints: dict[str, Any] = {"required": column.required}
        if column.enum:
            constraints["enum"] = list(column.enum)
        field = {"name": column.name, "type": column.kind, "description": column.description}
        fields.append({**field, "constraints": constraints})
    return {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": fields,
        "missingValues": [""],
    }


def validate(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return `frame` with the schema's columns and types. Raises ResultsError, naming column, row and value, where
    it cannot.
    """
    missing = [name for name in NAMES if name not in frame.columns]
    unknown = [name for name in frame.columns if name not in NAMES]
    if missing or unknown:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has unknown {', '.join(unknown)}"] * bool(unknown)
        raise ResultsError(
            f"{source} is no results file of this version: it {' and '.join(parts)} (see results/README.md)"
        )
    typed = {}
    for column in COLUMNS:
        values = frame[column.name]
        empty = values.isna() | (values.astype("string") == "")
        if column.required and bool(empty.any()):
            raise ResultsError(f"{source}: {column.name} is empty in row {_row(empty)}; it must not be")
        try:
            found = values.mask(empty)
            # By way of numbers, as a pandas round trip turns a column of integers with gaps into 1.0, 2.0, ...
            found = found if column.kind == "string" else pd.to_numeric(found)
            if column.kind == "integer" and bool((found.dropna() % 1 != 0).any()):
                raise ValueError
            typed[column.name] = found.astype(_DTYPES[column.kind])
        except (ValueError, TypeError):
            numeric = pd.to_numeric(values.mask(empty), errors="coerce")
            bad = ~empty & (numeric.isna() | (column.kind == "integer") & (numeric % 1 != 0))
            found = values[bad].iloc[0] if bool(bad.any()) else values.iloc[0]
            raise ResultsError(
                f"{source}: {column.name} is {str(found)!r} in row {_row(bad)}; it must be of type {column.kind}"
            ) from None
        if column.enum:
            bad = ~empty & ~typed[column.name].isin(column.enum)
            if bool(bad.any()):
                found = values[bad].iloc[0]
                raise ResultsError(
                    f"{source}: {column.name} is {str(found)!r} in row {_row(bad)}; allowed: {', '.join(column.enum)}"
                )
    return pd.DataFrame(typed, columns=NAMES)


def _row(mask: pd.Series) -> str:
    """The first true row, counted as a text editor counts lines (the header is line 1)."""
    return str(int(np.flatnonzero(mask.to_numpy())[0]) + 2) if bool(mask.any()) else "?"
