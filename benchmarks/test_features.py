"""The last hidden layer's features (Figure 7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("features")
def test_features(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
