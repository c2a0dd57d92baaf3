"""Leakage x reset x recurrence: all eight combinations, so that what one component does can be told with and without
each other.
"""

from __future__ import annotations

from collections.abc import Iterator

from suite.experiments.base import ACCURACY, SPIKE_RATE, Experiment, Run
from suite.paper import WHERE
from suite.results.record import Value
from suite.training import evaluate

COMBINATIONS = (
    "baseline",
    "without_leakage",
    "without_reset",
    "k=1+without_reset",
    "with_recurrence",
    "without_leakage+with_recurrence",
    "reset=none+with_recurrence",
    "without_leakage+without_reset+with_recurrence",
)


def measure(run: Run) -> Iterator[Value]:
    """Test accuracy and hidden rate. Reads the test split once."""
    score = evaluate(run.network, run.data.test.epoch(run.protocol.batch_size), run.protocol, run.device)
    yield Value("test_accuracy", score.accuracy, n=score.n, epoch=run.history.best)
    yield Value("spike_rate", score.spike_rate, n=score.n, epoch=run.history.best)


EXPERIMENT = Experiment(
    "factorial",
    "Accuracy and firing rate of all combinations of leakage, reset and recurrence",
    measure,
    (ACCURACY, SPIKE_RATE),
    needs=("spikes",),
    datasets=WHERE["Combinations"],
    variants=COMBINATIONS,
)
