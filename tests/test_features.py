from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from experiment_cases import Fixed, Table, only, run_of

from suite.experiments import features
from suite.experiments.base import NotDefined
from suite.experiments.features import EXPERIMENT, knn_accuracy, last_layer
from suite.registry import get_protocol
from suite.variants import BASELINES


def identity() -> Table:
    return Table(lambda x: x[..., :2])


def clusters(n: int = 24) -> Fixed:
    """Class 0 spikes in the first half of the neurons, class 1 in the second."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    rate = torch.where((torch.arange(8) < 4) == (y[:, None] == 0), 0.9, 0.05)
    return Fixed((torch.rand(20, n, 8, generator=generator) < rate).float(), y)


def test_features_are_mean_spikes_of_the_first_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "N_SAMPLES", 2)
    x = torch.tensor([[[1.0, 0], [0, 0], [1, 1]], [[1, 1], [0, 1], [0, 0]]])
    test = Fixed(x, torch.tensor([0, 1, 1]))
    found, label = last_layer(run_of(identity(), test, tmp_path))
    assert found.tolist() == [[1.0, 0.5], [0.0, 0.5]]
    assert label.tolist() == [0, 1]
    assert test.reads == 1


def test_knn_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a line, 0 0 1 0 | 1 1: of each point's two nearest others; a point is not its own neighbour."""
    monkeypatch.setattr(features, "NEIGHBOURS", 1)
    line = np.array([[0.0], [1.0], [1.9], [10.0], [10.5], [12.0]])
    # nearest others: 0 -> 1, 1 -> 2, 2 -> 1, 3 -> 4, 4 -> 3, 5 -> 4
    assert knn_accuracy(line, np.array([0, 0, 1, 0, 1, 1])) == pytest.approx(2 / 6)  # right: 0 and 5
    assert knn_accuracy(line, np.array([0, 0, 0, 1, 1, 1])) == 1.0
    assert knn_accuracy(line, np.array([0, 0, 0, 0, 0, 1])) == pytest.approx(5 / 6)


def test_classes_that_are_apart(tmp_path: Path) -> None:
    run = run_of(identity(), clusters(), tmp_path, experiment="features")
    rows = EXPERIMENT.values(run)
    assert only(rows, "knn_accuracy").value == 1.0
    assert only(rows, "silhouette").value > 0.6
    assert only(rows, "silhouette").n == 24
    table = run.tables["tsne"]
    assert list(table.columns) == ["x", "y", "label"]
    assert table["label"].tolist() == clusters().y.tolist()
    assert np.isfinite(table[["x", "y"]]).all(axis=None)
    again = run_of(identity(), clusters(), tmp_path, experiment="features")
    assert EXPERIMENT.values(again) == rows
    assert again.tables["tsne"].equals(table)


def test_shuffled_labels_are_not_apart(tmp_path: Path) -> None:
    test = clusters(40)
    test.y = torch.randint(0, 2, (40,), generator=torch.Generator().manual_seed(5))
    rows = EXPERIMENT.values(run_of(identity(), test, tmp_path))
    assert only(rows, "silhouette").value < 0.1
    assert only(rows, "knn_accuracy").value < 0.8


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (torch.zeros(4, 6, 3), [0, 1] * 3, "same features"),
        (torch.eye(2).expand(4, 2, 2), [0, 1], "too few"),
    ],
)
def test_a_silent_network_has_no_features(tmp_path: Path, x: torch.Tensor, y: list[int], reason: str) -> None:
    with pytest.raises(NotDefined, match=reason):
        EXPERIMENT.values(run_of(identity(), Fixed(x, torch.tensor(y)), tmp_path))


def test_networks_without_spikes(tmp_path: Path) -> None:
    assert EXPERIMENT.why_not(BASELINES["gru"], get_protocol("smoke", "xor")) == "gru has no spikes"
    assert EXPERIMENT.values(run_of(identity(), clusters(), tmp_path, best=0))[0].value is None
