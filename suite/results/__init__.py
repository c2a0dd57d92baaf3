"""Results: rows, their schema, and the store."""

from suite.results.store import COLUMNS, NAMES, STATUSES, Column, Store, atomic_file, load, main, schema, validate

__all__ = ["COLUMNS", "NAMES", "STATUSES", "Column", "Store", "atomic_file", "load", "main", "schema", "validate"]
