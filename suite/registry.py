"""What can be run, by name: variants, datasets, experiments and protocols.

A user's own object is registered by a call or a decorator, or by an installed package through the entry point group
`lif_roles.<kind>s`:

    from suite.registry import datasets
    datasets.register(Dataset(name="mine", kind="temporal", classes=("a", "b"), load=load, protocols={"suite": ...}))
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module, metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from neurons import VARIANTS, Variant
from neurons.names import unknown_name
from suite import paper
from suite.errors import PluginError
from suite.options import PLUGINS, parsed
from suite.protocols import Protocol, changed, full_name
from suite.variants import BASELINES, Baseline, describe

if TYPE_CHECKING:
    from suite.datasets.base import Dataset
    from suite.experiments.base import Experiment

T = TypeVar("T")


def _modules(room: str, first: tuple[str, ...] = ()) -> dict[str, Any]:
    """What each module of the folder `room` but its base defines in capitals (datasets/shd.py: DATASET), by the name of
    the module, not imported yet; those in `first` come first."""
    found = {path.stem for path in (Path(__file__).parent / room).glob("[!.]*.py")}
    names = found - {"__init__", "base"}
    ordered = [*(name for name in first if name in names), *sorted(names - set(first))]
    return {name: f"suite.{room}.{name}:{room[:-1].upper()}" for name in ordered}


class Registry(Generic[T]):
    """Names and what they stand for. A value given as "module:attribute" is imported when it is first asked for.

    `describe` makes objects from names that are not registered but say what is meant, or returns None. `of`: the class
    or classes of the objects, or "module:attribute" of one. What an installed package brings and does not work is left
    out, with a warning.
    """

    def __init__(
        self,
        kind: str,
        items: Mapping[str, T | str] | None = None,
        describe: Callable[[str], T | None] = lambda _name: None,
        of: str | tuple[type, ...] = (object,),
    ) -> None:
        self.kind = kind
        self._describe = describe
        self._of = of
        self._items: dict[str, T | str] = dict(items or {})
        self._entry_points_read = False

    def register(self, name: str | T, value: T | str | None = None) -> Callable[[T], T]:
        """Add `value` under `name`, or an object under the name that it has; a name alone decorates what follows.

        Raises ValueError if the name is taken or none (`check_name`), or the object is none of this kind.
        """
        if not isinstance(name, str):
            value, name = name, str(getattr(name, "name", name))
        check_name(self.kind, name)
        if name in self._items:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")
        key = name

        def decorate(decorated: T) -> T:
            self._items[key] = self._checked(key, decorated)
            return decorated

        if isinstance(value, str):
            self._items[name] = value
        elif value is not None:
            decorate(value)
        return decorate

    def _checked(self, name: str, value: T) -> T:
        kinds = (_imported(self._of),) if isinstance(self._of, str) else self._of
        if not isinstance(value, kinds):
            allowed = " or ".join(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
            raise ValueError(f"{self.kind} {name!r} must be a {allowed}, not {value!r}")
        return value

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
            value = self._items[name] = self._checked(name, _imported(value))
        return value

    def __contains__(self, name: object) -> bool:
        self._read_entry_points()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        self._read_entry_points()
        return iter(self._items)

    def _read_entry_points(self) -> None:
        load_plugins()
        if self._entry_points_read:
            return
        self._entry_points_read = True
        for entry in metadata.entry_points(group=f"lif_roles.{self.kind}s"):
            try:
                self.register(entry.name, self._checked(entry.name, entry.load()))
            except (Exception, SystemExit) as error:  # somebody else's code, which must not end every command
                warnings.warn(
                    f"{self.kind} {entry.name!r} of the installed package behind {entry.value!r} is left out: "
                    f"{type(error).__name__}: {error}",
                    stacklevel=2,
                )


_NO_TEXT = "NA N/A n/a NaN nan NULL null None <NA> true True TRUE false False FALSE".split()  # noqa: SIM905
"""What pandas reads as something else than text; numbers too."""


def check_name(kind: str, name: str) -> None:
    """Raises ValueError unless a name can be given on the command line and stays what it is in a table that pandas or a
    spreadsheet reads: text on one line, no number, no formula, without commas.
    """
    wrong = name in ("", *_NO_TEXT) or isinstance(parsed(name, float), float) or name.startswith(("=", "+", "-", "@"))
    if wrong or "," in name or name != name.strip() or not name.isprintable():
        raise ValueError(
            f"{kind} {name!r}: a name is text on one line that is no number and no formula (=, +, - or @ first), "
            "without commas; choose another"
        )


_loaded: set[str] = set()


def load_plugins() -> None:
    """Run the Python files and modules that `options.PLUGINS` names, each once: they register a user's own.

    Raises PluginError, naming it, for one that is not there or fails.
    """
    for name in os.environ.get(PLUGINS, "").split(os.pathsep):
        if not name or name in _loaded:
            continue
        _loaded.add(name)
        try:
            _import_file(Path(name)) if name.endswith(".py") else import_module(name)
        except Exception as error:
            raise PluginError(f"the plugin {name} cannot be used: {type(error).__name__}: {error}") from error


def _import_file(path: Path) -> None:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)


def _imported(path: str) -> Any:
    """What "module:attribute" names."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


