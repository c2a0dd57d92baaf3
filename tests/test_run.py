from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from neurons import Variant
from suite import cli, registry, training
from suite.datasets.base import Data, Dataset
from suite.errors import DataCorrupt, DataUnavailable, MachineFault, ResultsError
from suite.experiments.base import Cell, Experiment, Metric, NotDefined
from suite.protocols import Protocol
from suite.registry import datasets, experiments, get_protocol, protocols, variants
from suite.results import Store, Value, export, load, read
from suite.results.bits import unpacked
from suite.run import BENCHMARK_VERSION, last_of_trainings, run_cell
from suite.selection import select


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    for table in (variants, datasets, protocols, experiments):
        monkeypatch.setattr(table, "_items", dict(table._items))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file()}


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
    frame = load(tmp_path)
    assert outcome.status == "ok"
    assert set(frame["run_id"]) == {outcome.run_id}
    frame = frame[frame["experiment"] == "accuracy"]
    assert frame["metric"].tolist() == ["test_accuracy", "test_loss", "test_spike_rate", "artifact"]
    protocol = get_protocol("smoke", "xor")
    curves = read(tmp_path).curves
    assert curves["epoch"].tolist() == list(range(1, protocol.epochs + 1))
    assert curves[["train_accuracy", "validation_accuracy"]].map(lambda a: 0 <= a <= 1).all(axis=None)
    test = frame[frame["metric"] == "test_accuracy"].iloc[0]
    assert test["n"] == protocol.limit
    assert (test["value"] * test["n"]) % 1 == 0
    (kept,) = read(tmp_path).artifact("accuracy", "correct").to_dict("records")
    right = unpacked(kept["correct"], kept["n"])
    assert (len(right), right.mean()) == (test["n"], test["value"])
    assert (test["kernel"], test["engine"], test["data_source"]) == ("numba-cpu", "fused", "generated")
    assert json.loads(test["variant_parameters"])["reset"] == "zero"


def test_a_finished_cell_is_not_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = run_cell(cell(), store)
    before = content(tmp_path)
    again = run_cell(cell(), store)
    assert (again.status, again.reason, again.run_id) == ("present", "already in results", first.run_id)
    assert content(tmp_path) == before
    assert run_cell(cell(), store, rerun=True).status == "ok"
    assert content(tmp_path).keys() == before.keys()


def test_every_run_of_a_spiking_network_is_cross_checked_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run_id = run_cell(cell(), store).run_id
    rows = load(tmp_path).query("experiment == 'cross_check'")
    neurons = ("spikingjelly-step", "snntorch-step", "snntorch-stock")  # LIFNode has one tau, not one a neuron
    assert set(rows["condition"]) == {f"neuron={name}" for name in neurons}
    assert rows.loc[rows["metric"] == "unexplained", "value"].eq(0).all()
    before = (store.run_folder(run_id) / "cross_check.json").read_bytes()
    assert run_cell(cell(experiment="spike_rate"), store).status == "ok"
    assert run_cell(cell(experiment="cross_check"), store).status == "present"
    assert (store.run_folder(run_id) / "cross_check.json").read_bytes() == before
    lstm = run_cell(cell(variant="lstm", backend="torch"), store)
    assert {path.name for path in store.run_folder(lstm.run_id).glob("*.json")} == {"run.json", "accuracy.json"}


@pytest.mark.usefixtures("scratch")
def test_the_cross_check_is_of_the_trained_network_whatever_an_experiment_does_to_it(tmp_path: Path) -> None:
    def spoil(run: Any) -> list[Value]:
        with torch.no_grad():
            for parameter in run.network.parameters():
                parameter.zero_()
        return [Value("luck", 1.0)]

    experiments.register("spoil", Experiment("spoil", "Spoil", spoil, (Metric("luck", "1"),)))
    found = []
    for name in ("spoil", "accuracy"):
        run_cell(cell(experiment=name), Store(tmp_path / name))
        rows = load(tmp_path / name).query("experiment == 'cross_check' and metric == 'accuracy'")
        found.append(rows["value"].tolist())
    assert found[0] == found[1]


@pytest.mark.usefixtures("scratch")
def test_a_disagreement_of_the_frameworks_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Value("unexplained", 3.0, at={"neuron": "snntorch-step"}, n=40)]
    monkeypatch.setitem(
        experiments._items, "cross_check", replace(experiments["cross_check"], measure=lambda _run: found)
    )
    with pytest.warns(UserWarning, match="xor-baseline-snntorch-seed0: 3 of 40 neurons spike differently on snntorch"):
        assert run_cell(cell(), Store(tmp_path)).status == "ok"


