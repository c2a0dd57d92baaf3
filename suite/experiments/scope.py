"""Where each experiment is run unless a dataset and a variant are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TABLE_6 = ("baseline", "without_leakage", "complete_leakage", "without_reset", "with_recurrence")
TABLE_7 = (
    *TABLE_6,
    "without_leakage+with_recurrence",
    "without_leakage+without_reset+with_recurrence",
    "lstm",
    "gru",
    "rnn",
)
LEAKS = ("complete_leakage", "k=0.1", "k=0.3", "k=0.5", "k=0.7", "k=0.9", "without_leakage")
"""k from 0 to 1; both ends are variants of Table 6, so that their training is shared."""


@dataclass(frozen=True)
class Scope:
    """Datasets and variants; None: all that a protocol and the registry have."""

    datasets: tuple[str, ...] | None = None
    variants: tuple[str, ...] | None = None


SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        "spike_rate": Scope(("n_mnist",), TABLE_6),
        "generalization": Scope(("n_mnist",), TABLE_7),
        "landscape": Scope(("n_mnist",), ("baseline", "without_leakage+with_recurrence", "lstm")),
        "features": Scope(("n_mnist",), TABLE_6),
        "robustness": Scope(("n_mnist",), tuple(dict.fromkeys((*TABLE_6, *LEAKS)))),
        "leak_sweep": Scope(("n_mnist",), ("baseline", *LEAKS)),
        "diagnosis": Scope(
            ("shd", "fsdd"), ("complete_leakage", "without_leakage", "k=0+gain=1-k", "k=1+gain=1-k", "baseline")
        ),
        "delay_ladder": Scope(("xor_50", "xor_100", "xor"), TABLE_6),
    }
)
"""An experiment that is not named here runs everywhere."""
