"""Test accuracy of the selected epoch (Table 6)."""

from __future__ import annotations

from collections.abc import Iterator

from suite.experiments.base import ACCURACY, RATE, Experiment, Metric, Run
from suite.results.record import Value
from suite.training import evaluate, loss_unit


def measure(run: Run) -> Iterator[Value]:
    """Reads the test split once."""
    score = evaluate(run.network, run.data.test.epoch(run.protocol.batch_size), run.protocol, run.device)
    epoch = run.history.best
    yield Value("test_accuracy", score.accuracy, n=score.n, epoch=epoch)
    yield Value("test_loss", score.loss, loss_unit(run.protocol), n=score.n, epoch=epoch)
    yield Value("test_spike_rate", score.spike_rate, n=score.n, epoch=epoch)


EXPERIMENT = Experiment(
    "accuracy",
    "Test accuracy of the selected epoch",
    measure,
    (ACCURACY, Metric("test_loss", None, higher_is_better=False), Metric("test_spike_rate", RATE)),
    paper="Table 6",
    draw="suite.report.figures.accuracy:draw",
)
