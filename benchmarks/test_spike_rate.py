"""Firing rate of every hidden neuron, and synaptic operations (Figure 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("spike_rate")
def test_spike_rate(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
