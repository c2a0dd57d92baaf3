"""One cell of the comparison: train it if need be, measure it, write its rows."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from neurons import Variant
from neurons.kernels import check_engine, kernel_name, resolve_engine
from neurons.names import unknown_name
from suite import __version__, artifacts, machine, training
from suite.datasets import load_for
from suite.datasets.base import Data
from suite.errors import DataUnavailable
from suite.models.build import build, why_not
from suite.models.rnn import Baseline
from suite.protocols import Protocol
from suite.registry import backends, experiments, get_protocol, variants
from suite.results import Store

BENCHMARK_VERSION = 1
"""Part of every run's identity: raised when a change alters results, so that old and new ones never mix."""

PACKAGES = {"spikingjelly": "spikingjelly", "snntorch": "snntorch", "torch": "torch"}


SOURCES = ("auto", "original", "standin")


@dataclass(frozen=True)
class Cell:
    """What is asked for. `engine` may be "auto"; rows say what ran."""

    experiment: str
    dataset: str
    variant: str
    backend: str
    seed: int
    protocol: str = "suite"
    engine: str = "auto"
    source: str = "auto"

    def __str__(self) -> str:
        return f"{self.dataset}-{self.variant}-{self.backend}-seed{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: a row status, or "present" if the results had it already."""

    cell: Cell
    status: str
    reason: str
    run_id: str


Row = Mapping[str, Any]
Callbacks = tuple[Callable[[int, int], None], Callable[[training.History], None]]
"""`on_step` and `on_epoch` of `training.train`."""

Progress = Callable[[Cell, int, int], AbstractContextManager[Callbacks]]
"""Called with the cell, its epochs and the samples of one; see suite.progress."""


def silent(cell: Cell, epochs: int, samples: int) -> AbstractContextManager[Callbacks]:  # noqa: ARG001
    """Show nothing."""
    return nullcontext((lambda _epoch, _samples: None, lambda _history: None))


@dataclass
class Run:
    """A trained network and all that an experiment needs to measure it."""

    cell: Cell
    protocol: Protocol
    dataset: Data
    network: nn.Module
    history: training.History
    device: torch.device
    run_id: str
    folder: Path
    progress: Progress = silent

    def save(self, name: str, table: pd.DataFrame) -> Row:
        """Keep a table that is too large for the results beside them; returns the row that points to it."""
        return artifacts.save(self.folder, self.run_id, self.cell.experiment, name, table)


Experiment = Callable[[Run], list[Row]]
"""Returns rows with metric, value, unit and, where they apply, condition, epoch, n, higher_is_better."""


def cells(
    experiment: str = "accuracy",
    *,
    dataset_names: Iterable[str],
    variant_names: Iterable[str],
    backend_names: Iterable[str],
    seeds: Iterable[int],
    protocol: str = "suite",
    engine: str = "auto",
    source: str = "auto",
    skip_unfit: bool = False,
) -> list[Cell]:
    """Every combination, in the order given; the recurrent baselines run once, on PyTorch itself.

    Raises ValueError for an unknown name, and, unless skip_unfit, for a variant that a dataset's network cannot have.
    """
    dataset_names, variant_names, backend_names = (
        list(dataset_names),
        list(variant_names),
        list(backend_names),
    )
    experiments[experiment]
    check_engine(engine)
    if source not in SOURCES:
        raise unknown_name("data source", source, SOURCES)
    for name in dataset_names:
        get_protocol(protocol, name)
    for name in backend_names:
        backends[name]
    found = []
    for dataset, variant in product(dataset_names, variant_names):
        reason = why_not(variants[variant], get_protocol(protocol, dataset))
        if reason is not None:
            if skip_unfit:
                continue
            raise ValueError(f"{dataset}: {reason}")
        frameworks = ["torch"] if isinstance(variants[variant], Baseline) else backend_names
        found += [
            Cell(experiment, dataset, variant, backend, seed, protocol, engine, source)
            for backend, seed in product(frameworks, list(seeds))
        ]
    return found


