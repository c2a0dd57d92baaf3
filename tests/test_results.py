"""Records, and the rows that are read from them."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from suite.errors import ResultsError
from suite.results import (
    COLUMNS,
    NAMES,
    Record,
    RunRecord,
    Store,
    Training,
    Value,
    export,
    files,
    load,
    read,
    schema,
    validate,
)

ROOT = Path(__file__).parent.parent
CURVE = [(1, 0.7, 0.5, 0.69, 0.51), (2, 0.1 + 0.2, 1 / 3, math.nan, 0.6)]


def run(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "run_id": "0123456789ab",
        "benchmark_version": 2,
        "dataset": "xor",
        "data_source": "generated",
        "data_hash": "d",
        "n_classes": 2,
        "kind": "temporal",
        "variant": "baseline",
        "variant_parameters": {"reset": "zero"},
        "backend": "snntorch",
        "engine": "step",
        "kernel": "snntorch-step",
        "protocol": "smoke",
        "protocol_hash": "p",
        "protocol_settings": {"epochs": 2},
        "seed": 0,
        "made_with": dict.fromkeys(["suite_version", "torch_version", "framework_version", "git_commit"], "0")
        | {"device": "a CPU"},
        "training": Training("ok", "", 2, 2, 1.5, "nats", ""),
    }
    return RunRecord(**(values | changes))


def record(*values: Value, **changes: Any) -> Record:
    given = values or (Value("test_accuracy", 0.5, "fraction", n=100, epoch=2, higher_is_better=True),)
    fields = {"finished_at": "2026-01-01T00:00:00+00:00", "peak_memory_mb": 100.0}
    return Record(**{"experiment": "accuracy", "status": "ok", "reason": "", "values": given, **fields, **changes})


def keep(folder: Path, made: Record | None = None, tables: Any = None, **changes: Any) -> Store:
    store = Store(folder)
    store.write(store.write_run(run(**changes), CURVE), record() if made is None else made, tables)
    return store


VALUES = (
    Value("a", 0.1 + 0.2, "1", at={"dt_ms": 3.0, "n_steps": 15, "mode": "fixed_steps"}, n=7, higher_is_better=True),
    Value("b", math.inf, "nats", higher_is_better=False),
    Value("c", math.nan),
    Value("d", None, at={"radius": 1 / 3, "pair": 0}),
    Value("e", 3),
)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = record(*VALUES, reason='two\nlines\r and \x1b <b>, "quoted"', status="dead")
    store = keep(tmp_path, made)
    assert store.find("0123456789ab", "accuracy") == made
    kept = store.run("0123456789ab")
    assert kept is not None
    assert kept.training is not None
    assert kept == run(training=replace(kept.training))
    assert store.find("0123456789ab", "robustness") is None
    assert store.run("other") is None


def test_a_record_without_parameters_comes_back(tmp_path: Path) -> None:
    store = keep(tmp_path, variant_parameters={}, made_with={})
    kept = store.run("0123456789ab")
    assert kept is not None
    assert (kept.variant_parameters, kept.made_with) == ({}, {})


def test_rows_have_typed_axes_and_a_csv_brings_them_back(tmp_path: Path) -> None:
    keep(tmp_path, record(*VALUES, reason="fetch 10%\r 55%\r reset"))
    results = read(tmp_path)
    assert results.rows["value"].tolist()[:2] == [0.1 + 0.2, math.inf]
    assert results.rows["value"].isna().tolist() == [False, False, True, True, False]
    assert [dict(at) for at in results.rows["at"]] == [dict(value.at) for value in VALUES]
    assert results.rows["condition"].fillna("").tolist()[0] == "dt_ms=3, n_steps=15, mode=fixed_steps"
    assert results.rows["higher_is_better"].fillna("").tolist() == ["true", "false", "", "", ""]
    assert (results.rows["n_classes"].iloc[0], results.rows["kind"].iloc[0]) == (2, "temporal")
    export(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    again = read(tmp_path)
    assert [dict(at) for at in again.rows["at"]] == [dict(value.at) for value in VALUES]
    expected = results.rows[NAMES].assign(reason="fetch 10% 55% reset").astype({"reason": "string"})
    pd.testing.assert_frame_equal(again.rows[NAMES], expected)
    pd.testing.assert_frame_equal(load(tmp_path / "results.csv"), expected)
    assert list(load(tmp_path).columns) == NAMES
    assert again.curves["train_loss"].tolist() == [0.7, 0.1 + 0.2]


def test_plain_pandas_reads_the_csv_and_what_it_rewrote_is_read(tmp_path: Path) -> None:
    keep(tmp_path, record(Value("test_accuracy", 0.5, epoch=1), Value("test_loss", 2.5)))
    csv, curves = export(tmp_path)
    frame = pd.read_csv(csv)
    assert frame["value"].tolist() == [0.5, 2.5]
    assert frame["seed"].dtype == "int64"
    frame.to_csv(csv, index=False)
    assert "1.0" in csv.read_text()  # pandas turns the epochs 1, none into 1.0, none
    assert load(csv)["epoch"].tolist() == [1, pd.NA]
    assert pd.read_csv(curves)["epoch"].tolist() == [1, 2]


def test_curves_are_a_line_an_epoch(tmp_path: Path) -> None:
    keep(tmp_path)
    curves = read(tmp_path).curves
    assert curves[["epoch", "train_loss", "train_accuracy", "validation_accuracy"]].to_numpy().tolist() == [
        [1, 0.7, 0.5, 0.51],
        [2, 0.1 + 0.2, 1 / 3, 0.6],
    ]
    assert math.isnan(curves["validation_loss"].iloc[1])
    assert set(curves["loss_unit"]) == {"nats"}
    assert set(curves["variant"]) == {"baseline"}


def test_artifacts_lie_beside_the_record_and_a_missing_one_is_a_problem(tmp_path: Path) -> None:
    table = pd.DataFrame({"sample": [0, 1], "flips": [3, 4]})
    keep(tmp_path, record(experiment="robustness"), {"samples": table})
    keep(tmp_path, record(experiment="robustness"), {"samples": table.assign(flips=5)}, run_id="b", seed=1)
    results = read(tmp_path)
    found = results.artifact("robustness", "samples")
    assert found["flips"].tolist() == [3, 4, 5, 5]
    assert found["seed"].tolist() == [0, 0, 1, 1]
    assert results.artifact("robustness", "none").empty
    next((tmp_path / "runs" / "b").glob("robustness-samples.*.csv")).unlink()
    results = read(tmp_path)
    assert results.artifact("robustness", "samples")["flips"].tolist() == [3, 4]
    (problem,) = results.problems
    assert "runs/b/robustness-samples." in problem
    assert "--rerun" in problem


def test_the_new_takes_the_place_of_the_old_with_its_artifacts_and_of_no_other(tmp_path: Path) -> None:
    old, new = pd.DataFrame({"k": [1]}), pd.DataFrame({"k": [2]})
    keep(tmp_path, record(experiment="leak_sweep"), {"k": old})
    keep(tmp_path, record(Value("test_accuracy", 0.1)))
    store = keep(tmp_path, record(experiment="leak_sweep"), {"k": new})
    results = read(tmp_path)
    assert results.artifact("leak_sweep", "k")["k"].tolist() == [2]
    assert sorted(path.name.partition(".")[0] for path in store.run_folder("0123456789ab").iterdir()) == [
        "accuracy",
        "curves",
        "leak_sweep",
        "leak_sweep-k",
        "run",
    ]


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_what_is_no_result_never_takes_the_place_of_one(tmp_path: Path, status: str) -> None:
    keep(tmp_path)
    store = Store(tmp_path)
    kept = store.write_run(run(training=None))
    assert kept.training is not None
    store.write(kept, record(status=status, reason="no luck"))
    found = store.find("0123456789ab", "accuracy")
    assert found is not None
    assert found.status == "ok"
    store.write(kept, record(experiment="features", status=status))
    store.write(kept, record(experiment="features", status="diverged"))
    assert store.find("0123456789ab", "features").status == "diverged"  # type: ignore[union-attr]


def test_a_write_that_fails_leaves_the_old_record_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every file in turn."""
    table = pd.DataFrame({"k": [1]})
    keep(tmp_path, record(experiment="leak_sweep"), {"k": table})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    replace_file = os.replace
    for failing in range(3):  # two artifacts, then the record
        calls = iter(range(100))

        def full(*paths: Any, failing: int = failing, calls: Any = calls) -> None:
            if next(calls) == failing:
                raise OSError(28, "No space left on device")
            replace_file(*paths)

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "replace", full)
            with pytest.raises(ResultsError, match="No space left"):
                keep(tmp_path, record(Value("b", 2.0), experiment="leak_sweep"), {"k": table + 1, "l": table})
        assert Store(tmp_path).find("0123456789ab", "leak_sweep") is not None
        assert read(tmp_path).artifact("leak_sweep", "k")["k"].tolist() == [1]
        assert not list(tmp_path.rglob("*.part"))
    for path, content in before.items():
        assert path.read_bytes() == content


