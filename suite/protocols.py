"""How each dataset is trained: Tables 4 and 5 as data, under `suite`, `paper` and `smoke`.

`suite` asks the paper's question so that the answer can be trusted, `paper` is as close to the paper as its text
and its ancestors' code allow, `smoke` only shows that everything runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from neurons import Learnable, Surrogate, rectangle
from neurons.variant import Leakage


@dataclass(frozen=True)
class StepLR:
    """Multiply the learning rate by `gamma` every `every` epochs."""

    every: int
    gamma: float

    def factor(self, epoch: int, epochs: int) -> float:  # noqa: ARG002
        """The factor in `epoch`, counted from 0."""
        return float(self.gamma ** (epoch // self.every))


@dataclass(frozen=True)
class Cosine:
    """Lower the learning rate along half a cosine to zero at the last epoch."""

    def factor(self, epoch: int, epochs: int) -> float:
        """The factor in `epoch`, counted from 0."""
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))


@dataclass(frozen=True)
class Curriculum:
    """Train on short sequences first: `start` steps, `growth` times as many after each epoch whose training accuracy
    exceeds `accuracy`, up to the dataset's own length. Validation and test are always at full length.

    The learning rate is multiplied by (start / n_steps) ** rate_power, as longer sequences give larger gradients.
    """

    start: int
    growth: float = 1.25
    accuracy: float = 0.9
    rate_power: float = 0.5

    def rate(self, n_steps: int) -> float:
        """The factor on the learning rate at that length."""
        return float((self.start / n_steps) ** self.rate_power)

    def next(self, n_steps: int, accuracy: float, full: int) -> int:
        """The length of the next epoch after one of `n_steps` at that training accuracy."""
        return min(full, math.ceil(n_steps * self.growth)) if accuracy > self.accuracy else n_steps


@dataclass(frozen=True)
class Protocol:
    """Everything that fixes a training run but the variant, the backend and the seed.

    data: options of the dataset's loader. network: "fc" (hidden layers of `hidden` LIF neurons) or "resnet18"
    (width `hidden[0]`). leakage: what "normal" means in a variant. readout: "integrator" (leaky integrators with a
    learnable leak, not ablated; the logits are their potentials), "spikes" (LIF neurons of the variant; the logits
    are their spike rates) or "linear" (no neurons). last_steps: the
    logits are the mean over the last so many steps (None: all).
    loss: "cross_entropy", or "mse" to one-hot. leak_rate: factor on the learning rate of learnable leaks. clip:
    largest gradient norm. limit: use no more than so many samples of each split (None: all). precision: "bfloat16"
    has torch.autocast do the matrix products in it; chunk: gradient checkpointing over time, with memory for so many
    steps (None: all).
    """

    data: Mapping[str, Any]
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: StepLR | Cosine
    threshold: float
    surrogate: Surrogate
    network: Literal["fc", "resnet18"] = "fc"
    hidden: tuple[int, ...] = ()
    leakage: Leakage = 0.3
    readout: Literal["integrator", "spikes", "linear"] = "spikes"
    readout_leak: Learnable = field(default_factory=Learnable)
    last_steps: int | None = None
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    leak_rate: float = 1.0
    clip: float | None = None
    curriculum: Curriculum | None = None
    detach_reset: bool = False
    limit: int | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    chunk: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: part of a run's identity. Fields that have their default are left out, so that a new one
        changes no run.
        """
        whole = asdict(self)
        return {f.name: whole[f.name] for f in fields(self) if getattr(self, f.name) != _default(f)} | {
            "data": dict(self.data),
            "schedule": repr(self.schedule),
            "surrogate": str(self.surrogate),
        }


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


_TEMPORAL_PAPER = StepLR(20, 0.5)
_SPATIAL_PAPER = StepLR(25, 0.1)

