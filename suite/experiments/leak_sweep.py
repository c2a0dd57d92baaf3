"""Accuracy, firing rate and cost against the leak coefficient k, and what k training finds where it may.

Its variants are k=0, 0.1, ... 1 (suite.experiments.scope); generalization and robustness of the same variants are
experiments of their own, and share the training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from neurons.leak import Leak
from suite.experiments.rows import condition, no_value
from suite.experiments.spike_rate import OPERATIONS, RATE, measure
from suite.models.rnn import RecurrentNet
from suite.run import Run

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def run(run: Run) -> list[dict[str, Any]]:
    """Test accuracy, mean hidden rate and effective synaptic operations; of every hidden layer the mean k and, if it
    is learnt, quantiles over neurons, with the artifact `k` (columns layer, neuron, k). Reads the test split once.
    """
    if isinstance(run.network, RecurrentNet):
        return no_value("test_accuracy", "fraction", f"{run.cell.variant} has no leak coefficient")
    if run.history.best == 0:
        return no_value("test_accuracy", "fraction")
    found = measure(run)
    every = torch.cat(found.rates)
    at = {"n": found.n, "epoch": run.history.best}
    rows: list[dict[str, Any]] = [
        {"metric": "test_accuracy", "value": found.accuracy, "unit": "fraction", "higher_is_better": "true", **at},
        {"metric": "spike_rate", "value": float(every.mean()), "unit": RATE, **at},
        {"metric": "dead_fraction", "value": float((every == 0).double().mean()), "unit": "fraction of neurons", **at},
        {"metric": "effective_acs", "value": found.operations["effective_acs"] / found.n, "unit": OPERATIONS, **at},
    ]
    lines = []
    for layer, k in enumerate(leaks(run), start=1):
        rows.append({"metric": "k", "value": float(k.mean()), "unit": "1", "condition": condition(layer=layer)})
        if len(k) > 1:
            for q in QUANTILES:
                value = float(np.quantile(k, q))
                rows.append(
                    {"metric": "k", "value": value, "unit": "1", "condition": condition(layer=layer, quantile=q)}
                )
            lines += [(layer, neuron, value) for neuron, value in enumerate(k)]
    if lines:
        rows.append(dict(run.save("k", pd.DataFrame(lines, columns=["layer", "neuron", "k"]))))
    return rows


@torch.no_grad()
def leaks(run: Run) -> list[np.ndarray]:
    """k of every hidden layer: [1] if it is fixed, [neurons] if it is learnt. The readout's own is left out."""
    found = []
    for name, module in run.network.named_modules():
        if isinstance(module, Leak) and not name.startswith("readout"):
            found.append(torch.as_tensor(module(), dtype=torch.float64).detach().cpu().reshape(-1).numpy())
    return found
