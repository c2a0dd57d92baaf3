"""Growth of time and memory: what is varied, the fitted exponents, the files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from suite.bench import growth, lif, ops, timing
from suite.cli import app

CPU = torch.device("cpu")
SMALL = {"T": (2, 4), "B": (2, 4), "N": (2, 4)}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "BASE", (3, 3, 3))


def rows_of(exponents: dict[str, float]) -> pd.DataFrame:
    """What `run` would give if each contender's time and memory were size to the power of its exponent."""
    return pd.DataFrame(
        {
            "axis": axis,
            **dict(zip("TBN", shape, strict=True)),
            "contender": name,
            "median_ms": size**exponent,
            "peak_mb": size if size != 64 else None,
            "device": "a device",
            "torch": "2",
        }
        for axis, shape in growth.points()
        for name, exponent in exponents.items()
        for size in [dict(zip("TBN", shape, strict=True))[axis]]
    )


def test_one_of_three_is_varied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SIZES", {"T": (1, 2), "N": (7,)})
    assert growth.points() == [("T", (1, 3, 3)), ("T", (2, 3, 3)), ("N", (3, 3, 7))]


def test_exponents() -> None:
    frame = growth.with_exponents(rows_of({"SpikingJelly": 1.0, "snnTorch, x[t]": 2.0}))
    found = frame.groupby(["contender", "axis"])[["time_exponent", "memory_exponent"]].first()
    assert found.loc["SpikingJelly"].to_numpy().tolist() == [[1.0, 1.0]] * 3
    assert found.loc["snnTorch, x[t]"].to_numpy().tolist() == [[2.0, 1.0]] * 3
    assert len(frame) == 2 * len(growth.points())


def test_the_exponent_of_one_point_is_unknown() -> None:
    frame = rows_of({"SpikingJelly": 1.0}).groupby("axis").head(1)
    assert growth.with_exponents(frame)["time_exponent"].isna().all()


def test_a_slow_contender_is_left_out_of_larger_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def timings(
        shape: lif.Shape,
        recurrent: bool,  # noqa: ARG001
        device: torch.device,  # noqa: ARG001
        rounds: int,  # noqa: ARG001
        slow_s: float,  # noqa: ARG001
        more: dict[str, timing.Timed],  # noqa: ARG001
        names: list[str],
    ) -> dict[str, timing.Measured]:
        asked.append((shape, len(names)))
        return {name: timing.Measured([3.0 if name == "snnTorch, x[t]" else 0.1]) for name in names}

    monkeypatch.setattr(lif, "timings", timings)
    monkeypatch.setattr(growth, "SIZES", {"T": (2, 4), "B": (2, 4)})
    frames = list(growth.run(device=CPU, with_memory=False))
    all_of_them = len(growth.CONTENDERS)
    assert [n for _, n in asked] == [all_of_them, all_of_them - 1] * 2
    assert [len(frame) for frame in frames] == [n for _, n in asked]


def test_growth_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SIZES", SMALL)
    asked = ["bench", "growth", "--rounds", "1", "--no-memory", "--out", str(tmp_path / "new")]
    result = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert result.exit_code == 0
    rows = pd.read_csv(tmp_path / "new" / "growth-cpu.csv")
    here = [name for name in growth.CONTENDERS if ops.OPS[name].why_not(CPU) is None]
    assert rows[rows["median_ms"].notna()].groupby("contender", sort=False).size().to_dict() == dict.fromkeys(here, 6)
    assert {"time_exponent", "memory_exponent", "peak_mb", "rounds"} <= set(rows)
    assert (tmp_path / "new" / "growth-cpu.png").read_bytes().startswith(b"\x89PNG")


def test_figure_shows_each_contender_in_each_panel() -> None:
    frame = growth.with_exponents(rows_of({"SpikingJelly": 1.0, "snnTorch, x[t]": 2.0}))
    figure = growth.draw(frame, "growth-cpu").figure
    assert len(figure.axes) == 6
    for panel in figure.axes:
        assert len(panel.get_lines()) == 2
        assert panel.get_xscale() == panel.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "SpikingJelly, $T^{1.00}$",
        "snnTorch, x[t], $T^{2.00}$",
    ]
    assert list(figure.axes[3].get_lines()[0].get_xdata()) == [32, 128, 256, 512, 1024, 2048]
