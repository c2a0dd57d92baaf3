"""Delayed XOR at several delays: accuracy against the length T of the sequence.

The delays are datasets of their own, xor_50, xor_100 and xor (T = 200), each with its protocol.
"""

from __future__ import annotations

from typing import Any

from suite.experiments.rows import condition, no_value
from suite.run import Run
from suite.training import evaluate


def run(run: Run) -> list[dict[str, Any]]:
    """Test accuracy and hidden rate at the dataset's T. Reads the test split once."""
    if run.history.best == 0:
        return no_value("test_accuracy", "fraction")
    score = evaluate(run.network, run.dataset.test.epoch(run.protocol.batch_size), run.protocol, run.device)
    at = {"n": score.n, "epoch": run.history.best, "condition": condition(T=run.dataset.n_steps)}
    return [
        {"metric": "test_accuracy", "value": score.accuracy, "unit": "fraction", "higher_is_better": "true", **at},
        {"metric": "spike_rate", "value": score.spike_rate, "unit": "spikes per neuron and step", **at},
    ]
