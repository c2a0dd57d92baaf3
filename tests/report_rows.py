"""Results made up for the report's tests."""

from __future__ import annotations

import pandas as pd

from suite.report.measured import checked
from suite.results import NAMES, Results, validate
from suite.results.read import ABOUT, ARTIFACT
from suite.results.record import condition
from suite.results.store import CURVES

_ROW = {
    "experiment": "accuracy",
    "benchmark_version": 2,
    "dataset": "xor",
    "data_source": "generated",
    "data_hash": "aaaa",
    "variant": "baseline",
    "variant_parameters": "{}",
    "backend": "spikingjelly",
    "engine": "fused",
    "kernel": "numba-cpu",
    "protocol": "suite",
    "protocol_hash": "0",
    "seed": 0,
    "metric": "test_accuracy",
    "unit": "fraction",
    "epoch": 1,
    "status": "ok",
    "n": 100,
    "suite_version": "0.1.0",
    "torch_version": "2.6.0",
    "framework_version": "2.0.0",
    "device": "a CPU",
    "git_commit": "abc",
    "finished_at": "2026-01-01T00:00:00+00:00",
    "loss_unit": "nats",
}
_TEMPORAL = {"xor": 2, "xor_50": 2, "xor_100": 2, "shd": 20, "ssc": 35, "fsdd": 10}
_CLASSES = {**_TEMPORAL, "n_mnist": 10, "dvs128_gesture": 11, "mnist": 10, "cifar10": 10}


def _kind(dataset):
    return "temporal" if dataset in _TEMPORAL else "spatial" if dataset in ("mnist", "cifar10") else "spatio-temporal"


def row(**given):
    """A row; `at` has its axes."""
    made = {**_ROW, "at": {}, **given}
    identity = ("dataset", "data_source", "variant", "backend", "engine", "protocol", "seed")
    made = {"run_id": "-".join(str(made[name]) for name in identity), **made}
    return {"n_classes": _CLASSES.get(made["dataset"]), "kind": _kind(made["dataset"]), **made}


def artifact(name, table, **given):
    """The row of an artifact, with its table."""
    made = row(metric=ARTIFACT, **given)
    return {**made, "condition": f"{made['run_id']}/{made['experiment']}-{name}.csv", "table": table}


def curves(n=None, **given):
    """A line an epoch of a run: curves(train_loss=[0.5, 0.4], seed=1)."""
    values = {name: given.pop(name) for name in CURVES if name in given}
    epochs = range(n or max(map(len, values.values())))
    return [row(**{**given, "epoch": i + 1, **{name: of[i] for name, of in values.items()}}) for i in epochs]


def results_of(rows, curves=(), unreadable=()):
    """Results with these rows and lines of curves; the artifacts of the runs `unreadable` cannot be read."""
    told = [{"condition": condition(r["at"]) or None, **r} for r in rows]
    frame = validate(pd.DataFrame([{name: r.get(name) for name in NAMES} for r in told], columns=NAMES), "made up")
    frame["at"] = pd.Series([r["at"] for r in rows], index=frame.index, dtype=object)
    frame["n_classes"] = pd.array([r["n_classes"] for r in rows], dtype="Int64")
    frame["kind"] = pd.array([r["kind"] for r in rows], dtype="string")
    tables = {r["condition"]: r["table"] for r in rows if "table" in r and r["run_id"] not in unreadable}

    def read(name):
        if name not in tables:
            raise FileNotFoundError(f"no file {name}")
        return tables[name]

    lines = pd.DataFrame(list(curves)).reindex(columns=[*ABOUT, "loss_unit", *CURVES])
    return Results(frame, lambda _: lines, read)


def ready(rows, curves=()):
    """As the report's tables and figures get them."""
    return checked(results_of(rows, curves))