variants: Registry[Variant | Baseline] = Registry(
    "variant", {**VARIANTS, **BASELINES}, describe, of=(Variant, Baseline)
)
"""Ablations of the LIF neuron, and the recurrent baselines lstm, gru and rnn; also "k=0.5" etc. (suite.variants)."""

datasets: Registry[Dataset] = Registry(
    "dataset", _modules("datasets", paper.DATASETS), of="suite.datasets.base:Dataset"
)
"""What can be trained on, the paper's first."""

experiments: Registry[Experiment] = Registry(
    "experiment",
    _modules("experiments", ("accuracy", "spike_rate", "generalization", "landscape", "features", "robustness")),
    of="suite.experiments.base:Experiment",
)
"""What can be measured of a trained network; first what the paper has, in its order."""

protocols: Registry[Protocol] = Registry("protocol", of="suite.protocols:Protocol")
"""A user's training set-ups, by "name/dataset", beside those that a dataset brings."""


def protocols_of(dataset: str) -> dict[str, Protocol]:
    """All protocols of a dataset, by name. Raises ValueError for an unknown dataset."""
    keys = [key.partition("/") for key in protocols]
    added = {name: protocols[f"{name}/{dataset}"] for name, _, of in keys if of == dataset}
    return {**datasets[dataset].protocols, **added}


def datasets_with(protocol: str) -> list[str]:
    """The datasets that have a protocol of that name, or of what is before its first "+". Raises ValueError if none
    has.
    """
    protocol = protocol.partition("+")[0]
    have = {dataset: protocols_of(dataset) for dataset in datasets}
    found = [dataset for dataset, names in have.items() if protocol in names]
    if not found:
        raise unknown_name("protocol", protocol, sorted({name for names in have.values() for name in names}))
    return found


def get_protocol(name: str, dataset: str) -> Protocol:
    """The protocol of that name for a dataset, or a changed one: "suite+epochs=20". Raises ValueError for an unknown
    name, if the dataset has none, or if a change is none or does not fit.
    """
    base, plus, changes = name.partition("+")
    have = protocols_of(dataset)
    if base not in have:
        datasets_with(base)
        raise ValueError(
            f"dataset {dataset!r} has no protocol {base!r} (it has: {', '.join(have) or 'none'}); "
            f"register one as suite.registry.protocols.register('{base}/{dataset}', Protocol(...))"
        )
    if not plus:
        return have[base]
    try:
        return changed(have[base], changes)
    except ValueError as error:
        raise ValueError(f"protocol {name!r} of {dataset}: {error}") from None


def protocol_name(name: str, dataset: str) -> str:
    """The one name of a protocol among its spellings: "suite+clip=1.0+epochs=100" is "suite+clip=1" where suite has
    100 epochs. Raises as `get_protocol`.
    """
    base = name.partition("+")[0]
    return full_name(base, get_protocol(base, dataset), get_protocol(name, dataset))