@pytest.mark.usefixtures("scratch")
def test_a_cross_check_that_fails_leaves_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_run: Any) -> list[Value]:
        raise RuntimeError("no luck")

    monkeypatch.setitem(experiments._items, "cross_check", replace(experiments["cross_check"], measure=fails))
    with pytest.warns(UserWarning, match="its cross-check failed, RuntimeError: no luck"):
        assert run_cell(cell(), Store(tmp_path)).status == "ok"
    status = load(tmp_path).groupby("experiment")["status"].first()
    assert status.to_dict() == {"accuracy": "ok", "cross_check": "failed"}


def test_a_cell_that_lacks_rows_is_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run_id = run_cell(cell(), store).run_id
    before = load(tmp_path)
    file = store.run_folder(run_id) / "accuracy.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "values": content["values"][:-1]}))
    assert run_cell(cell(), store).status == "ok"
    assert load(tmp_path)["value"].tolist() == before["value"].tolist()


def test_no_identifier_reads_as_a_number(tmp_path: Path) -> None:
    """12 hex digits such as 12345e678901 would: pandas makes inf of it."""
    store = Store(tmp_path)
    run_id = run_cell(cell(), store).run_id
    export(tmp_path)
    (row,) = pd.read_csv(tmp_path / "results.csv").query("metric == 'test_accuracy'").to_dict("records")
    assert row["run_id"] == run_id
    kinds = {"run_id": "r", "data_hash": "d", "protocol_hash": "p", "git_commit": "g"}
    assert {name: row[name][:2] for name in kinds} == {name: f"{kind}-" for name, kind in kinds.items()}
    assert row["benchmark_version"] == BENCHMARK_VERSION


def test_rerun_gives_the_same_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run_cell(cell(), store)
    first = load(tmp_path)["value"].tolist()
    run_cell(cell(), store, rerun=True)
    assert load(tmp_path)["value"].tolist() == first


def test_the_row_says_which_engine_ran_and_auto_is_the_same_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert run_cell(cell(engine="auto"), store).status == "ok"
    assert run_cell(cell(engine="fused"), store).status == "present"
    assert run_cell(cell(engine="step"), store).status == "ok"
    frame = load(tmp_path).drop_duplicates("run_id")
    assert set(zip(frame["engine"], frame["kernel"], strict=True)) == {
        ("fused", "numba-cpu"),
        ("step", "snntorch-step"),
    }


def test_one_protocol_spelled_in_several_ways_is_one_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    spelled = ["smoke+epochs=1+clip=0.5", "smoke+clip=0.50+epochs=1", "smoke+clip=0.5+epochs=1+batch_size=32"]
    outcomes = [run_cell(cell(protocol=name), store) for name in spelled]
    assert [outcome.status for outcome in outcomes] == ["ok", "present", "present"]
    assert load(tmp_path)["protocol"].unique().tolist() == ["smoke+epochs=1+clip=0.5"]
    assert {c.protocol for name in spelled for c in select("accuracy", dataset="xor", protocol=name)} == {
        "smoke+epochs=1+clip=0.5"
    }


@pytest.mark.usefixtures("scratch")
def test_what_defines_a_run_is_in_its_id(tmp_path: Path) -> None:
    store = Store(tmp_path)
    variants.register("mine", Variant("mine", leakage=0.31))
    others = [{}, {"seed": 1}, {"variant": "without_reset"}, {"variant": "mine"}, {"backend": "spikingjelly"}]
    assert len({run_cell(cell(**change), store).run_id for change in others}) == len(others)


@pytest.mark.usefixtures("scratch")
def test_missing_data_is_a_row_with_its_reason(tmp_path: Path) -> None:
    def unavailable(**_options: object) -> Data:
        raise DataUnavailable("xor2 is not in FOLDER; get it with `lif-roles data get xor2`")

    datasets.register(Dataset("xor2", "temporal", ("a", "b"), unavailable, {"smoke": get_protocol("smoke", "xor")}))
    store = Store(tmp_path)
    outcome = run_cell(cell(dataset="xor2"), store)
    assert outcome.status == "skipped"
    (row,) = load(tmp_path).to_dict("records")
    assert (row["status"], row["data_source"]) == ("skipped", "missing")
    assert "lif-roles data get" in row["reason"]


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("kind", [MachineFault, DataCorrupt])
def test_data_that_cannot_be_used_is_a_failure(kind: type[Exception], tmp_path: Path) -> None:
    def full(**_options: object) -> Data:
        raise kind("the event cache FOLDER cannot be written: No space left on device")

    datasets.register(Dataset("xor2", "temporal", ("a", "b"), full, {"smoke": get_protocol("smoke", "xor")}))
    with pytest.raises(kind):
        run_cell(cell(dataset="xor2"), Store(tmp_path))
    (row,) = load(tmp_path).to_dict("records")
    assert (row["status"], row["data_source"]) == ("failed", "missing")
    assert row["reason"] == f"{kind.__name__}: the event cache FOLDER cannot be written: No space left on device"


