"""The paper's own numbers (Yin et al. 2024, NCE 4(3):034009), as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DATASETS = ("xor", "shd", "ssc", "n_mnist", "dvs128_gesture", "mnist", "cifar10")
"""The columns of Table 6."""

SEQUENCES = ("smnist_rows", "smnist", "psmnist", "smnist_spikes", "adding")
"""Temporal tasks that the paper does not have."""

WHERE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Table 6": DATASETS,
        "Figure 3": ("shd",),
        "Figure 4": ("n_mnist",),
        "Table 7": ("n_mnist",),
        "Figure 6": ("n_mnist",),
        "Figure 7": ("n_mnist",),
        "Figure 9": ("n_mnist",),
        "Section 4.3.2": ("n_mnist",),
        "Table 6, complete leakage": ("shd", "fsdd"),  # FSDD spikes stand in for SSC, which takes days
        "Table 6, delayed XOR": ("xor_50", "xor_100", "xor"),
        "Combinations": ("xor_50", "xor", "shd", "fsdd", "n_mnist", "mnist"),
        "Surrogate": ("xor_50", "xor"),
    }
)
"""The datasets of each table and figure that has results, and of what extends one here."""

FIRST_ON: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "temporal": {"accuracy": "xor_50", "generalization": "shd", "robustness": "xor_50", "operations": "xor_50"},
        "spatio-temporal": dict.fromkeys(("accuracy", "generalization", "robustness", "operations"), "n_mnist"),
        "spatial": {"accuracy": "mnist", "operations": "mnist"},
    }
)
"""For each kind of data the dataset on which a component's role is measured first; images have neither bins of time nor
spikes to flip."""

_TABLE_6: Mapping[str, tuple[float | None, ...]] = {
    "baseline": (77.50, 78.58, 60.70, 94.76, 86.81, 95.22, 92.25),
    "without_leakage": (50.30, 66.12, 44.44, 95.18, 87.50, 96.12, 92.67),
    "complete_leakage": (50.50, 5.96, 3.22, 95.03, 86.11, 94.17, 92.28),
    "without_reset": (96.10, 78.89, 60.70, 96.18, 87.84, 94.85, 93.29),
    "with_recurrence": (98.90, 80.43, 66.53, 96.21, 89.93, 96.98, None),
}

TABLE_6: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        (variant, dataset): percent / 100
        for variant, row in _TABLE_6.items()
        for dataset, percent in zip(DATASETS, row, strict=True)
        if percent is not None
    }
)
"""Test accuracy (fraction) by (variant, dataset)."""

TABLE_6_VARIANTS = tuple(_TABLE_6)

RESOLUTIONS_MS = (1, 2, 3, 5, 10)
_TABLE_7: Mapping[str, tuple[float, ...]] = {
    "baseline": (90.82, 94.14, 94.76, 94.80, 94.63),
    "without_leakage": (88.70, 94.49, 95.18, 95.26, 95.07),
    "complete_leakage": (90.98, 94.57, 95.03, 95.12, 95.14),
    "without_reset": (93.90, 95.83, 96.18, 96.30, 96.12),
    "with_recurrence": (75.51, 93.72, 96.21, 94.00, 80.41),
    "without_leakage+with_recurrence": (59.14, 93.48, 96.48, 92.57, 70.11),
    "without_leakage+without_reset+with_recurrence": (36.92, 89.16, 93.40, 90.91, 74.01),
    "lstm": (31.62, 90.52, 97.84, 63.10, 9.84),
    "gru": (23.25, 77.69, 96.88, 81.83, 45.20),
    "rnn": (17.68, 18.28, 93.84, 37.58, 19.92),
}

TABLE_7: Mapping[tuple[str, int], float] = MappingProxyType(
    {
        (model, ms): percent / 100
        for model, row in _TABLE_7.items()
        for ms, percent in zip(RESOLUTIONS_MS, row, strict=True)
    }
)
"""Test accuracy (fraction) on N-MNIST by (model, temporal resolution in ms), trained at 3 ms."""

TABLE_7_MODELS = tuple(_TABLE_7)
