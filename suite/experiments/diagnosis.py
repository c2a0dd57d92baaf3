"""Why is complete leakage at chance on SHD and SSC in Table 6? Silent, or mislabelled?

A network without memory whose readout sums over time should beat chance. Either its neurons never reach the
threshold, or the input was scaled by 1 - k and the two extremes of k swapped: with the gain 1 - k, k = 1 has no input
at all. The variants are {gain 1, gain 1 - k} x {k = 0, k = 1} (suite.experiments.scope).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from suite.experiments.rows import no_value
from suite.experiments.spike_rate import RATE, measure
from suite.models.rnn import RecurrentNet
from suite.run import Run


def run(run: Run) -> list[dict[str, Any]]:
    """Test accuracy, mean hidden rate, share of silent neurons, and two entropies in nats: prediction_entropy, of how
    often each class is predicted (0: always the same one; log C: all alike), and output_entropy, the mean over
    samples of that of the softmax. Reads the test split once.
    """
    if isinstance(run.network, RecurrentNet):
        return no_value("test_accuracy", "fraction", f"{run.cell.variant} has no spikes")
    if run.history.best == 0:
        return no_value("test_accuracy", "fraction")
    found = measure(run)
    every = torch.cat(found.rates)
    logit = found.logits.double()
    predicted = torch.bincount(logit.argmax(1), minlength=run.dataset.n_classes).double() / found.n
    chance = math.log(run.dataset.n_classes)
    values = {
        "test_accuracy": (found.accuracy, "fraction"),
        "spike_rate": (float(every.mean()), RATE),
        "dead_fraction": (float((every == 0).double().mean()), "fraction of neurons"),
        "prediction_entropy": (float(entropy(predicted)), "nats"),
        "output_entropy": (float(entropy(logit.softmax(1)).mean()), "nats"),
        "uniform_entropy": (chance, "nats"),
    }
    return [{"metric": name, "value": value, "unit": unit, "n": found.n} for name, (value, unit) in values.items()]


def entropy(p: Tensor) -> Tensor:
    """Of probabilities [..., C], in nats [...]."""
    return torch.special.entr(p).sum(-1)
