from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from experiment_cases import Fixed, Table, only, run_of

from neurons import VARIANTS
from suite.datasets.base import Data, Dataset
from suite.experiments.base import Cell, Run
from suite.experiments.generalization import EXPERIMENT, accuracies, steps_at
from suite.registry import datasets, get_protocol, protocols
from suite.results import Store, load
from suite.run import run_cell

Y = torch.tensor([0, 1, 0])
asked: list[dict[str, Any]] = []


def fake(*, source: str, dt_ms: float, n_steps: int) -> Data:
    """Each sample's input is its label in the first bin, and dt_ms everywhere else."""
    asked.append({"source": source, "dt_ms": dt_ms, "n_steps": n_steps})
    x = torch.full((n_steps, len(Y), 1), dt_ms)
    x[0, :, 0] = Y.float()
    split = Fixed(x, Y)
    return Data("fake", "standin", f"{dt_ms}", 2, (1,), n_steps, split, split, split)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    for table in (datasets, protocols):
        monkeypatch.setattr(table, "_items", dict(table._items))
    protocol = replace(get_protocol("smoke", "n_mnist"), data={"dt_ms": 3.0, "n_steps": 15}, batch_size=2, epochs=1)
    datasets.register(Dataset("fake", "temporal", ("a", "b"), fake, {"smoke": protocol}))
    asked.clear()
    # Class 1 wins where the mean over time is over 0.5 (so dt decides, but for the first bin), or the step is over 2.5.
    network = Table(lambda x: torch.cat([torch.full_like(x, 2.5), x], -1))
    run_ = run_of(network, fake(source="standin", dt_ms=3.0, n_steps=15).test, tmp_path, protocol=protocol)  # type: ignore[arg-type]
    asked.clear()
    run_.cell = replace(run_.cell, dataset="fake", source="standin")
    run_.data = replace(run_.data, source="standin")
    return run_


def test_steps_by_hand() -> None:
    assert [steps_at(dt, "fixed_steps", 3, 15) for dt in (1, 2, 3, 5, 10)] == [15] * 5
    assert [steps_at(dt, "fixed_window", 3, 15) for dt in (1, 2, 3, 5, 10)] == [45, 23, 15, 9, 5]
    assert steps_at(0.1, "fixed_window", 0.3, 10) == 30  # not 31, for 0.3 * 10 / 0.1 is 30.000000000000004


def test_every_resolution_mode_and_readout(made: Run) -> None:
    rows = EXPERIMENT.values(made)
    keys = {(row.at["dt_ms"], row.at["mode"], row.at["readout"]) for row in rows}
    assert len(keys) == len(rows) == 5 * 2 * 2
    assert {row.n for row in rows} == {3}
    # the network's own resolution is the run's own test split; the other four are loaded, in two lengths
    assert [(a["dt_ms"], a["n_steps"]) for a in asked] == [
        (1, 15), (1, 45), (2, 15), (2, 23), (5, 15), (5, 9), (10, 15), (10, 5),
    ]  # fmt: skip
    assert {a["source"] for a in asked} == {"standin"}
    assert made.data.test.reads == 1  # type: ignore[attr-defined]


def test_accuracies_by_hand(made: Run) -> None:
    """At 1 and 2 ms class 0 wins everywhere (2 of 3 right), at 5 ms class 1 (1 of 3). At 3 ms the mean over 15 bins is
    2.8 or 2.87: class 1. Of 10 ms bins there are 5 in the window: class 1.
    """
    rows = EXPERIMENT.values(made)
    for dt, n_steps, right in ((1, 45, 2), (2, 23, 2), (3, 15, 1), (5, 9, 1), (10, 5, 1)):
        for readout in ("trained", "last_step"):
            at = f"dt_ms={dt}, n_steps={n_steps}, mode=fixed_window, readout={readout}"
            assert only(rows, "test_accuracy", at).value == pytest.approx(right / 3)


def test_readouts_differ(made: Run) -> None:
    """At 2.9 ms the first bin pulls the mean of 15 under 2.75 (class 0: 2 of 3), but the last step is class 1."""
    made.network = Table(lambda x: torch.cat([torch.full_like(x, 2.85), x], -1))
    rows = EXPERIMENT.values(made)  # 3 ms: means 2.8 and 2.867; last step 3
    at = "dt_ms=3, n_steps=15, mode=fixed_steps, readout="
    assert only(rows, "test_accuracy", at + "trained").value == 1.0
    assert only(rows, "test_accuracy", at + "last_step").value == pytest.approx(1 / 3)


def test_two_sources_are_never_mixed(made: Run) -> None:
    made.data = replace(made.data, source="original")
    with pytest.raises(ValueError, match="trained on original data, but in bins of 1 ms it is standin"):
        EXPERIMENT.values(made)


def test_no_bins_no_value() -> None:
    assert (
        EXPERIMENT.why_not(VARIANTS["baseline"], get_protocol("smoke", "xor"))
        == "its data has no bins of time to change"
    )
    assert EXPERIMENT.why_not(VARIANTS["baseline"], get_protocol("smoke", "n_mnist")) is None


@pytest.mark.parametrize("variant", ["with_recurrence", "lstm", "gru", "rnn"])
@pytest.mark.usefixtures("made")
def test_spiking_networks_and_recurrent_baselines(variant: str, tmp_path: Path) -> None:
    backend = "snntorch" if variant == "with_recurrence" else "torch"
    store = Store(tmp_path)
    cell = Cell("generalization", "fake", variant, backend, 0, "smoke")
    assert run_cell(cell, store).status in ("ok", "dead")
    rows = load(tmp_path).query("experiment == 'generalization'")
    assert rows["value"].between(0, 1).all()
    assert len(rows) == 20


def test_the_last_step_is_one_step(made: Run) -> None:
    """Class 1's output is 0, 0, 1 against 0.6: class 1 in the last step alone, class 0 in any mean of more."""
    made.network = Table(lambda x: torch.cat([torch.full_like(x, 0.6), x], -1))
    split = Fixed(torch.tensor([0.0, 0.0, 1.0]).view(3, 1, 1), torch.tensor([1]))
    assert accuracies(made, split) == ({"trained": 0.0, "last_step": 1.0}, 1)
