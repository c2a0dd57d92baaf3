"""Every registered experiment, one test a cell: dataset x variant x backend x seed."""

from __future__ import annotations

from collections.abc import Callable

from suite.experiments.base import Cell


def test_cell(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
