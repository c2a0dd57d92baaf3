"""Adversarial attack on the input spikes (Figure 9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("robustness")
def test_robustness(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