def _write_many(folder: str, worker: int) -> None:
    for i in range(10):
        keep(Path(folder), record(Value("a", i), Value("b", i)), run_id=f"{worker}-{i}", seed=i)
        keep(Path(folder), record(Value("a", 0.5)), run_id="shared")


def test_many_processes_write_without_losing_a_row(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_many, args=(str(tmp_path), i)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    frame = load(tmp_path)
    assert len(frame) == 81
    assert frame["run_id"].nunique() == 41


def test_versions_are_those_of_the_training_and_a_record_says_where_it_differs(tmp_path: Path) -> None:
    keep(tmp_path)
    newer = dict(run().made_with) | {"torch_version": "9"}
    store = keep(tmp_path, record(experiment="features", made_with=newer), made_with=newer)
    assert store.run("0123456789ab").made_with["torch_version"] == "0"  # type: ignore[union-attr]
    assert store.find("0123456789ab", "features").made_with == {"torch_version": "9"}  # type: ignore[union-attr]
    assert load(tmp_path).set_index("experiment")["torch_version"].to_dict() == {"accuracy": "0", "features": "9"}
    again = keep(tmp_path, made_with=newer, training=replace(run().training, wall_s=2.5))  # type: ignore[type-var]
    assert again.run("0123456789ab").made_with == newer  # type: ignore[union-attr]


def test_records_of_a_run_that_does_not_say_what_it_is_are_a_problem(tmp_path: Path) -> None:
    keep(tmp_path)
    keep(tmp_path, run_id="half")
    (tmp_path / "runs" / "half" / "run.json").unlink()
    (tmp_path / "runs" / "empty").mkdir()
    results = read(tmp_path)
    assert set(results.rows["run_id"]) == {"0123456789ab"}
    (problem,) = results.problems
    assert "runs/half has no run.json" in problem


def test_a_record_that_lacks_rows_is_not_done_and_is_a_problem(tmp_path: Path) -> None:
    store = keep(tmp_path, record(Value("a", 1.0), Value("b", 2.0)))
    keep(tmp_path, run_id="whole")
    file = store.run_folder("0123456789ab") / "accuracy.json"
    content = json.loads(file.read_text())
    for values in (content["values"][:1], []):
        file.write_text(json.dumps({**content, "values": values}))
        assert store.find("0123456789ab", "accuracy") is None
        results = read(tmp_path)
        assert set(results.rows["run_id"]) == {"whole"}
        (problem,) = results.problems
        assert f"{file} has {len(values)} rows where it says 2" in problem
    keep(tmp_path, record(Value("a", 1.0), Value("b", 2.0)))
    assert store.find("0123456789ab", "accuracy") is not None
    assert len(load(tmp_path)) == 3


@pytest.mark.parametrize("lost", ["leak_sweep-k.*.csv", "curves.*.csv", "run.json"])
def test_a_record_whose_files_are_lost_is_not_done_until_they_are_made_again(tmp_path: Path, lost: str) -> None:
    table = pd.DataFrame({"k": [1]})
    store = keep(tmp_path, record(experiment="leak_sweep"), {"k": table})
    assert store.find("0123456789ab", "leak_sweep") is not None
    (file,) = store.run_folder("0123456789ab").glob(lost)
    file.unlink()
    assert store.find("0123456789ab", "leak_sweep") is None
    keep(tmp_path, record(experiment="leak_sweep"), {"k": table})
    assert store.find("0123456789ab", "leak_sweep") is not None
    assert read(tmp_path).curves["epoch"].tolist() == [1, 2]


def test_folders_merge_by_copying(tmp_path: Path) -> None:
    keep(tmp_path / "a", record(), run_id="a")
    keep(tmp_path / "b", record(), run_id="b")
    keep(tmp_path / "b", record(experiment="features"), run_id="a")
    shutil.copytree(tmp_path / "b" / "runs", tmp_path / "a" / "runs", dirs_exist_ok=True)
    frame = load(tmp_path / "a")
    assert set(zip(frame["run_id"], frame["experiment"], strict=True)) == {
        ("a", "accuracy"), ("a", "features"), ("b", "accuracy"),
    }  # fmt: skip


def test_one_more_cell_reads_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(20):
        keep(tmp_path, run_id=f"{i}")
    opened: list[str] = []
    read_text = Path.read_text

    def noted(self: Path, **options: Any) -> str:
        opened.append(self.parent.name)
        return read_text(self, **options)

    monkeypatch.setattr(Path, "read_text", noted)
    store = keep(tmp_path, run_id="new")
    assert store.find("3", "accuracy") is not None
    assert set(opened) <= {"new", "3"}


@pytest.mark.parametrize(
    "at", [{"mode": "3"}, {"mode": "a, b"}, {"mode": "1e3"}, {"a b": 1}, {"t": True}, {"t": math.nan}, {"t": None}]
)
def test_an_axis_that_text_cannot_bring_back_is_refused(at: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the axis"):
        Value("a", 1.0, at=at)


@pytest.mark.parametrize("value", ["0.5", True, [1]])
def test_a_value_is_a_number(value: Any) -> None:
    with pytest.raises(ValueError, match="a number or None"):
        Value("a", value)


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(ResultsError, match="a record's status is ok, dead, diverged, skipped, failed, not 'fine'"):
        record(status="fine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no record of this version"),
        ("[1]", "no record of this version"),
        ('{"format": 9}', "not of format 2"),
        ('{"format": 2, "values": 3}', "it has no list of values"),
        ('{"format": 2, "values": [{"value": "high", "metric": "a"}]}', "could not convert"),
        ('{"format": 2, "values": [], "luck": 1}', "unknown luck"),
        ('{"format": 2, "values": []}', "missing"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, content: str, message: str) -> None:
    store = keep(tmp_path)
    file = store.run_folder("0123456789ab") / "accuracy.json"
    file.write_text(content)
    for look in (lambda: store.find("0123456789ab", "accuracy"), lambda: read(tmp_path)):
        with pytest.raises(ResultsError, match=message) as error:
            look()
        assert str(file) in str(error.value)
        assert "run the cell again" in str(error.value)


ROW = {
    "run_id": "0123456789ab", "experiment": "accuracy", "benchmark_version": 2, "dataset": "xor",
    "data_source": "generated",
    "variant": "baseline", "variant_parameters": "{}", "backend": "snntorch", "engine": "step",
    "kernel": "snntorch-step", "protocol": "smoke", "protocol_hash": "0", "seed": 0, "metric": "test_accuracy",
    "value": 0.5, "status": "ok", "suite_version": "0", "torch_version": "0", "framework_version": "0",
    "device": "cpu", "finished_at": "2026-01-01T00:00:00+00:00",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "fine"}, "status is 'fine' in row 2; allowed: ok, dead, diverged, skipped, failed"),
        ({"seed": "one"}, "seed is 'one' in row 2; it must be of type integer"),
        ({"seed": 1.5}, "seed is '1.5' in row 2"),
        ({"value": "high"}, "value is 'high'"),
        ({"dataset": None}, "dataset is empty in row 2"),
        ({"dataset": ""}, "dataset is empty in row 2"),
    ],
)
def test_a_csv_against_the_schema_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    frame = pd.DataFrame([{name: (ROW | change).get(name) for name in NAMES}])
    frame.to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(ResultsError, match=message):
        load(tmp_path)


