"""What can be run, by name: variants, backends, datasets, experiments and protocols.

A user's own object is registered by a call or a decorator, or by an installed package through the entry point group
`lif_roles.<kind>s`:

    from suite.registry import datasets
    @datasets.register("mine")
    def load(*, source, seed, **options) -> Dataset: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module, metadata
from typing import Any, Generic, TypeVar

from neurons import BACKENDS, VARIANTS, Variant
from neurons.names import unknown_name
from suite.adhoc import describe, describe_protocol
from suite.models.rnn import BASELINES, Baseline
from suite.protocols import PROTOCOLS, Protocol

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for. A value given as "module:attribute" is imported when it is first asked for.

    `describe` makes objects from names that are not registered but say what is meant, or returns None.
    """

    def __init__(
        self,
        kind: str,
        items: Mapping[str, T | str] | None = None,
        describe: Callable[[str], T | None] = lambda _name: None,
    ) -> None:
        self.kind = kind
        self._describe = describe
        self._items: dict[str, T | str] = dict(items or {})
        self._entry_points_read = False

    def register(self, name: str, value: T | str | None = None) -> Callable[[T], T]:
        """Add `value` under `name`; without a value, decorate it. Raises ValueError if the name is taken."""
        if name in self._items:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")
        if value is not None:
            self._items[name] = value

        def decorate(decorated: T) -> T:
            self._items[name] = decorated
            return decorated

        return decorate

    def __getitem__(self, name: str) -> T:
        """The object; ValueError with the nearest known name and the list if there is none."""
        self._read_entry_points()
        if name not in self._items:
            described = self._describe(name)
            if described is None:
                raise unknown_name(self.kind, name, sorted(self._items))
            return described
        value = self._items[name]
        if isinstance(value, str):
            module, _, attribute = value.partition(":")
            value = self._items[name] = getattr(import_module(module), attribute)
        return value

    def __contains__(self, name: object) -> bool:
        self._read_entry_points()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        self._read_entry_points()
        return iter(self._items)

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        self._entry_points_read = True
        for entry in metadata.entry_points(group=f"lif_roles.{self.kind}s"):
            if entry.name in self._items:
                raise ValueError(
                    f"{self.kind} {entry.name!r} of the installed package behind {entry.value!r} is registered already"
                )
            self._items[entry.name] = entry.value


variants: Registry[Variant | Baseline] = Registry("variant", {**VARIANTS, **BASELINES}, describe)
"""Ablations of the LIF neuron, and the recurrent baselines lstm, gru and rnn; also "k=0.5" etc. (suite.adhoc)."""

backends: Registry[Any] = Registry("backend", dict.fromkeys(BACKENDS))
"""Frameworks: name -> the class or function that makes a layer of neurons."""

datasets: Registry[Callable[..., Any]] = Registry(
    "dataset",
    {
        "xor": "suite.datasets.xor:load",
        "xor_50": "suite.datasets.xor:load",
        "xor_100": "suite.datasets.xor:load",
        "shd": "suite.datasets.heidelberg:load_shd",
        "ssc": "suite.datasets.heidelberg:load_ssc",
        "n_mnist": "suite.datasets.dvs:load_n_mnist",
        "dvs128_gesture": "suite.datasets.dvs:load_dvs128_gesture",
        "mnist": "suite.datasets.images:load_mnist",
        "cifar10": "suite.datasets.images:load_cifar10",
        "fashion_mnist": "suite.datasets.images:load_fashion_mnist",
        "fsdd": "suite.datasets.heidelberg:load_fsdd",
    },
)
"""Loaders: `load(*, source="auto", **options) -> Dataset`. XOR comes with three delays: T = 200, as in the paper, and
shorter."""

experiments: Registry[Callable[..., Any]] = Registry(
    "experiment",
    {
        "accuracy": "suite.experiments.accuracy:run",
        "spike_rate": "suite.experiments.spike_rate:run",
        "robustness": "suite.experiments.robustness:run",
        "generalization": "suite.experiments.generalization:run",
        "landscape": "suite.experiments.landscape:run",
        "features": "suite.experiments.features:run",
        "leak_sweep": "suite.experiments.leak_sweep:run",
        "diagnosis": "suite.experiments.diagnosis:run",
        "delay_ladder": "suite.experiments.delay_ladder:run",
    },
)
"""Functions from a trained run to its rows."""

protocols: Registry[Protocol] = Registry("protocol", PROTOCOLS)
"""Training set-ups by "name/dataset", for example "suite/xor"."""


def datasets_with(protocol: str) -> list[str]:
    """The datasets that have a protocol of that name, or of what is before its first "+". Raises ValueError if none
    has.
    """
    protocol = protocol.partition("+")[0]
    found = [dataset for name, _, dataset in (key.partition("/") for key in protocols) if name == protocol]
    if not found:
        raise unknown_name("protocol", protocol, sorted({key.partition("/")[0] for key in protocols}))
    return found


def get_protocol(name: str, dataset: str) -> Protocol:
    """The protocol of that name for a dataset, or a changed one (suite.adhoc): "suite+epochs=20". Raises ValueError for
    an unknown name, or if the dataset has none.
    """
    base, changed, changes = name.partition("+")
    if changed:
        return describe_protocol(get_protocol(base, dataset), changes, name)
    if dataset in datasets_with(name):
        return protocols[f"{name}/{dataset}"]
    if dataset not in datasets:
        raise unknown_name("dataset", dataset, sorted(datasets))
    have = [key.partition("/")[0] for key in protocols if key.endswith(f"/{dataset}")]
    raise ValueError(
        f"dataset {dataset!r} has no protocol {name!r} (it has: {', '.join(have) or 'none'}); "
        f"register one as suite.registry.protocols.register('{name}/{dataset}', Protocol(...))"
    )
