"""`lif-roles bench records`: does one more cell, or seeing which are done, cost more where there are more records?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from suite.results import Record, RunRecord, Store, Training, Value, export, read

SIZES = (10, 1_000)
LOOKS = 500
"""Cells that are looked for."""

MORE = 10
"""Cells that are added."""


def run(sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """A row for each number of records, of runs of two epochs with three metrics: ms to keep one more; s to see that
    500 cells are done, to read all, and to export them.
    """
    return pd.DataFrame([_measure(size) for size in sizes])


def _measure(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lif-roles-bench-") as folder:
        store = Store(folder)
        _keep(store, range(size))
        more = _seconds(lambda: _keep(store, range(size, size + MORE))) / MORE
        looks = _seconds(lambda: [store.find(_run_id(i % size), "accuracy") for i in range(LOOKS)])
        reads = _seconds(lambda: read(folder))
        exports = _seconds(lambda: export(Path(folder)))
    row = {"records": size, "one_more_ms": 1000 * more, "find_500_s": looks, "read_s": reads, "export_s": exports}
    return {name: round(value, 3) for name, value in row.items()}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _run_id(seed: int) -> str:
    return f"r-{seed:012x}"


def _keep(store: Store, seeds: Iterable[int]) -> None:
    training = Training("ok", "", epochs=2, selected=2, wall_s=1.0, loss_unit="nats", curves="")
    made_with = dict.fromkeys(("suite_version", "torch_version", "framework_version", "device", "git_commit"), "0")
    data: dict[str, Any] = {"dataset": "made up", "data_source": "made up", "data_hash": "0"}
    about: dict[str, Any] = {"n_classes": 2, "kind": "temporal", "variant": "baseline", "variant_parameters": {}}
    about |= {"backend": "snntorch", "engine": "step", "kernel": "none", "protocol": "suite", "protocol_hash": "0"}
    values = tuple(Value(name, 0.5, "1", n=100, epoch=2) for name in ("test_accuracy", "test_loss", "test_spike_rate"))
    record = Record("accuracy", "ok", "", values, finished_at="2026-01-01T00:00:00+00:00", peak_memory_mb=1.0)
    for seed in seeds:
        run = RunRecord(_run_id(seed), 0, **data, **about, seed=seed, made_with=made_with, training=training)
        store.write(store.write_run(run, [(epoch, 0.5, 0.5, 0.5, 0.5) for epoch in (1, 2)]), record)