def run_cell(
    cell: Cell,
    store: Store,
    *,
    rerun: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Bring one cell to its rows in `store`, from wherever an earlier attempt left it.

    Missing data makes a row with status "skipped". Any other error makes a row with status "failed" and is raised.
    """
    device = machine.pick_device()
    protocol = get_protocol(cell.protocol, cell.dataset)
    try:
        dataset = _load_dataset(cell.dataset, cell.source, cell.protocol)
    except DataUnavailable as error:
        run_id = _run_id(cell, protocol, None)
        store.write([_row(cell, None, run_id, device, status="skipped", reason=str(error), metric="test_accuracy")])
        return Outcome(cell, "skipped", str(error), run_id)
    run_id = _run_id(cell, protocol, dataset)
    done = store.find(run_id, cell.experiment)
    finished = done[~done["status"].isin(["failed", "skipped"])]
    if len(finished) and not rerun:
        return Outcome(cell, "present", "already in results", run_id)
    checkpoint = store.folder / "checkpoints" / f"{run_id}.safetensors"
    if rerun:
        checkpoint.unlink(missing_ok=True)
        artifacts.remove(store.folder, run_id, cell.experiment)
    try:
        network, history = _train(cell, protocol, dataset, device, checkpoint, progress)
        run = Run(cell, protocol, dataset, network, history, device, run_id, store.folder, progress)
        measured = experiments[cell.experiment](run)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        store.write([_row(cell, dataset, run_id, device, status="failed", reason=reason, metric="test_accuracy")])
        raise
    if history.status != "ok":
        warnings.warn(f"{cell}: {history.status}, {history.reason}", stacklevel=2)
    about = {"status": history.status, "reason": history.reason, "wall_s": round(history.wall_s, 3)}
    store.write(_row(cell, dataset, run_id, device, **about, **row) for row in measured)
    return Outcome(cell, history.status, history.reason, run_id)


@lru_cache(maxsize=2)
def _load_dataset(name: str, source: str, protocol_name: str) -> Data:
    return load_for(get_protocol(protocol_name, name), name, source=source)


def _train(
    cell: Cell,
    protocol: Protocol,
    dataset: Data,
    device: torch.device,
    checkpoint: Path,
    progress: Progress,
) -> tuple[nn.Module, training.History]:
    torch.manual_seed(cell.seed)
    network = build(dataset, protocol, variants[cell.variant], cell.backend, cell.engine).to(device)
    with progress(cell, protocol.epochs, len(dataset.train)) as (on_step, on_epoch):
        history = training.train(
            network,
            dataset,
            protocol,
            seed=cell.seed,
            device=device,
            checkpoint=checkpoint,
            on_step=on_step,
            on_epoch=on_epoch,
        )
    return network, history


def _run_id(cell: Cell, protocol: Protocol, dataset: Data | None) -> str:
    identity = {
        "benchmark": BENCHMARK_VERSION,
        "dataset": [cell.dataset, dataset.source, dataset.data_hash] if dataset else [cell.dataset, cell.source],
        "variant": _parameters(variants[cell.variant]),
        "backend": cell.backend,
        "engine": _engine(cell, machine.pick_device()),
        "protocol": [cell.protocol, protocol.as_dict()],
        "seed": cell.seed,
    }
    return _hash(identity)


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _engine(cell: Cell, device: torch.device) -> tuple[str, str]:
    """What runs: the engine and the kernel."""
    if cell.backend not in backends:
        return "none", f"torch-{device.type}"
    engine = resolve_engine(cell.engine, device, torch.float32)
    return engine, kernel_name(engine, cell.backend, device)


def _parameters(variant: Variant | Baseline) -> dict[str, Any]:
    return asdict(variant)


def _row(cell: Cell, dataset: Data | None, run_id: str, device: torch.device, **measured: Any) -> dict[str, Any]:
    engine, kernel = _engine(cell, device)
    return {
        "run_id": run_id,
        "experiment": cell.experiment,
        "dataset": cell.dataset,
        "data_source": dataset.source if dataset else "missing",
        "data_hash": dataset.data_hash if dataset else None,
        "variant": cell.variant,
        "variant_parameters": json.dumps(_parameters(variants[cell.variant]), sort_keys=True),
        "backend": cell.backend,
        "engine": engine,
        "kernel": kernel,
        "protocol": cell.protocol,
        "protocol_hash": _hash(get_protocol(cell.protocol, cell.dataset).as_dict()),
        "seed": cell.seed,
        "peak_memory_mb": round(machine.peak_memory_mb(device), 1),
        "suite_version": __version__,
        "torch_version": machine.version("torch"),
        "framework_version": machine.version(PACKAGES.get(cell.backend, cell.backend)),
        "device": machine.device_name(device),
        "git_commit": machine.git_commit(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **measured,
    }