@pytest.mark.usefixtures("scratch")
def test_a_failure_is_a_row_and_an_error_and_is_tried_again(tmp_path: Path) -> None:
    state = {"broken": True}

    def measure(_run: Any) -> list[Value]:
        if state["broken"]:
            raise RuntimeError("no luck")
        return [Value("luck", 1.0)]

    experiments.register("luck", Experiment("luck", "Luck", measure, (Metric("luck", "1"),)))
    store = Store(tmp_path)
    with pytest.raises(RuntimeError, match="no luck"):
        run_cell(cell(experiment="luck"), store)
    (row,) = load(tmp_path).query("experiment == 'luck'").to_dict("records")
    assert (row["status"], row["reason"]) == ("failed", "RuntimeError: no luck")
    state["broken"] = False
    assert run_cell(cell(experiment="luck"), store).status == "ok"
    (row,) = load(tmp_path).query("experiment == 'luck'").to_dict("records")
    assert (row["metric"], row["value"]) == ("luck", 1.0)
    state["broken"] = True
    with pytest.raises(RuntimeError, match="no luck"):
        run_cell(cell(experiment="luck"), store, rerun=True)
    (row,) = load(tmp_path).query("experiment == 'luck'").to_dict("records")
    assert (row["metric"], row["value"]) == ("luck", 1.0)  # what failed does not take its place


@pytest.mark.usefixtures("scratch")
def test_a_value_that_was_not_declared_is_an_error(tmp_path: Path) -> None:
    for value in (Value("lukc", 1.0), Value("luck", 1.0, at={"layer": 1})):
        experiments._items["luck"] = Experiment("luck", "Luck", lambda _run, v=value: [v], (Metric("luck", "1"),))
        with pytest.raises(ValueError, match=r"it declares luck on \[\]"):
            run_cell(cell(experiment="luck"), Store(tmp_path))


