"""Accuracy at time bins that the network was not trained with (Table 7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("generalization")
def test_generalization(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
