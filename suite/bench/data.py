"""`lif-roles bench data`: batches of event data beside tonic's own pipeline, on the same recordings, in one run.

tonic: ToFrame, frames kept by DiskCachedDataset, batches by PyTorch's DataLoader. Both give the same [T, B, N] of 0
and 1 (compared before anything is timed); ours also as sparse events. Epochs after the first count, of up to 512
samples. Every measurement runs in a process of its own, contenders take turns, medians are compared. Memory is the
highest resident set (mapped files included) above that of the process before it loads any data; where DataLoader has
processes of its own, which share some of their memory, it is not given.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from suite.bench import memory
from suite.errors import SuiteError
from suite.registry import datasets, get_protocol

EPOCHS = 3  # timed, after one that fills the caches
SAMPLES = 512  # in an epoch
CONTENDERS = ("tonic", "tonic, 2 workers", "dense", "events")


def cases() -> list[str]:
    """The datasets that are loaded, with their loaders' defaults, in batches of the protocol `suite`."""
    return [name for name in datasets if datasets[name].batches_timed]


def _batch_size(name: str) -> int:
    return get_protocol("suite", name).batch_size


def run(rounds: int = 3) -> pd.DataFrame:
    """One row per dataset and contender: samples a second and the ratio to tonic's faster way, peak memory in MB and
    the ratio to tonic's in one process. The column "data" says what was read. Raises SuiteError if a measurement fails.
    """
    rows = []
    for name in cases():
        with tempfile.TemporaryDirectory(prefix="lif-roles-bench-") as folder:
            same = _child(name, "compare", folder)
            measured: dict[str, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
            for _ in range(rounds):
                for contender in CONTENDERS:
                    measured[contender].append(_child(name, contender, folder))
        speed = {c: statistics.median(m["samples_per_s"] for m in ms) for c, ms in measured.items()}
        memory = {c: statistics.median(m["peak_mb"] for m in ms) for c, ms in measured.items()}
        theirs = [contender for contender in CONTENDERS if contender.startswith("tonic")]
        fastest = max(speed[contender] for contender in theirs)
        rows += [
            {
                "dataset": name,
                "data": same["source"],
                "loader": contender if contender in theirs else f"lif-roles, {contender}",
                "samples": same["samples"],
                "samples_per_s": round(speed[contender]),
                "speed_ratio": round(speed[contender] / fastest, 1),
                "peak_mb": round(memory[contender], 1),
                "memory_ratio": round(memory[contender] / memory["tonic"], 2),
            }
            for contender in CONTENDERS
        ]
    return pd.DataFrame(rows)


def _child(name: str, task: str, folder: str) -> dict[str, Any]:
    """Run one task in a new process and return what it found."""
    command = [sys.executable, "-m", "suite.bench.data", name, task, folder]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    if done.returncode:
        raise SuiteError(f"the measurement {task!r} of {name} failed:\n{done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _main(name: str, task: str, folder: str) -> None:
    print(json.dumps(_compare(name, folder) if task == "compare" else _measure(name, task, folder)))


def _compare(name: str, folder: str) -> dict[str, Any]:
    """Fill tonic's cache, and check that the three give the same batches."""
    import torch

    (source, dense), (_, events) = _split(name, "dense"), _split(name, "events")
    theirs = _tonic(name, folder, 0, shuffle=False)
    for ours, sparse, (x, y) in zip(
        dense.epoch(_batch_size(name)), events.epoch(_batch_size(name)), theirs(), strict=True
    ):
        if not (torch.equal(ours.x, x) and torch.equal(sparse.x.dense(), x) and torch.equal(ours.y, y)):
            raise SuiteError(f"{name}: tonic's batches are not ours")
    return {"source": source, "samples": len(dense)}


def _measure(name: str, contender: str, folder: str) -> dict[str, float]:
    if contender.startswith("tonic"):
        passes = _tonic(name, folder, 2 if "workers" in contender else 0, shuffle=True)
        idle = memory.reset_peak()
    else:
        _warm_up(contender)
        idle = memory.reset_peak()
        passes = _ours(name, contender)
    for _ in passes():
        pass
    samples, start = 0, time.perf_counter()
    for _ in range(EPOCHS):
        for _, y in passes():
            samples += len(y)
    peak_mb = math.nan if "workers" in contender else (memory.status("VmHWM") - idle) / 1e6
    return {"samples_per_s": samples / (time.perf_counter() - start), "peak_mb": peak_mb}


def _ours(name: str, layout: str) -> Callable[[], Iterator[Any]]:
    _, split = _split(name, layout)
    return lambda: ((batch.x, batch.y) for batch in split.epoch(_batch_size(name), shuffle_seed=0))


def _split(name: str, layout: str) -> tuple[str, Any]:
    """What the data is, and up to SAMPLES of its training recordings."""
    data = datasets[name].load(layout=layout)
    split: Any = data.train
    return data.source, replace(split, samples=split.samples[:SAMPLES])


def _warm_up(layout: Any) -> None:
    """Import and compile, so that this counts as idle."""
    from suite.datasets.events import binning as batches
    from suite.datasets.events.preprocess import FixedInterval, Preprocess, Sensor
    from suite.datasets.events.store import Store

    indptr, t = np.array([0, 1]), np.zeros(1, dtype=np.int32)
    unit = t.astype(np.uint16)
    store = Store(Path(), "", 1, indptr, t, t, {"t": t, "unit": unit}.get)
    preprocess = Preprocess(Sensor(1), FixedInterval(1, 1))
    split = batches.EventSplit(store, np.zeros(1, dtype=np.int64), preprocess, layout)
    list(split.epoch(1, shuffle_seed=0))
    for array in (t, unit):
        array.flags.writeable = False  # as mapped arrays are: for them it is compiled again
    list(split.epoch(1, shuffle_seed=0))
    cases()  # imports the loaders


def _tonic(name: str, folder: str, workers: int, shuffle: bool) -> Callable[[], Iterator[Any]]:
    """A function that gives one pass, as tonic's tutorials build it; x [T, B, N] float32, y [B]."""
    import tonic
    import torch
    from torch.utils.data import DataLoader

    _, split = _split(name, "events")
    window, recordings = split.preprocess.cut, replace(split.recordings, samples=split.samples)
    frames = tonic.transforms.Compose(
        [
            tonic.transforms.ToFrame(
                recordings.sensor_size, time_window=window.dt_us, start_time=0, end_time=window.dt_us * window.n_steps
            ),
            lambda x: np.minimum(x, 1),
        ]
    )
    cached = tonic.DiskCachedDataset(replace(recordings, transform=frames), cache_path=folder)

    def passes() -> Iterator[Any]:
        loader: Any = DataLoader(cached, batch_size=_batch_size(name), shuffle=shuffle, num_workers=workers)
        for x, y in loader:
            yield x.flatten(2).transpose(0, 1).to(torch.float32), y

    return passes


if __name__ == "__main__":
    _main(*sys.argv[1:])
