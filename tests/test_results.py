from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from suite import results
from suite.errors import ResultsError
from suite.results import COLUMNS, NAMES, Store, load, schema, validate

ROOT = Path(__file__).parent.parent


def row(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "run_id": "0123456789ab",
        "experiment": "accuracy",
        "dataset": "xor",
        "data_source": "generated",
        "variant": "baseline",
        "variant_parameters": '{"reset": "zero"}',
        "backend": "snntorch",
        "engine": "step",
        "kernel": "snntorch-step",
        "protocol": "smoke",
        "protocol_hash": "0",
        "seed": 0,
        "metric": "test_accuracy",
        "value": 0.5,
        "unit": "fraction",
        "epoch": 2,
        "status": "ok",
        "n": 100,
        "suite_version": "0",
        "torch_version": "0",
        "framework_version": "0",
        "device": "cpu",
        "finished_at": "2026-01-01T00:00:00+00:00",
    }
    return values | changes


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write([row(), row(metric="train_loss", value=1 / 3, epoch=1), row(metric="x", value=None, status="diverged")])
    frame = load(tmp_path)
    assert list(frame.columns) == NAMES
    assert frame["value"].tolist()[:2] == [0.5, 1 / 3]
    assert pd.isna(frame["value"][2])
    assert frame["seed"].dtype == "Int64"
    assert frame["reason"].isna().all()
    pd.testing.assert_frame_equal(frame, load(tmp_path / "results.csv"))


def test_plain_pandas_reads_the_file(tmp_path: Path) -> None:
    Store(tmp_path).write([row(), row(metric="test_loss", value=2.5)])
    frame = pd.read_csv(tmp_path / "results.csv")
    assert frame["value"].tolist() == [0.5, 2.5]
    assert frame["seed"].dtype == "int64"


def test_a_file_that_plain_pandas_rewrote_is_read(tmp_path: Path) -> None:
    """pandas turns the epochs 1, 2, none into 1.0, 2.0, none."""
    Store(tmp_path).write([row(epoch=1), row(metric="test_loss", epoch=None)])
    pd.read_csv(tmp_path / "results.csv").to_csv(tmp_path / "results.csv", index=False)
    assert "1.0" in (tmp_path / "results.csv").read_text()
    assert load(tmp_path)["epoch"].tolist() == [1, pd.NA]


def test_the_rows_of_a_run_replace_its_old_ones_and_no_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write([row(value=0.1), row(metric="test_loss", value=9)])
    store.write([row(run_id="other", value=0.2)])
    store.write([row(experiment="robustness", value=0.3)])
    store.write([row(value=0.4)])
    frame = store.load()
    assert sorted(frame["value"]) == [0.2, 0.3, 0.4]
    assert store.find("0123456789ab", "accuracy")["value"].tolist() == [0.4]


def test_rows_written_after_a_reload_keep_their_bytes(tmp_path: Path) -> None:
    """A second write must not reformat what the first one wrote (0.1 + 0.2 has 17 digits)."""
    store = Store(tmp_path)
    store.write([row(value=0.1 + 0.2)])
    first = store.file.read_text().splitlines()[1]
    store.write([row(run_id="b")])
    assert first in store.file.read_text().splitlines()


def _write_many(folder: str, worker: int) -> None:
    store = Store(folder)
    for i in range(10):
        store.write([row(run_id=f"{worker}-{i}", seed=i), row(run_id=f"{worker}-{i}", seed=i, metric="test_loss")])


def test_many_processes_write_without_losing_a_row(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_many, args=(str(tmp_path), i)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    frame = load(tmp_path)
    assert len(frame) == 80
    assert frame["run_id"].nunique() == 40


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write([row()])
    before = store.file.read_bytes()

    def broken(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results.os, "replace", broken)
    with pytest.raises(ResultsError, match="No space left"):
        store.write([row(run_id="b")])
    assert store.file.read_bytes() == before
    assert not list(tmp_path.glob("*.part*"))
    assert not list(tmp_path.glob(".*.part"))


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
def test_a_row_against_the_schema_is_refused_and_nothing_written(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    store = Store(tmp_path)
    with pytest.raises(ResultsError, match=message):
        store.write([row(**change)])
    assert not store.file.exists()


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    pd.DataFrame([row()]).rename(columns={"seed": "sed"}).to_csv(file, index=False)
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
    assert json.loads((ROOT / "results" / "schema.json").read_text()) == schema()


def test_schema_is_a_table_schema_of_every_column() -> None:
    fields = schema()["fields"]
    assert [field["name"] for field in fields] == NAMES
    assert {field["type"] for field in fields} <= {"string", "integer", "number"}
    assert all(field["description"] for field in fields)
    assert len(set(NAMES)) == len(COLUMNS)


def test_validate_of_an_empty_frame() -> None:
    assert validate(pd.DataFrame(columns=NAMES), "nothing").empty
