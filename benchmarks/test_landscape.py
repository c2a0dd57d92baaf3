"""Loss around the trained weights (Figure 6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("landscape")
def test_landscape(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