def test_an_experiment_that_a_network_has_nothing_for_is_skipped_untrained(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome = run_cell(cell(experiment="spike_rate", variant="lstm", backend="torch"), store)
    assert (outcome.status, outcome.reason) == ("skipped", "lstm has no spikes")
    (row,) = load(tmp_path).to_dict("records")
    assert (row["metric"], row["status"], row["reason"]) == ("spike_rate", "skipped", "lstm has no spikes")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_experiments_measure_in_the_precision_and_chunks_of_the_training(tmp_path: Path) -> None:
    """In bfloat16 and in chunks the accuracy that another experiment measures is that of `accuracy`."""
    store = Store(tmp_path)
    for experiment in ("accuracy", "diagnosis", "leak_sweep", "spike_rate"):
        run_cell(cell(experiment=experiment, protocol="smoke+precision=bfloat16+chunk=7"), store)
    frame = load(tmp_path)
    assert frame["run_id"].nunique() == 1
    assert frame[frame["metric"] == "test_accuracy"]["value"].nunique() == 1
    rates = frame[frame["metric"].isin(["test_spike_rate", "spike_rate"]) & frame["condition"].isna()]
    assert len(rates) == 4
    assert rates["value"].to_numpy() == pytest.approx(rates["value"].iloc[0], rel=1e-5)


@pytest.mark.usefixtures("scratch")
def test_a_dead_network_is_a_row_and_a_warning(tmp_path: Path) -> None:
    smoke = get_protocol("smoke", "xor")
    protocols.register("silent/xor", Protocol(**{**vars(smoke), "threshold": 1e6}))
    store = Store(tmp_path)
    with pytest.warns(UserWarning, match="xor-baseline-snntorch-seed0: dead, no hidden neuron fires"):
        assert run_cell(cell(protocol="silent"), store).status == "dead"
    frame = load(tmp_path)
    assert set(frame["status"]) == {"dead"}
    assert frame[frame["metric"] == "test_spike_rate"]["value"].tolist() == [0.0]


@pytest.mark.usefixtures("scratch")
def test_a_diverged_run_keeps_its_curve(tmp_path: Path) -> None:
    smoke = get_protocol("smoke", "xor")
    protocols.register("wild/xor", Protocol(**{**vars(smoke), "learning_rate": 3e36}))
    store = Store(tmp_path)
    with pytest.warns(UserWarning, match="diverged, NaN or overflow in epoch 1"):
        assert run_cell(cell(protocol="wild", variant="without_reset"), store).status == "diverged"
    frame = load(tmp_path)
    assert set(frame["status"]) == {"diverged"}
    assert frame[frame["metric"] == "test_accuracy"]["value"].isna().all()


def test_registry_is_what_the_suite_uses() -> None:
    assert registry.variants["baseline"].name == "baseline"


@pytest.mark.parametrize("variable", ["LIF_ROLES_CACHE", "LIF_ROLES_DATA"])
def test_a_folder_that_cannot_be_used_fails_on_the_command_line(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    options = ["--dataset", "n_mnist", "--variant", "baseline", "--backend", "snntorch", "--results", str(tmp_path)]
    done = CliRunner().invoke(cli.app, ["run", *options])
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert "snntorch-seed0: failed, cannot use" in said
    assert f"it is no folder; set {variable} to a folder that can be read" in said
    (row,) = load(tmp_path).to_dict("records")
    assert row["status"] == "failed"


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("*"))


def test_a_rerun_that_fails_leaves_the_rows_and_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    run_cell(cell(), store)
    before, kept = content(tmp_path), checkpoints(tmp_path)
    assert len(kept) == 1

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(training, "_train_epoch", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        run_cell(cell(), store, rerun=True)
    assert content(tmp_path) == before
    assert checkpoints(tmp_path) == kept


def test_a_rerun_trains_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    run_cell(cell(), store)
    epochs: list[int] = []
    train = training._train_epoch
    monkeypatch.setattr(training, "_train_epoch", lambda *given: epochs.append(1) or train(*given))  # type: ignore[func-returns-value]
    run_cell(cell(experiment="spike_rate"), store)
    assert not epochs
    run_cell(cell(), store, rerun=True)
    assert len(epochs) == get_protocol("smoke", "xor").epochs


def test_another_seeds_checkpoint_is_not_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "one")
    ids = [run_cell(cell(seed=seed), store).run_id for seed in (0, 1)]
    right = load(store.folder).query("seed == 0")["value"].tolist()
    other = Store(tmp_path / "two")
    other.checkpoints.mkdir()
    foreign = store.checkpoints / f"{ids[1]}.safetensors"
    (other.checkpoints / f"{ids[0]}.safetensors").write_bytes(foreign.read_bytes())
    with pytest.warns(UserWarning, match=f"it is of the run {ids[1]}, not {ids[0]}; the training starts anew"):
        run_cell(cell(), other)
    assert load(other.folder)["value"].tolist() == right


def test_the_checkpoint_of_a_finished_cell_is_removed(tmp_path: Path) -> None:
    options = ["--dataset", "xor", "--variant", "baseline", "--backend", "snntorch", "--results", str(tmp_path)]
    for more, left in (["--keep-checkpoints"], 1), ([], 0), (["--rerun"], 0):
        assert CliRunner().invoke(cli.app, ["run", *options, *more]).exit_code == 0
        assert len(checkpoints(tmp_path)) == left


@pytest.mark.usefixtures("scratch")
def test_the_checkpoint_of_a_cell_without_a_result_stays(tmp_path: Path) -> None:
    def measure(_run: Any) -> list[Value]:
        raise NotDefined("not today")

    experiments.register("luck", Experiment("luck", "Luck", measure, (Metric("luck", "1"),)))
    assert run_cell(cell(experiment="luck"), Store(tmp_path), keep_checkpoint=False).status == "skipped"
    assert len(checkpoints(tmp_path)) == 1


def test_the_last_cell_of_each_training() -> None:
    cells = [cell(experiment=e, seed=seed) for e in ("accuracy", "spike_rate") for seed in (0, 1)]
    assert last_of_trainings([*cells, cell(seed=2)]) == {*cells[2:], cell(seed=2)}


def test_left_overs_of_killed_processes_are_swept_when_results_are_opened_and_exported(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "0123"
    run.mkdir(parents=True)
    old = [tmp_path / ".results.csv.1-0a.part", run / ".run.json.1-0a.part", tmp_path / "checkpoints" / ".a.1-0a.part"]
    old += [tmp_path / ".tmpabc"]
    young, others = run / ".run.json.2-0b.part", tmp_path / "a.part"
    (tmp_path / "checkpoints").mkdir()
    for path in (*old, young, others):
        path.touch()
    for path in (*old, others):
        os.utime(path, (time.time() - 90_000,) * 2)
    store = Store(tmp_path)
    assert [path.exists() for path in old] == [False, True, False, False]  # a run's own: at the end of a command
    run_cell(cell(), store)
    export(tmp_path)
    assert [path.exists() for path in (*old, young, others)] == [False] * len(old) + [True, True]


def test_what_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    store = Store(tmp_path)
    run_cell(cell(), store)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ResultsError, match=r"cannot remove .*checkpoints.*: Permission denied; remove it by hand"):
        run_cell(cell(), store, keep_checkpoint=False)
