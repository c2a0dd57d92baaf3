"""How the last hidden layer parts the classes (Figure 7): t-SNE to look at, silhouette and kNN accuracy to compare."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from suite.experiments.base import Experiment, Metric, NotDefined, Run
from suite.paper import TABLE_6_VARIANTS, WHERE
from suite.results.record import Value

N_SAMPLES = 2000
NEIGHBOURS = 5
PERPLEXITY = 30
SEED = 0
"""Of t-SNE; it does not change with the run's."""


def measure(run: Run) -> Iterator[Value]:
    """Silhouette and kNN accuracy of the features, and the artifact `tsne` (columns x, y, label, prediction).

    A sample's features are the mean spikes over time of the last hidden layer [n]; the first 2000 test samples, read
    once. Both numbers are of the features themselves, not of the t-SNE, whose distances mean little.
    """
    features, label = last_layer(run)
    n = len(label)
    constant = bool((features == features[0]).all())
    if n < 3 or constant or not 1 < len(np.unique(label)) < n:
        why = "all samples have the same features" if constant else f"{n} samples are too few"
        raise NotDefined(why)
    from sklearn.metrics import silhouette_score

    yield Value("silhouette", float(silhouette_score(features, label)), n=n)
    yield Value("knn_accuracy", knn_accuracy(features, label), n=n)
    run.save("tsne", pd.DataFrame(tsne(features), columns=["x", "y"]).assign(label=label))


def last_layer(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Features [samples, neurons] and labels [samples]."""
    features: list[torch.Tensor] = []
    labels: list[torch.Tensor] = []
    for batch, found in run.outputs(run.data.test, most=N_SAMPLES):
        features.append(found.spikes[-1].mean(0).flatten(1).cpu())
        labels.append(batch.y.cpu())
    return torch.cat(features)[:N_SAMPLES].numpy(), torch.cat(labels)[:N_SAMPLES].numpy()


def knn_accuracy(features: np.ndarray, label: np.ndarray) -> float:
    """Share of samples whose class most of the 5 nearest others have (of equally frequent classes the first)."""
    from sklearn.neighbors import NearestNeighbors

    k = min(NEIGHBOURS, len(label) - 1)
    nearest = (
        NearestNeighbors(n_neighbors=k).fit(features).kneighbors(return_distance=False)
    )  # without the point itself
    votes = np.zeros((len(label), int(label.max()) + 1))
    np.add.at(votes, (np.arange(len(label))[:, None], label[nearest]), 1)
    return float((votes.argmax(1) == label).mean())


def tsne(features: np.ndarray) -> np.ndarray:
    """The features in two dimensions [samples, 2]."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    init = "pca" if min(features.shape) > 1 else "random"
    with threadpool_limits(1 if len(features) < 1000 else None):  # threads only wait for one another where it is small
        found: np.ndarray = TSNE(2, perplexity=perplexity, init=init, random_state=SEED).fit_transform(features)
    return found


EXPERIMENT = Experiment(
    "features",
    "How the last hidden layer parts the classes",
    measure,
    (Metric("silhouette", "1", higher_is_better=True), Metric("knn_accuracy", "fraction", higher_is_better=True)),
    needs=("spikes",),
    paper="Figure 7",
    datasets=WHERE["Figure 7"],
    variants=TABLE_6_VARIANTS,
    draw="suite.report.figures.features:draw",
)
