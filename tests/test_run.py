from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from neurons import Variant
from suite import registry
from suite.datasets.base import Data, Dataset
from suite.errors import DataUnavailable
from suite.protocols import Protocol
from suite.registry import datasets, experiments, get_protocol, protocols, variants
from suite.results import Store
from suite.run import Cell, run_cell


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    for table in (variants, datasets, protocols, experiments):
        monkeypatch.setattr(table, "_items", dict(table._items))


def cell(**changes: Any) -> Cell:
    fields: dict[str, Any] = {
        "experiment": "accuracy",
        "dataset": "xor",
        "variant": "baseline",
        "backend": "snntorch",
        "seed": 0,
        "protocol": "smoke",
    }
    return Cell(**(fields | changes))


def test_a_cell_becomes_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome = run_cell(cell(), store)
    frame = store.load()
    assert outcome.status == "ok"
    assert set(frame["run_id"]) == {outcome.run_id}
    assert set(frame["metric"]) == {
        "test_accuracy",
        "test_loss",
        "test_spike_rate",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
    }
    protocol = get_protocol("smoke", "xor")
    assert frame[frame["metric"] == "train_loss"]["epoch"].tolist() == list(range(1, protocol.epochs + 1))
    test = frame[frame["metric"] == "test_accuracy"].iloc[0]
    assert test["n"] == protocol.limit
    assert (test["value"] * test["n"]) % 1 == 0
    assert (test["kernel"], test["engine"], test["data_source"]) == ("numba-cpu", "fused", "generated")
    assert json.loads(test["variant_parameters"])["reset"] == "zero"


def test_a_finished_cell_is_not_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = run_cell(cell(), store)
    before = store.file.read_bytes()
    again = run_cell(cell(), store)
    assert (again.status, again.reason, again.run_id) == ("present", "already in results", first.run_id)
    assert store.file.read_bytes() == before
    assert run_cell(cell(), store, rerun=True).status == "ok"
    assert len(store.load()) == before.count(b"\n") - 1


def test_rerun_gives_the_same_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run_cell(cell(), store)
    first = store.load()["value"].tolist()
    run_cell(cell(), store, rerun=True)
    assert store.load()["value"].tolist() == first


def test_the_row_says_which_engine_ran_and_auto_is_the_same_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert run_cell(cell(engine="auto"), store).status == "ok"
    assert run_cell(cell(engine="fused"), store).status == "present"
    assert run_cell(cell(engine="step"), store).status == "ok"
    frame = store.load().drop_duplicates("run_id")
    assert set(zip(frame["engine"], frame["kernel"], strict=True)) == {
        ("fused", "numba-cpu"),
        ("step", "snntorch-step"),
    }


@pytest.mark.usefixtures("scratch")
def test_what_defines_a_run_is_in_its_id(tmp_path: Path) -> None:
    store = Store(tmp_path)
    variants.register("mine", Variant("mine", leakage=0.31))
    others = [{}, {"seed": 1}, {"variant": "without_reset"}, {"variant": "mine"}, {"backend": "spikingjelly"}]
    assert len({run_cell(cell(**change), store).run_id for change in others}) == len(others)


@pytest.mark.usefixtures("scratch")
def test_missing_data_is_a_row_with_its_reason(tmp_path: Path) -> None:
    def load(**_options: object) -> Data:
        raise DataUnavailable("xor2 is not in FOLDER; get it with `lif-roles data get xor2`")

    datasets.register(Dataset("xor2", "temporal", ("a", "b"), load, {"smoke": get_protocol("smoke", "xor")}))
    store = Store(tmp_path)
    outcome = run_cell(cell(dataset="xor2"), store)
    assert outcome.status == "skipped"
    (row,) = store.load().to_dict("records")
    assert (row["status"], row["data_source"]) == ("skipped", "missing")
    assert "lif-roles data get" in row["reason"]


@pytest.mark.usefixtures("scratch")
def test_a_failure_is_a_row_and_an_error_and_is_tried_again(tmp_path: Path) -> None:
    state = {"broken": True}

    def measure(_run: Any) -> list[dict[str, Any]]:
        if state["broken"]:
            raise RuntimeError("no luck")
        return [{"metric": "luck", "value": 1.0}]

    experiments.register("luck", measure)
    store = Store(tmp_path)
    with pytest.raises(RuntimeError, match="no luck"):
        run_cell(cell(experiment="luck"), store)
    (row,) = store.load().to_dict("records")
    assert (row["status"], row["reason"]) == ("failed", "RuntimeError: no luck")
    state["broken"] = False
    assert run_cell(cell(experiment="luck"), store).status == "ok"
    (row,) = store.load().to_dict("records")
    assert row["metric"] == "luck"


@pytest.mark.usefixtures("scratch")
def test_a_dead_network_is_a_row_and_a_warning(tmp_path: Path) -> None:
    smoke = get_protocol("smoke", "xor")
    protocols.register("silent/xor", Protocol(**{**vars(smoke), "threshold": 1e6}))
    store = Store(tmp_path)
    with pytest.warns(UserWarning, match="xor-baseline-snntorch-seed0: dead, no hidden neuron fires"):
        assert run_cell(cell(protocol="silent"), store).status == "dead"
    frame = store.load()
    assert set(frame["status"]) == {"dead"}
    assert frame[frame["metric"] == "test_spike_rate"]["value"].tolist() == [0.0]


@pytest.mark.usefixtures("scratch")
def test_a_diverged_run_keeps_its_curve(tmp_path: Path) -> None:
    smoke = get_protocol("smoke", "xor")
    protocols.register("wild/xor", Protocol(**{**vars(smoke), "learning_rate": 3e36}))
    store = Store(tmp_path)
    with pytest.warns(UserWarning, match="diverged, NaN or overflow in epoch 1"):
        assert run_cell(cell(protocol="wild", variant="without_reset"), store).status == "diverged"
    frame = store.load()
    assert set(frame["status"]) == {"diverged"}
    assert frame[frame["metric"] == "test_accuracy"]["value"].isna().all()


def test_registry_is_what_the_suite_uses() -> None:
    assert registry.variants["baseline"].name == "baseline"
