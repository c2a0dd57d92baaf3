"""What `lif-roles bench network` trains: the networks of Table 4, from the datasets' objects, and a batch for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from neurons import Learnable, arctan
from neurons.names import unknown_name
from suite.bench import ops
from suite.datasets.base import Dataset, Timed
from suite.errors import DataUnavailable, MachineFault
from suite.inputs import Batch, Events, Static
from suite.protocols import Protocol
from suite.registry import datasets, get_protocol

LOGIT = 2.0
"""Where learnable leaks start: k = 0.88, the middle of the protocols' range."""


@dataclass(frozen=True)
class Network:
    """A network, the dataset it is for, and how it is timed."""

    protocol: Protocol
    dataset: Dataset
    timed: Timed

    @property
    def data(self) -> list[str]:
        """The datasets whose recordings are used, the first that is here: its own, then others of as many inputs and
        no more classes, if it takes events.
        """
        own = self.dataset
        others = [datasets[name] for name in datasets if name != own.name and self.timed.density]
        fit = [o.name for o in others if o.input_shape == own.input_shape and o.n_classes <= own.n_classes]
        return [own.name, *fit]


def _network(dataset: Dataset, timed: Timed) -> Network:
    protocol = get_protocol(timed.protocol, dataset.name)
    same: dict[str, Any] = {"surrogate": arctan(ops.SURROGATE_ALPHA), "readout_leak": Learnable((LOGIT, LOGIT))}
    if isinstance(protocol.leakage, Learnable):
        same["leakage"] = Learnable((LOGIT, LOGIT))
    return Network(replace(protocol, batch_size=timed.batch_size or protocol.batch_size, **same), dataset, timed)


NETWORKS: dict[str, Network] = {
    f"{name}_{timed.suffix}".rstrip("_"): _network(datasets[name], timed)
    for name in datasets
    for timed in datasets[name].timed
}
"""By the dataset's name and what is different."""
SLOW = tuple(name for name, network in NETWORKS.items() if network.protocol.network != "fc")
"""ResNet18, whose steps take minutes on a CPU."""
DEFAULT = tuple(name for name in NETWORKS if name not in SLOW)


def load(network: Network, batch_size: int | None = None) -> tuple[str, Batch]:
    """What the data is, and one training batch of it. Random input if none of the network's datasets is here."""
    size = batch_size or network.protocol.batch_size
    for name in network.data:
        try:
            data = datasets[name].load(source="original", **network.protocol.data)
        except MachineFault:
            raise
        except DataUnavailable:
            continue
        batch = next(iter(data.train.epoch(size, shuffle_seed=0)))
        if len(batch.y) == size:
            source = "" if data.source in ("original", "generated") else f" ({data.source})"
            return f"{name}{source}", batch
    return _random(network, size)


def _random(network: Network, B: int) -> tuple[str, Batch]:
    """Random images, or events of the network's density."""
    T = network.protocol.data.get("n_steps") or network.protocol.data["n_frames"]
    shape, density = network.dataset.input_shape, network.timed.density
    generator = np.random.default_rng(0)
    y = torch.from_numpy(generator.integers(0, network.dataset.n_classes, B))
    if not density:
        image = torch.from_numpy(generator.random((B, *shape), dtype=np.float32))
        return "random images", Batch(Static(image, T), y)
    (n,) = shape
    active = generator.random((T * B, n), dtype=np.float32) < density
    unit = torch.from_numpy(np.nonzero(active)[1])
    offset = torch.from_numpy(np.concatenate([[0], active.sum(1).cumsum()]))
    counts = network.timed.counts
    weight = torch.from_numpy(1 + generator.poisson(1.0, len(unit)).astype(np.float32)) if counts else None
    return f"random events, density {density:g}", Batch(Events(unit, offset, weight, (T, B, n)), y)


def check_names(names: Sequence[str]) -> None:
    """Raises ValueError, with the nearest one, unless all are networks."""
    for name in names:
        if name not in NETWORKS:
            raise unknown_name("network", name, NETWORKS)
