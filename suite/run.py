"""One cell of the comparison: train it if need be, measure it, keep its record."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from neurons import NotAblatable
from neurons.kernels import kernel_name, resolve_engine
from suite import __version__, machine, training
from suite.datasets import load_for
from suite.datasets.base import Data
from suite.errors import DataUnavailable, MachineFault
from suite.experiments.base import Cell, Experiment, NotDefined, Progress, Run, silent
from suite.models.build import build
from suite.models.own import About, about
from suite.protocols import Protocol
from suite.registry import datasets, experiments, get_protocol, protocol_name, variants
from suite.results.files import remove
from suite.results.record import Record, RunRecord, Training, Value
from suite.results.store import UNDONE, Store
from suite.variants import Baseline

CROSS_CHECK = "cross_check"
"""The experiment that is made of every run of a spiking network, whatever was asked for."""

BENCHMARK_VERSION = 3
"""Part of every run's identity: raised when a change alters results, so that old and new ones never mix."""


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: a record's status, or "present" if the results had it already."""

    cell: Cell
    status: str
    reason: str
    run_id: str


def run_cell(
    cell: Cell, store: Store, *, rerun: bool = False, keep_checkpoint: bool = True, progress: Progress = silent
) -> Outcome:
    """Bring one cell to its record in `store`, from wherever an earlier attempt left it. keep_checkpoint: another cell
    needs the training's checkpoint; else it is removed once this one has a result.

    Missing data, or an experiment that the network has nothing for, makes a record with status "skipped". Any other
    error makes one with status "failed" and is raised. Neither takes the place of a result.
    """
    cell = replace(cell, protocol=protocol_name(cell.protocol, cell.dataset))
    experiment, protocol = experiments[cell.experiment], get_protocol(cell.protocol, cell.dataset)
    device = machine.pick_device()
    try:
        data = _load(cell.dataset, cell.source, cell.protocol)
    except ValueError:  # what was asked for is wrong: there is no such run
        raise
    except Exception as error:
        run = _describe(cell, protocol, None, device)
        if isinstance(error, DataUnavailable) and not isinstance(error, MachineFault):
            return _end(store, run, experiment, cell, "skipped", str(error), device)
        _end(store, run, experiment, cell, "failed", f"{type(error).__name__}: {error}", device)
        raise
    own = about(protocol.network, data) if protocol.own_network else None
    run = _describe(cell, protocol, data, device, own)
    checkpoint = store.checkpoints / f"{run.run_id}.safetensors"
    scratch = store.checkpoints / f"{run.run_id}.{cell.experiment}"
    done = store.find(run.run_id, cell.experiment)
    if done is not None and done.status not in UNDONE and not rerun:
        _forget(scratch, checkpoint, keep_checkpoint)
        return Outcome(cell, "present", "already in results", run.run_id)
    reason = experiment.why_not(variants[cell.variant], protocol)
    if reason is not None:
        return _end(store, run, experiment, cell, "skipped", reason, device)
    if rerun:
        remove(scratch)
    try:
        network, history = _train(cell, protocol, data, device, checkpoint, run.run_id, not rerun, progress)
        run = store.write_run(replace(run, training=_training(history, protocol)), _curves(history))
        measured = Run(cell, protocol, data, network, history, device, scratch, progress)
        _cross_check(store, run, measured, again=rerun)  # first: an experiment may change the network
        values = experiment.values(measured)
    except (NotDefined, NotAblatable) as error:
        return _end(store, run, experiment, cell, "skipped", str(error), device)
    except Exception as error:
        _end(store, run, experiment, cell, "failed", f"{type(error).__name__}: {error}", device)
        raise
    if history.status != "ok":
        warnings.warn(f"{cell}: {history.status}, {history.reason}", stacklevel=2)
    record = _record(experiment, cell, history.status, history.reason, values, device)
    store.write(run, record, measured.tables)
    _forget(scratch, checkpoint, keep_checkpoint)
    return Outcome(cell, history.status, history.reason, run.run_id)


def _cross_check(store: Store, run: RunRecord, measured: Run, *, again: bool) -> None:
    """Keep how the run's network does on each framework's own code, once a run; warn if that is more than rounding.

    It stands beside what was asked for: an error in it is a record and a warning.
    """
    experiment = experiments[CROSS_CHECK]
    cell = replace(measured.cell, experiment=CROSS_CHECK)
    done = store.find(run.run_id, CROSS_CHECK)
    if measured.cell.experiment == CROSS_CHECK or (done is not None and done.status not in UNDONE and not again):
        return
    if measured.history.best == 0 or experiment.why_not(variants[cell.variant], measured.protocol) is not None:
        return
    try:
        values = experiment.values(replace(measured, cell=cell, tables={}))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        _end(store, run, experiment, cell, "failed", reason, measured.device)
        warnings.warn(f"{cell}: its cross-check failed, {reason}", stacklevel=2)
        return
    history = measured.history
    store.write(run, _record(experiment, cell, history.status, history.reason, values, measured.device))
    for value in values:
        if value.metric == "unexplained" and value.value:
            warnings.warn(
                f"{cell}: {value.value:.0f} of {value.n} neurons spike differently on {value.at['neuron']}, and not "
                "because rounding decided; the frameworks disagree on this network",
                stacklevel=2,
            )


