"""Accuracy and firing rate against the leak coefficient k."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("leak_sweep")
def test_leak_sweep(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
