"""Accuracy, firing rate and cost against the leak coefficient k, and what k training finds where it may.

Generalization and robustness of the same variants are experiments of their own, and share the training.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from neurons.leak import Leak
from suite.experiments.base import ACCURACY, DEAD_FRACTION, OPERATIONS, SPIKE_RATE, Experiment, Metric, Run
from suite.experiments.spike_rate import test_pass
from suite.paper import WHERE
from suite.results.record import Value

LEAKS = ("complete_leakage", "k=0.1", "k=0.3", "k=0.5", "k=0.7", "k=0.9", "without_leakage")
"""k from 0 to 1; both ends are variants of Table 6, so that their training is shared."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def measure(run: Run) -> Iterator[Value]:
    """Test accuracy, mean hidden rate and effective synaptic operations; of every hidden layer the mean k and, if it
    is learnt, quantiles over neurons, with the artifact `k` (columns layer, neuron, k). Reads the test split once.
    """
    found = test_pass(run)
    every = torch.cat(found.rates)
    values = {
        "test_accuracy": found.accuracy,
        "spike_rate": float(every.mean()),
        "dead_fraction": float((every == 0).double().mean()),
        "effective_acs": found.operations["effective_acs"] / found.n,
    }
    yield from (Value(name, value, n=found.n, epoch=run.history.best) for name, value in values.items())
    lines = []
    for layer, k in enumerate(leaks(run), start=1):
        yield Value("k", float(k.mean()), at={"layer": layer})
        if len(k) > 1:
            for q in QUANTILES:
                yield Value("k", float(np.quantile(k, q)), at={"layer": layer, "quantile": q})
            lines += [(layer, neuron, value) for neuron, value in enumerate(k)]
    if lines:
        run.save("k", pd.DataFrame(lines, columns=["layer", "neuron", "k"]))


@torch.no_grad()
def leaks(run: Run) -> list[np.ndarray]:
    """k of every hidden layer: [1] if it is fixed, [neurons] if it is learnt. The readout's own is left out."""
    found = []
    for name, module in run.network.named_modules():
        if isinstance(module, Leak) and not name.startswith("readout"):
            found.append(torch.as_tensor(module(), dtype=torch.float64).detach().cpu().reshape(-1).numpy())
    return found


EXPERIMENT = Experiment(
    "leak_sweep",
    "Accuracy, firing rate and cost against the leak coefficient k, and the k that training finds",
    measure,
    (
        ACCURACY,
        SPIKE_RATE,
        DEAD_FRACTION,
        Metric("effective_acs", OPERATIONS, higher_is_better=False),
        Metric("k", "1", axes=("layer", "quantile")),
    ),
    needs=("spikes",),
    paper="Section 4.3.2",
    datasets=WHERE["Section 4.3.2"],
    variants=("baseline", *LEAKS),
    draw="suite.report.figures.leak_sweep:draw",
)
