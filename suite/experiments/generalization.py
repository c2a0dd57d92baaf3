"""Trained at one temporal resolution, tested at others (Table 7)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from suite.datasets import load
from suite.datasets.base import Split, limited
from suite.experiments.base import ACCURACY, Experiment, Run
from suite.models.readout import logits
from suite.paper import RESOLUTIONS_MS, TABLE_7_MODELS, WHERE
from suite.results.record import Axis, Value

MODES = ("fixed_steps", "fixed_window")
"""As many steps as in training, whatever time they span; or as many as span the training's window, rounded up."""

READOUTS = ("trained", "last_step")
"""The logits as in training (on N-MNIST the mean over time), or the output of the last step alone."""


def measure(run: Run) -> Iterator[Value]:
    """Test accuracy at bins of 1, 2, 3, 5 and 10 ms and at the training's own, for every mode and readout.

    Nothing is trained or selected here: each resolution's test split is
    read once. Raises ValueError if another resolution's data have another source than those trained on.
    """
    data = run.protocol.data
    dt, steps = float(data["dt_ms"]), int(data["n_steps"])
    measured: dict[tuple[float, int], tuple[dict[str, float], int]] = {}
    for other in sorted({dt, *map(float, RESOLUTIONS_MS)}):
        for mode in MODES:
            n_steps = steps_at(other, mode, dt, steps)
            if (other, n_steps) not in measured:
                measured[other, n_steps] = accuracies(run, split_at(run, other, n_steps))
            found, n = measured[other, n_steps]
            for readout, value in found.items():
                at: dict[str, Axis] = {"dt_ms": other, "n_steps": n_steps, "mode": mode, "readout": readout}
                yield Value("test_accuracy", value, at=at, n=n, epoch=run.history.best)


def steps_at(dt_ms: float, mode: str, trained_dt_ms: float, trained_steps: int) -> int:
    """Steps of a test sample in bins of dt_ms. 45 ms (15 steps of 3 ms) are 23 bins of 2 ms, the last half outside."""
    if mode == "fixed_steps":
        return trained_steps
    return math.ceil(round(trained_steps * trained_dt_ms / dt_ms, 6))


def split_at(run: Run, dt_ms: float, n_steps: int) -> Split:
    """The test split in other bins."""
    data = {**run.protocol.data, "dt_ms": dt_ms, "n_steps": n_steps}
    if data == dict(run.protocol.data):
        return run.data.test
    dataset = limited(load(run.cell.dataset, source=run.cell.source, **data), run.protocol.limit)
    if dataset.source != run.data.source:
        raise ValueError(
            f"{run.cell.dataset} was trained on {run.data.source} data, but in bins of {dt_ms:g} ms it is "
            f"{dataset.source}; give --data-source so that both are the same"
        )
    return dataset.test


def accuracies(run: Run, split: Split) -> tuple[dict[str, float], int]:
    """Accuracy by readout, and the number of samples. One pass."""
    last_step = replace(run.protocol, last_steps=1)
    correct = dict.fromkeys(READOUTS, 0)
    n = 0
    for batch, found in run.outputs(split):
        for readout, protocol in zip(READOUTS, (run.protocol, last_step), strict=True):
            correct[readout] += int((logits(found.output, protocol).argmax(1) == batch.y).sum())
        n += len(batch.y)
    return {readout: count / n for readout, count in correct.items()}, n


EXPERIMENT = Experiment(
    "generalization",
    "Test accuracy at temporal resolutions other than the training's",
    measure,
    (replace(ACCURACY, axes=("dt_ms", "n_steps", "mode", "readout")),),
    needs=("bins",),
    paper="Table 7",
    datasets=WHERE["Table 7"],
    variants=TABLE_7_MODELS,
    draw="suite.report.figures.generalization:draw",
)
