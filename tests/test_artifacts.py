from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report_rows import frame_of, row

from suite import artifacts
from suite.errors import ResultsError
from suite.experiments.rows import condition, parse_condition


def test_a_table_comes_back_with_its_run(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [0.5, 1.0], "loss": [2.0, 3.0]})
    written = artifacts.save(tmp_path, "abc", "landscape", "grid", table)
    assert written == {
        "metric": "artifact",
        "value": 2,
        "unit": "lines",
        "condition": "artifacts/abc/landscape-grid.csv",
    }
    frame = frame_of([row(experiment="landscape", variant="without_reset", **written), row()])
    back = artifacts.all_of(frame, tmp_path, "landscape", "grid")
    assert back[["x", "loss"]].equals(table)
    assert set(back["variant"]) == {"without_reset"}
    assert artifacts.all_of(frame, tmp_path, "landscape", "other").empty


def test_a_lost_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="--rerun"):
        artifacts.load(tmp_path, "artifacts/abc/landscape-grid.csv")


def test_conditions_are_text_and_back() -> None:
    text = condition(dt_ms=2, mode="fixed_steps")
    assert text == "dt_ms=2, mode=fixed_steps"
    assert parse_condition(text) == {"dt_ms": "2", "mode": "fixed_steps"}
    assert parse_condition("") == {}


def test_only_one_experiment_s_tables_are_removed(tmp_path: Path) -> None:
    for experiment in ("landscape", "features"):
        artifacts.save(tmp_path, "abc", experiment, "table", pd.DataFrame({"x": [1]}))
    artifacts.remove(tmp_path, "abc", "landscape")
    assert [file.name for file in (tmp_path / "artifacts" / "abc").iterdir()] == ["features-table.csv"]
    artifacts.remove(tmp_path, "other", "landscape")
