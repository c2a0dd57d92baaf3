"""Test accuracy of the selected epoch (Table 6)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor

from suite.experiments.base import ACCURACY, RATE, Experiment, Metric, Run
from suite.results.bits import packed
from suite.results.record import Value
from suite.training import evaluate, loss_unit


def measure(run: Run) -> Iterator[Value]:
    """Reads the test split once. Artifact `correct`: which of its n samples, in their order, are classified right
    (suite.results.bits).
    """
    right: list[Tensor] = []
    score = evaluate(run.network, run.data.test.epoch(run.protocol.batch_size), run.protocol, run.device, right)
    run.save("correct", pd.DataFrame([{"n": score.n, "correct": packed(torch.cat(right).cpu().numpy())}]))
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
