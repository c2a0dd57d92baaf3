"""Why complete leakage is at chance in Table 6: input gain against leak."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from suite.run import Cell


@pytest.mark.experiment("diagnosis")
def test_diagnosis(cell: Cell, run: Callable[[Cell], None]) -> None:
    run(cell)