def test_a_csv_of_another_schema_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    pd.DataFrame([ROW]).rename(columns={"seed": "sed"}).to_csv(file, index=False)
    with pytest.raises(ResultsError, match=r"lacks data_hash, seed,.* and has unknown sed"):
        load(file)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00junk", b'a,b\n"1,2\n3'])
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results.csv").write_bytes(content)
    with pytest.raises(ResultsError, match="results"):
        load(tmp_path)


def test_no_results_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="pytest benchmarks"):
        load(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="--results"):
        Store(tmp_path / "file" / "results")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResultsError, match="cannot write results"):
        Store(tmp_path)


def test_schema_file_is_the_code_s() -> None:
    printed = subprocess.run([sys.executable, "-m", "suite.results"], capture_output=True, text=True, check=True)
    assert json.loads((ROOT / "results" / "schema.json").read_text()) == schema() == json.loads(printed.stdout)


def test_schema_is_a_table_schema_of_every_column() -> None:
    fields = schema()["fields"]
    assert [field["name"] for field in fields] == NAMES
    assert {field["type"] for field in fields} <= {"string", "integer", "number"}
    assert all(field["description"] for field in fields)
    assert len(set(NAMES)) == len(COLUMNS)


def test_validate_of_an_empty_frame() -> None:
    assert validate(pd.DataFrame(columns=NAMES), "nothing").empty
