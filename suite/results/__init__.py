"""Results: records of runs, the rows that people read, and the files they are kept in.

frame = suite.results.load("results/local")  # one row a metric, typed and checked
"""

from suite.results.export import export
from suite.results.files import atomic_file
from suite.results.read import Results, load, read
from suite.results.record import Record, RunRecord, Training, Value
from suite.results.rows import COLUMNS, NAMES, STATUSES, Column, schema, validate
from suite.results.store import Store
from suite.results.text import to_csv

__all__ = [
    "COLUMNS",
    "NAMES",
    "STATUSES",
    "Column",
    "Record",
    "Results",
    "RunRecord",
    "Store",
    "Training",
    "Value",
    "atomic_file",
    "export",
    "load",
    "read",
    "schema",
    "to_csv",
    "validate",
]
