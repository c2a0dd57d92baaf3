"""Why is complete leakage at chance on SHD and SSC in Table 6? Silent, or mislabelled?

A network without memory whose readout sums over time should beat chance. Either its neurons never reach the
threshold, or the input was scaled by 1 - k and the two extremes of k swapped: with the gain 1 - k, k = 1 has no input
at all. The variants are {gain 1, gain 1 - k} x {k = 0, k = 1}.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from suite.experiments.base import ACCURACY, DEAD_FRACTION, SPIKE_RATE, Experiment, Metric, Run
from suite.experiments.spike_rate import test_pass
from suite.paper import WHERE
from suite.results.record import Value


def measure(run: Run) -> Iterator[Value]:
    """Test accuracy, mean hidden rate, share of silent neurons, and two entropies in nats: prediction_entropy, of how
    often each class is predicted (0: always the same one; log C: all alike), and output_entropy, the mean over
    samples of that of the softmax. Reads the test split once.
    """
    found = test_pass(run)
    every = torch.cat(found.rates)
    logit = found.logits.double()
    predicted = torch.bincount(logit.argmax(1), minlength=run.data.n_classes).double() / found.n
    values = {
        "test_accuracy": found.accuracy,
        "spike_rate": float(every.mean()),
        "dead_fraction": float((every == 0).double().mean()),
        "prediction_entropy": float(entropy(predicted)),
        "output_entropy": float(entropy(logit.softmax(1)).mean()),
        "uniform_entropy": math.log(run.data.n_classes),
    }
    yield from (Value(name, value, n=found.n) for name, value in values.items())


def entropy(p: Tensor) -> Tensor:
    """Of probabilities [..., C], in nats [...]."""
    return torch.special.entr(p).sum(-1)


EXPERIMENT = Experiment(
    "diagnosis",
    "Why complete leakage is at chance: firing rate and entropy for each leak and input gain",
    measure,
    (
        ACCURACY,
        SPIKE_RATE,
        DEAD_FRACTION,
        *(Metric(f"{name}_entropy", "nats") for name in ("prediction", "output", "uniform")),
    ),
    needs=("spikes",),
    paper="Table 6, complete leakage",
    datasets=WHERE["Table 6, complete leakage"],
    variants=("complete_leakage", "without_leakage", "k=0+gain=1-k", "k=1+gain=1-k", "baseline"),
    draw="suite.report.figures.diagnosis:draw",
)
