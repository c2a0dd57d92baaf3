"""What an experiment is, what it is asked for, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from neurons import Variant
from suite.datasets.base import Data, Split
from suite.inputs import Batch
from suite.models.forward import Pass, forward
from suite.protocols import Protocol
from suite.results.record import Value
from suite.training import History
from suite.variants import Baseline

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """What is asked for. `engine` may be "auto"; the record says what ran."""

    experiment: str
    dataset: str
    variant: str
    backend: str
    seed: int
    protocol: str
    engine: str = "auto"
    source: str = "auto"

    def __str__(self) -> str:
        engine = "" if self.engine == "auto" else f"-{self.engine}"
        return f"{self.dataset}-{self.variant}-{self.backend}{engine}-seed{self.seed}"


Callbacks = tuple[Callable[[int, int], None], Callable[[History], None]]
"""`on_step` and `on_epoch` of `training.train`."""

Progress = Callable[[Cell, int, int], AbstractContextManager[Callbacks]]
"""Called with the cell, its epochs and the samples of one; see suite.progress."""


def silent(cell: Cell, epochs: int, samples: int) -> AbstractContextManager[Callbacks]:  # noqa: ARG001
    """Show nothing."""
    return nullcontext((lambda _epoch, _samples: None, lambda _history: None))


class NotDefined(Exception):
    """Raised by an experiment that cannot be made of a run; the message says why. Its record is "skipped"."""


@dataclass
class Run:
    """A trained network and all that an experiment needs to measure it.

    scratch: a folder of the experiment's own, for what is to be there if it is killed and run again; it need not exist,
    and is removed once the record is kept.
    """

    cell: Cell
    protocol: Protocol
    data: Data
    network: nn.Module
    history: History
    device: torch.device
    scratch: Path
    progress: Progress = silent
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def base_protocol(self) -> str:
        """The protocol's name without what was changed in it."""
        return self.cell.protocol.partition("+")[0]

    def save(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table that is too large for the results beside them, as an artifact."""
        self.tables[name] = table

    @torch.no_grad()
    def outputs(self, split: Split, *, most: int | None = None) -> Iterator[tuple[Batch, Pass]]:
        """One pass over a split, computed as in training: its batches and what the network makes of them, all on the
        run's device. most: end with the batch that has the sample of this number.
        """
        self.network.eval()
        n = 0
        for batch in split.epoch(self.protocol.batch_size):
            on_device = batch.to(self.device)
            yield on_device, forward(self.network, on_device.x, self.protocol)
            n += len(batch.y)
            if most is not None and n >= most:
                return


@dataclass(frozen=True)
class Metric:
    """What an experiment's values of one name are. unit: "1" for a pure number; None if each value has its own. axes:
    names of those that its values may lie on.
    """

    name: str
    unit: str | None
    higher_is_better: bool | None = None
    axes: tuple[str, ...] = ()


RATE = "spikes per neuron and step"
OPERATIONS = "operations per sample"

ACCURACY = Metric("test_accuracy", "fraction", higher_is_better=True)
SPIKE_RATE = Metric("spike_rate", RATE)
DEAD_FRACTION = Metric("dead_fraction", "fraction of neurons")
"""Metrics and units that several experiments have."""


@dataclass(frozen=True)
class Experiment:
    """A measurement of a trained network: `measure` gives its values, each of one of the `metrics`.

    says: in one line, what it measures. needs: "spikes" (a network that has some), "bins" (data in bins of time),
    "suite" (a network of the suite's, which both frameworks can have and a protocol describes). paper: where the paper
    has it. datasets, variants: where it is run unless they are named; None: everywhere.
    draw: its figures, from results (suite.results.Results) to drawings, as a function or as the text "module:function";
    without, the report has a table of its values.
    """

    name: str
    says: str
    measure: Callable[[Run], Iterable[Value]]
    metrics: tuple[Metric, ...]
    needs: tuple[str, ...] = ()
    paper: str = ""
    datasets: tuple[str, ...] | None = None
    variants: tuple[str, ...] | None = None
    draw: str | Callable[[Any], Iterable[Any]] | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name == "run":
            raise ValueError(f"an experiment's name is letters, digits and _, and not 'run': it is not {self.name!r}")
        if not self.metrics:
            raise ValueError(f"experiment {self.name!r} has no metrics; give it at least one Metric(name, unit)")
        unknown = set(self.needs) - set(_NEEDS)
        if unknown:
            raise ValueError(f"experiment {self.name!r} needs {unknown.pop()!r}; known: {', '.join(_NEEDS)}")

    def why_not(self, model: Variant | Baseline, protocol: Protocol) -> str | None:
        """None if a network of this model and protocol has what the experiment needs, else the reason."""
        return next((reason for need in self.needs if (reason := _NEEDS[need](model, protocol))), None)

    def values(self, run: Run) -> tuple[Value, ...]:
        """Measure, with the unit and the direction of each value. A network without trained weights has no values.

        Raises ValueError for a value that is of none of the metrics, or lies on an axis that its metric has not;
        NotDefined.
        """
        if run.history.best == 0:
            return (self.nothing(),)
        known = {metric.name: metric for metric in self.metrics}
        found = []
        for value in self.measure(run):
            metric = known.get(value.metric)
            if metric is None or set(value.at) - set(metric.axes):
                raise ValueError(
                    f"experiment {self.name!r} measured {value.metric!r} on axes {list(value.at)}; it declares "
                    f"{', '.join(f'{m.name} on {list(m.axes)}' for m in self.metrics)}"
                )
            found.append(replace(value, unit=value.unit or metric.unit, higher_is_better=metric.higher_is_better))
        return tuple(found)

    def nothing(self) -> Value:
        """What stands for the values where there are none."""
        first = self.metrics[0]
        return Value(first.name, None, first.unit, higher_is_better=first.higher_is_better)


def _spikes(model: Variant | Baseline, _protocol: Protocol) -> str | None:
    return f"{model.name} has no spikes" if isinstance(model, Baseline) else None


def _bins(_model: Variant | Baseline, protocol: Protocol) -> str | None:
    return None if {"dt_ms", "n_steps"} <= set(protocol.data) else "its data has no bins of time to change"


def _suite(_model: Variant | Baseline, protocol: Protocol) -> str | None:
    return (
        f"it changes networks of the suite's, and {protocol.network} is a user's own" if protocol.own_network else None
    )


_NEEDS: dict[str, Callable[[Variant | Baseline, Protocol], str | None]] = {
    "spikes": _spikes,
    "bins": _bins,
    "suite": _suite,
}
