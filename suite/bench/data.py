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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from suite.errors import SuiteError

EPOCHS = 3  # timed, after one that fills the caches
SAMPLES = 512  # in an epoch
CONTENDERS = ("tonic", "tonic, 2 workers", "dense", "events")


@dataclass(frozen=True)
class Case:
    """A dataset, read with its loader's defaults."""

    name: str
    batch_size: int
    dt_us: int
    n_steps: int
    sensor: tuple[int, int, int]  # width, height, polarities, as tonic counts them


CASES = (Case("fsdd", 256, 4_000, 250, (700, 1, 1)), Case("n_mnist", 128, 3_000, 15, (34, 34, 2)))


def run(rounds: int = 3) -> pd.DataFrame:
    """One row per dataset and contender: samples a second and the ratio to tonic's faster way, peak memory in MB and
    the ratio to tonic's in one process. The column "data" says what was read. Raises SuiteError if a measurement fails.
    """
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="lif-roles-bench-") as folder:
            same = _child(case, "compare", folder)
            measured: dict[str, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
            for _ in range(rounds):
                for contender in CONTENDERS:
                    measured[contender].append(_child(case, contender, folder))
        speed = {c: statistics.median(m["samples_per_s"] for m in ms) for c, ms in measured.items()}
        memory = {c: statistics.median(m["peak_mb"] for m in ms) for c, ms in measured.items()}
        theirs = [contender for contender in CONTENDERS if contender.startswith("tonic")]
        fastest = max(speed[contender] for contender in theirs)
        rows += [
            {
                "dataset": case.name,
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


def _child(case: Case, task: str, folder: str) -> dict[str, Any]:
    """Run one task in a new process and return what it found."""
    command = [sys.executable, "-m", "suite.bench.data", case.name, task, folder]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    if done.returncode:
        raise SuiteError(f"the measurement {task!r} of {case.name} failed:\n{done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _main(name: str, task: str, folder: str) -> None:
    case = next(case for case in CASES if case.name == name)
    print(json.dumps(_compare(case, folder) if task == "compare" else _measure(case, task, folder)))


def _compare(case: Case, folder: str) -> dict[str, Any]:
    """Fill tonic's cache, and check that the three give the same batches."""
    import torch

    (source, dense), (_, events) = _split(case, "dense"), _split(case, "events")
    theirs = _tonic(case, folder, 0, shuffle=False)
    for ours, sparse, (x, y) in zip(dense.epoch(case.batch_size), events.epoch(case.batch_size), theirs(), strict=True):
        if not (torch.equal(ours.x, x) and torch.equal(sparse.x.dense(), x) and torch.equal(ours.y, y)):
            raise SuiteError(f"{case.name}: tonic's batches are not ours")
    return {"source": source, "samples": len(dense)}


def _measure(case: Case, contender: str, folder: str) -> dict[str, float]:
    if contender.startswith("tonic"):
        passes = _tonic(case, folder, 2 if "workers" in contender else 0, shuffle=True)
        idle = _reset_peak()
    else:
        _warm_up(contender)
        idle = _reset_peak()
        passes = _ours(case, contender)
    for _ in passes():
        pass
    samples, start = 0, time.perf_counter()
    for _ in range(EPOCHS):
        for _, y in passes():
            samples += len(y)
    peak_mb = math.nan if "workers" in contender else _status("VmHWM") - idle
    return {"samples_per_s": samples / (time.perf_counter() - start), "peak_mb": peak_mb}


def _ours(case: Case, layout: str) -> Callable[[], Iterator[Any]]:
    _, split = _split(case, layout)
    return lambda: ((batch.x, batch.y) for batch in split.epoch(case.batch_size, shuffle_seed=0))


def _split(case: Case, layout: str) -> tuple[str, Any]:
    """What the data is, and up to SAMPLES of its training recordings."""
    from suite.registry import datasets

    dataset = datasets[case.name](layout=layout)
    return dataset.source, replace(dataset.train, samples=dataset.train.samples[:SAMPLES])


def _warm_up(layout: Any) -> None:
    """Import and compile, so that this counts as idle."""
    from suite.datasets.events import binning as batches
    from suite.datasets.events.preprocess import FixedInterval, Preprocess, Sensor
    from suite.datasets.events.store import Store
    from suite.registry import datasets

    indptr, t = np.array([0, 1]), np.zeros(1, dtype=np.int32)
    unit = t.astype(np.uint16)
    store = Store(Path(), "", 1, indptr, t, unit, t, t)
    preprocess = Preprocess(Sensor(1), FixedInterval(1, 1))
    split = batches.EventSplit(store, np.zeros(1, dtype=np.int64), preprocess, layout)
    list(split.epoch(1, shuffle_seed=0))
    for array in (t, unit):
        array.flags.writeable = False  # as mapped arrays are: for them it is compiled again
    list(split.epoch(1, shuffle_seed=0))
    for case in CASES:
        datasets[case.name]  # imports the loader


class _Recordings:
    """The training recordings for tonic: structured events, read from the store's arrays, and labels."""

    def __init__(self, case: Case) -> None:
        _, split = _split(case, "events")
        self.store, self.samples, self.sensor = split.store, split.samples, case.sensor
        names = ("x", "p", "t") if case.sensor[1] == 1 else ("x", "y", "p", "t")
        self.dtype = np.dtype([(name, np.int64) for name in names])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, item: int) -> tuple[np.ndarray, int]:
        width, height, _ = self.sensor
        sample = self.samples[item]
        part = slice(self.store.indptr[sample], self.store.indptr[sample + 1])
        unit = self.store.unit[part].astype(np.int64)
        events = np.zeros(len(unit), self.dtype)
        events["x"], events["p"], events["t"] = unit % width, unit // (width * height), self.store.t[part]
        if height > 1:
            events["y"] = unit // width % height
        return events, int(self.store.label[sample])


def _tonic(case: Case, folder: str, workers: int, shuffle: bool) -> Callable[[], Iterator[Any]]:
    """A function that gives one pass, as tonic's tutorials build it; x [T, B, N] float32, y [B]."""
    import tonic
    import torch
    from torch.utils.data import DataLoader

    frames = tonic.transforms.Compose(
        [
            tonic.transforms.ToFrame(
                case.sensor, time_window=case.dt_us, start_time=0, end_time=case.dt_us * case.n_steps
            ),
            lambda x: np.minimum(x, 1),
        ]
    )

    class Framed:
        def __init__(self) -> None:
            self.recordings = _Recordings(case)

        def __len__(self) -> int:
            return len(self.recordings)

        def __getitem__(self, item: int) -> tuple[np.ndarray, int]:
            events, label = self.recordings[item]
            return frames(events), label

    cached = tonic.DiskCachedDataset(Framed(), cache_path=folder)

    def passes() -> Iterator[Any]:
        loader: Any = DataLoader(cached, batch_size=case.batch_size, shuffle=shuffle, num_workers=workers)
        for x, y in loader:
            yield x.flatten(2).transpose(0, 1).to(torch.float32), y

    return passes


def _status(field: str) -> float:
    """A field of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _reset_peak() -> float:
    """Forget the highest resident set so far; returns the present one."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


if __name__ == "__main__":
    _main(*sys.argv[1:])