_XOR = Protocol(  # docs/xor.md says how it was found
    data={"n_steps": 200, "n_train": 3_200},
    hidden=(16,),
    epochs=60,
    batch_size=128,
    learning_rate=1e-2,
    schedule=StepLR(40, 0.5),
    threshold=1.0,
    surrogate=rectangle(1.0),
    leakage=Learnable((2.0, 6.0)),
    leak_rate=5.0,
    readout="integrator",
    last_steps=9,
    clip=1.0,
    curriculum=Curriculum(start=20),
)
_XOR_50 = replace(_XOR, data={**_XOR.data, "n_steps": 50})
_XOR_100 = replace(_XOR, data={**_XOR.data, "n_steps": 100})
_SHD = Protocol(
    data={"dt_ms": 4.0, "n_steps": 250},
    hidden=(64,),
    epochs=100,
    batch_size=256,
    learning_rate=1e-2,
    schedule=_TEMPORAL_PAPER,
    threshold=0.5,
    surrogate=rectangle(0.5),
    leakage=Learnable(),
    readout="integrator",
)
_SSC = replace(_SHD, hidden=(200,))
_N_MNIST = Protocol(
    data={"dt_ms": 3.0, "n_steps": 15},
    hidden=(512,),
    epochs=100,
    batch_size=128,
    learning_rate=1e-4,
    schedule=_SPATIAL_PAPER,
    threshold=0.3,
    surrogate=rectangle(0.25),
    loss="mse",
)
_DVS = replace(
    _N_MNIST, data={"n_frames": 20, "by": "number", "split": "spikingjelly"}, hidden=(512, 512), batch_size=64
)
_MNIST = Protocol(
    data={"n_steps": 8},
    hidden=(512,),
    epochs=10,
    batch_size=128,
    learning_rate=1e-3,
    schedule=Cosine(),
    threshold=0.3,
    surrogate=rectangle(0.25),
    readout="integrator",
)
_CIFAR10 = replace(
    _MNIST,
    data={"n_steps": 4},
    network="resnet18",
    hidden=(64,),
    epochs=100,
    loss="cross_entropy",
    readout="linear",
)

_SUITE = {
    "xor": _XOR,
    "xor_50": _XOR_50,
    "xor_100": _XOR_100,
    "shd": _SHD,
    "ssc": _SSC,
    "fsdd": _SHD,
    "n_mnist": _N_MNIST,
    "dvs128_gesture": _DVS,
    "mnist": _MNIST,
    "fashion_mnist": _MNIST,
    "cifar10": _CIFAR10,
}

_PAPER = {
    "xor": replace(_SHD, data={"n_steps": 200, "n_train": 51_200}, hidden=(16,), batch_size=512, last_steps=9),
    "shd": replace(_SHD, data={"dt_ms": 1.0, "n_steps": 1000}, batch_size=512),
    "ssc": replace(_SSC, data={"dt_ms": 1.0, "n_steps": 1000}, batch_size=512),
    "n_mnist": replace(_N_MNIST, batch_size=1024),
    "dvs128_gesture": replace(_DVS, batch_size=1024),
    "mnist": replace(
        _MNIST,
        batch_size=512,
        learning_rate=1e-4,
        schedule=_SPATIAL_PAPER,
        epochs=100,
        readout="spikes",
        loss="mse",
    ),
    "cifar10": replace(_CIFAR10, batch_size=512, learning_rate=1e-4, schedule=_SPATIAL_PAPER),
}


def _smoke(protocol: Protocol) -> Protocol:
    """The same task in about a second: few samples, few neurons, two epochs."""
    data = dict(protocol.data)
    if "n_train" in data:
        data["n_steps"] = 30
    resnet = protocol.network == "resnet18"
    return replace(
        protocol,
        data=data,
        hidden=(4,) if resnet else (16,) * len(protocol.hidden),
        limit=32 if resnet else 256,
        curriculum=None,
        epochs=2,
        batch_size=32,
        learning_rate=1e-2,
    )


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        f"{name}/{dataset}": protocol
        for name, table in (
            ("smoke", {dataset: _smoke(protocol) for dataset, protocol in _SUITE.items()}),
            ("suite", _SUITE),
            ("paper", _PAPER),
        )
        for dataset, protocol in table.items()
    }
)
"""By "name/dataset"."""
