"""Test accuracy of the selected epoch (Table 6), and loss and accuracy of every epoch (Figure 3)."""

from __future__ import annotations

from typing import Any

from suite.run import Run
from suite.training import evaluate


def run(run: Run) -> list[dict[str, Any]]:
    """The rows of one trained network. The test split is read once, here."""
    rows: list[dict[str, Any]] = []
    for split, scores in (("train", run.history.train), ("validation", run.history.validation)):
        for epoch, score in enumerate(scores, start=1):
            at = {"epoch": epoch, "n": score.n}
            rows.append(
                {
                    "metric": f"{split}_loss",
                    "value": score.loss,
                    "unit": "nats",
                    "higher_is_better": "false",
                    **at,
                }
            )
            rows.append(
                {
                    "metric": f"{split}_accuracy",
                    "value": score.accuracy,
                    "unit": "fraction",
                    "higher_is_better": "true",
                    **at,
                }
            )
    if run.history.best == 0:
        return [
            {"metric": "test_accuracy", "value": None, "unit": "fraction", "higher_is_better": "true"},
            *rows,
        ]
    score = evaluate(run.network, run.dataset.test.epoch(run.protocol.batch_size), run.protocol, run.device)
    at = {"epoch": run.history.best, "n": score.n}
    loss_unit = "nats" if run.protocol.loss == "cross_entropy" else "squared error"
    test = [
        {
            "metric": "test_accuracy",
            "value": score.accuracy,
            "unit": "fraction",
            "higher_is_better": "true",
            **at,
        },
        {"metric": "test_loss", "value": score.loss, "unit": loss_unit, "higher_is_better": "false", **at},
        {"metric": "test_spike_rate", "value": score.spike_rate, "unit": "spikes per neuron and step", **at},
    ]
    return test + [{**row, "unit": loss_unit} if row["unit"] == "nats" else row for row in rows]