def last_of_trainings(cells: Iterable[Cell]) -> set[Cell]:
    """The cells after which none has the same training: then its checkpoint is needed no more."""
    return set({replace(cell, experiment=""): cell for cell in cells}.values())


def _forget(scratch: Path, checkpoint: Path, keep_checkpoint: bool) -> None:
    """Remove what a finished cell needs no more."""
    remove(scratch)
    if not keep_checkpoint:
        remove(checkpoint)


def _end(
    store: Store, run: RunRecord, experiment: Experiment, cell: Cell, status: str, reason: str, device: torch.device
) -> Outcome:
    """Keep a record without values."""
    kept = store.write_run(run) if run.training is None else run
    store.write(kept, _record(experiment, cell, status, reason, (experiment.nothing(),), device))
    return Outcome(cell, status, reason, run.run_id)


def _record(
    experiment: Experiment, cell: Cell, status: str, reason: str, values: tuple[Value, ...], device: torch.device
) -> Record:
    return Record(
        experiment.name,
        status,
        reason,
        values,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        peak_memory_mb=round(machine.peak_memory_mb(device), 1),
        made_with=_made_with(cell, device),
    )


@lru_cache(maxsize=2)
def _load(name: str, source: str, protocol_name: str) -> Data:
    return load_for(get_protocol(protocol_name, name), name, source=source)


def _train(
    cell: Cell,
    protocol: Protocol,
    data: Data,
    device: torch.device,
    checkpoint: Path,
    run_id: str,
    resume: bool,
    progress: Progress,
) -> tuple[nn.Module, training.History]:
    torch.manual_seed(cell.seed)
    network = build(data, protocol, variants[cell.variant], cell.backend, cell.engine).to(device)
    with progress(cell, protocol.epochs, len(data.train)) as (on_step, on_epoch):
        history = training.train(
            network,
            data,
            protocol,
            seed=cell.seed,
            device=device,
            checkpoint=checkpoint,
            run_id=run_id,
            resume=resume,
            on_step=on_step,
            on_epoch=on_epoch,
        )
    return network, history


def _training(history: training.History, protocol: Protocol) -> Training:
    return Training(
        status=history.status,
        reason=history.reason,
        epochs=history.epoch,
        selected=history.best,
        wall_s=round(history.wall_s, 3),
        loss_unit=training.loss_unit(protocol),
        curves="",
    )


def _curves(history: training.History) -> list[tuple[float, ...]]:
    scores = zip(history.train, history.validation, strict=True)
    return [(epoch, t.loss, t.accuracy, v.loss, v.accuracy) for epoch, (t, v) in enumerate(scores, start=1)]


def _describe(
    cell: Cell, protocol: Protocol, data: Data | None, device: torch.device, own: About | None = None
) -> RunRecord:
    """What is run, with the identity that everything which changes numbers is in. own: of a user's network."""
    variant = asdict(variants[cell.variant])
    engine, kernel = _engine(cell, device, None if own is None else own.why_stepped)
    settings = protocol.as_dict() | ({} if own is None else {"network_structure": own.structure})
    about = datasets[cell.dataset]
    identity = {
        "benchmark": BENCHMARK_VERSION,
        "dataset": [cell.dataset, data.source, data.data_hash] if data else [cell.dataset, cell.source],
        "variant": variant,
        "backend": cell.backend,
        "engine": [engine, kernel],
        "protocol": [cell.protocol, settings],
        "seed": cell.seed,
    }
    return RunRecord(
        run_id=_hash("r", identity),
        benchmark_version=BENCHMARK_VERSION,
        dataset=cell.dataset,
        data_source=data.source if data else "missing",
        data_hash=data.data_hash if data else None,
        n_classes=about.n_classes,
        kind=about.kind,
        variant=cell.variant,
        variant_parameters=variant,
        backend=cell.backend,
        engine=engine,
        kernel=kernel,
        protocol=cell.protocol,
        protocol_hash=_hash("p", settings),
        protocol_settings=settings,
        seed=cell.seed,
        made_with=_made_with(cell, device),
    )


def _hash(kind: str, content: Mapping[str, Any]) -> str:
    """With a prefix: 12 hex digits alone may be a number to who reads them (12345e678901)."""
    return f"{kind}-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]}"


def _engine(cell: Cell, device: torch.device, why_stepped: str | None) -> tuple[str, str]:
    """What runs: the engine and the kernel."""
    if isinstance(variants[cell.variant], Baseline):
        return "none", f"torch-{device.type}"
    engine = resolve_engine(cell.engine, device, torch.float32, why_stepped)
    return engine, kernel_name(engine, cell.backend, device)


def _made_with(cell: Cell, device: torch.device) -> dict[str, str]:
    return {
        "suite_version": __version__,
        "torch_version": machine.version("torch"),
        "framework_version": machine.version(cell.backend),
        "device": machine.device_name(device),
        "git_commit": machine.git_commit(),
    }
