"""XOR accuracy against the delay between the patterns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("delay_ladder")
def test_delay_ladder(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
