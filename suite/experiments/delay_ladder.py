"""Delayed XOR at several delays: accuracy against the length T of the sequence.

The delays are datasets of their own, each with its protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from suite.experiments.base import ACCURACY, SPIKE_RATE, Experiment, Run
from suite.paper import TABLE_6_VARIANTS, WHERE
from suite.results.record import Value
from suite.training import evaluate


def measure(run: Run) -> Iterator[Value]:
    """Test accuracy and hidden rate at the dataset's T. Reads the test split once."""
    score = evaluate(run.network, run.data.test.epoch(run.protocol.batch_size), run.protocol, run.device)
    at = {"T": run.data.n_steps}
    yield Value("test_accuracy", score.accuracy, at=at, n=score.n, epoch=run.history.best)
    yield Value("spike_rate", score.spike_rate, at=at, n=score.n, epoch=run.history.best)


EXPERIMENT = Experiment(
    "delay_ladder",
    "Accuracy on delayed XOR against the length of the sequence",
    measure,
    (replace(ACCURACY, axes=("T",)), replace(SPIKE_RATE, axes=("T",))),
    paper="Table 6, delayed XOR",
    datasets=WHERE["Table 6, delayed XOR"],
    variants=TABLE_6_VARIANTS,
    draw="suite.report.figures.delay_ladder:draw",
)
