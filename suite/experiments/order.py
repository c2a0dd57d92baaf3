"""Does the dataset need time? Accuracy with every sample's steps shuffled (after Ma et al. 2025, arXiv 2502.09449).

A network that was trained on shuffled samples knows nothing of their order. As far as it is as accurate as one that was
trained on samples in order, the dataset can be solved by what occurs, whenever it does.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from suite import training
from suite.datasets.common.shuffled import shuffled
from suite.experiments.base import Experiment, Metric, NotDefined, Run
from suite.inputs import Static
from suite.models.build import build
from suite.registry import variants
from suite.results.record import Value

IN_ORDER, SHUFFLED, SHUFFLED_IN_TEST = "in order", "shuffled", "shuffled in the test only"


def measure(run: Run) -> Iterator[Value]:
    """Trains a second network, from the same initial weights, on shuffled samples. Reads the test split three times,
    and chooses nothing by it.
    """
    if run.protocol.order == "shuffled":
        raise NotDefined("its protocol shuffles the steps already")
    batch = next(run.data.validation.epoch(1))
    if isinstance(batch.x, Static):
        raise NotDefined("an image that is the same at all steps has no order")
    data = shuffled(run.data)
    torch.manual_seed(run.cell.seed)
    network = build(data, run.protocol, variants[run.cell.variant], run.cell.backend, run.cell.engine).to(run.device)
    with run.progress(run.cell, run.protocol.epochs, len(data.train)) as (on_step, on_epoch):
        history = training.train(
            network,
            data,
            run.protocol,
            seed=run.cell.seed,
            device=run.device,
            checkpoint=run.scratch / "shuffled.safetensors",
            run_id=f"{run.cell}-shuffled",
            on_step=on_step,
            on_epoch=on_epoch,
        )
    tests = ((IN_ORDER, run.network, run.data), (SHUFFLED_IN_TEST, run.network, data), (SHUFFLED, network, data))
    for name, tested, of in tests:
        if tested is network and history.best == 0:  # it diverged before it was trained at all
            yield Value("test_accuracy", None, at={"steps": name})
            continue
        score = training.evaluate(tested, of.test.epoch(run.protocol.batch_size), run.protocol, run.device)
        epoch = history.best if tested is network else run.history.best
        yield Value("test_accuracy", score.accuracy, at={"steps": name}, n=score.n, epoch=epoch)
    yield Value("train_accuracy", history.train[-1].accuracy, at={"steps": SHUFFLED})
    yield Value("train_accuracy", run.history.train[-1].accuracy, at={"steps": IN_ORDER})


EXPERIMENT = Experiment(
    "order",
    "Accuracy with the steps of every sample shuffled: whether the dataset needs time",
    measure,
    (
        Metric("test_accuracy", "fraction", higher_is_better=True, axes=("steps",)),
        Metric("train_accuracy", "fraction", axes=("steps",)),
    ),
    variants=("baseline", "with_recurrence"),
)
