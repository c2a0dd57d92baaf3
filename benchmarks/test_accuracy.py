"""Accuracy of every variant on every dataset (Table 6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("accuracy")
def test_accuracy(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
