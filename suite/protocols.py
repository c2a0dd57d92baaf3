"""How a dataset is trained, as data: `Protocol`, checked where it is made, and its changes "+FIELD=VALUE".

Each dataset has its own (`suite.datasets`), under three names: `suite` asks the paper's question so that the answer can
be trusted, `paper` is as close to Tables 4 and 5 as the text and its ancestors' code allow, `smoke` only shows that
everything runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, replace
from functools import cache
from numbers import Real
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from neurons import Learnable, Surrogate
from neurons.names import unknown_name
from neurons.variant import Leakage, check_leakage
from suite.options import parsed, whole

_NUMBERS = (int, float)
_READOUTS = {"fc": ("integrator", "spikes"), "resnet18": ("linear",)}
_MODELS_OWN = ("threshold", "surrogate", "hidden", "leakage", "readout", "readout_leak", "detach_reset")
"""The fields that say what a network of the suite's is like, and nothing about a user's own."""


def _positive(name: str, value: object) -> float:
    """Raises ValueError unless `value` is a finite number above 0."""
    return _number(name, value, 0, math.inf, "a number above 0", above=True)


def _number(name: str, value: object, low: float, high: float, allowed: str, *, above: bool = False) -> float:
    """Raises ValueError, saying what is allowed, unless `value` is a finite number from (or above) `low` to `high`."""
    with suppress(OverflowError):
        if isinstance(value, Real) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number) and low <= number <= high and not (above and number == low):
                return number
    raise ValueError(f"{name} is {allowed}, not {value!r}")


def _set(owner: object, **values: Any) -> None:
    """Give a frozen dataclass the values that its checks made of what it was given: 1 and 1.0 are one protocol."""
    for name, value in values.items():
        object.__setattr__(owner, name, value)


@dataclass(frozen=True)
class StepLR:
    """Multiply the learning rate by `gamma` every `every` epochs."""

    every: int
    gamma: float

    def __post_init__(self) -> None:
        _set(self, every=whole("schedule: every", self.every), gamma=_positive("schedule: gamma", self.gamma))

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

    def __post_init__(self) -> None:
        for name, low, high in (("growth", 1, math.inf), ("accuracy", 0, 1), ("rate_power", 0, math.inf)):
            allowed = f"a number from {low}" + (f" to {high}" if high < math.inf else "")
            _set(self, **{name: _number(f"curriculum: {name}", getattr(self, name), low, high, allowed)})
        _set(self, start=whole("curriculum: start", self.start))

    def rate(self, n_steps: int) -> float:
        """The factor on the learning rate at that length."""
        return float((self.start / n_steps) ** self.rate_power)

    def next(self, n_steps: int, accuracy: float, full: int) -> int:
        """The length of the next epoch after one of `n_steps` at that training accuracy."""
        return min(full, math.ceil(n_steps * self.growth)) if accuracy > self.accuracy else n_steps


@dataclass(frozen=True)
class Protocol:
    """Everything that fixes a training run but the variant, the backend and the seed.

    data: options of the dataset's loader. network: "fc" (hidden layers of `hidden` LIF neurons), "resnet18" (width
    `hidden[0]`), or a user's own as "module:function" (`suite.models.own`), to which threshold, surrogate, hidden,
    leakage, readout, readout_leak and detach_reset do not apply. leakage: what "normal" means in a variant. readout:
    "integrator" (leaky integrators with a learnable leak, not ablated; the logits are their potentials), "spikes" (LIF
    neurons of the variant; the logits are their spike rates) or "linear" (no neurons). last_steps: the logits are the
    mean over the last so many steps (None: all).
    loss: "cross_entropy", or "mse" to one-hot. label_smoothing: of the cross-entropy (None: none). leak_rate: factor on
    the learning rate of learnable leaks. recurrent_scale: factor on V's initial, orthogonal weights. weight_decay:
    AdamW's, of all but biases and leaks (None: none). clip: largest gradient norm. order: of the steps, "time" or
    "shuffled", which says whether a dataset needs time. limit: use no more than so many samples of each split (None:
    all). precision: "bfloat16" has torch.autocast do the matrix products in it; chunk: gradient checkpointing over
    time, with memory for so many steps (None: all).

    Raises ValueError, naming the field, for a value that it cannot have and for fields that do not fit each other.
    """

    data: Mapping[str, Any]
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: StepLR | Cosine
    threshold: float
    surrogate: Surrogate
    network: str = "fc"
    hidden: tuple[int, ...] = ()
    leakage: Leakage = 0.3
    readout: Literal["integrator", "spikes", "linear"] = "spikes"
    readout_leak: Learnable = field(default_factory=Learnable)
    last_steps: int | None = None
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    leak_rate: float = 1.0
    clip: float | None = None
    label_smoothing: float | None = None
    recurrent_scale: float = 1.0
    weight_decay: float | None = None
    order: Literal["time", "shuffled"] = "time"
    curriculum: Curriculum | None = None
    detach_reset: bool = False
    limit: int | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    chunk: int | None = None

    def __post_init__(self) -> None:
        _set(self, **{name: _checked(name, getattr(self, name)) for name in _plain()})
        try:
            json.dumps(dict(self.data))
        except (TypeError, ValueError):
            raise ValueError(
                f"data is a mapping of loader options to numbers, text, true or false, not {self.data!r}: it is part "
                "of a run's identity"
            ) from None
        if not isinstance(self.hidden, tuple | list) or not self.hidden:
            raise ValueError(f"hidden is the sizes of the hidden layers, such as (64,), not {self.hidden!r}")
        _set(self, hidden=tuple(whole("hidden", n) for n in self.hidden))
        if not self.own_network and self.network not in _READOUTS:
            raise unknown_name("network", self.network, (*_READOUTS, "module:function"))
        _set(self, leakage=check_leakage(self.leakage, "leakage"))
        for name, kinds in (
            ("schedule", StepLR | Cosine),
            ("surrogate", Surrogate),
            ("readout_leak", Learnable),
            ("curriculum", Curriculum | None),
            ("detach_reset", bool),
        ):
            if not isinstance(getattr(self, name), kinds):
                allowed = " or ".join(kind.__name__ for kind in get_args(kinds) or (kinds,))
                raise ValueError(f"{name} is a {allowed}, not {getattr(self, name)!r}")
        if self.label_smoothing is not None and (self.label_smoothing >= 1 or self.loss != "cross_entropy"):
            raise ValueError(
                f"label_smoothing = {self.label_smoothing:g} with loss = {self.loss!r}; it is below 1, and of the "
                "cross-entropy"
            )
        self._check_fit()

    @property
    def own_network(self) -> bool:
        """Whether the network is a user's own."""
        return is_own(self.network)

    def _check_fit(self) -> None:
        readouts = _READOUTS.get(self.network, (self.readout,))
        if self.readout not in readouts:
            raise ValueError(
                f"readout = {self.readout!r} does not go with network = {self.network!r}, which takes "
                f"{' or '.join(map(repr, readouts))}; change one of the two"
            )
        if self.network == "resnet18" and len(self.hidden) > 1:
            raise ValueError(f"hidden = {self.hidden}: network = 'resnet18' takes one number, its width")
        n_steps = self.data.get("n_steps")
        if self.last_steps is not None and isinstance(n_steps, int) and self.last_steps > n_steps:
            raise ValueError(f"last_steps = {self.last_steps} of {n_steps} steps; choose no more than all")
        if self.network != "fc" and self.chunk is not None:
            raise ValueError(f"chunk = {self.chunk} is for network = 'fc' only; leave it out for {self.network!r}")

    def as_dict(self) -> dict[str, Any]:
        """For JSON: part of a run's identity. Fields that have their default are left out, so that a new one
        changes no run; and so are those that do not apply.
        """
        whole = asdict(self)
        said = {f.name: whole[f.name] for f in fields(self) if getattr(self, f.name) != _default(f)} | {
            "data": dict(self.data),
            "schedule": repr(self.schedule),
            "surrogate": str(self.surrogate),
        }
        return {name: value for name, value in said.items() if not (self.own_network and name in _MODELS_OWN)}


def is_own(network: object) -> bool:
    """Whether it names a user's own: "module:function"."""
    module, colon, function = str(network).partition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


@cache
def _plain() -> dict[str, tuple[type | tuple[str, ...], bool]]:
    """What each field of one simple type holds: int, float or the names allowed; and whether it may be None."""
    found: dict[str, tuple[type | tuple[str, ...], bool]] = {}
    for name, hint in get_type_hints(Protocol).items():
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        first, optional = kinds[0], NoneType in kinds
        if len(kinds) - optional == 1 and (first in _NUMBERS or get_origin(first) is Literal):
            found[name] = first if first in _NUMBERS else get_args(first), optional
    return found


def _checked(name: str, value: Any) -> Any:
    """The value as the field holds it. Raises ValueError with what is allowed."""
    kind, optional = _plain()[name]
    if value is None and optional:
        return None
    if isinstance(kind, tuple):
        if not isinstance(value, str) or value not in kind:
            raise unknown_name(name, value, kind)
        return value
    return whole(name, value) if kind is int else _positive(name, value)


def smoke(protocol: Protocol) -> Protocol:
    """The same task in about a second: few samples, few neurons, two epochs."""
    resnet = protocol.network == "resnet18"
    return replace(
        protocol,
        hidden=(4,) if resnet else (16,) * len(protocol.hidden),
        limit=32 if resnet else 256,
        curriculum=None,
        epochs=2,
        batch_size=32,
        learning_rate=1e-2,
    )


CHANGEABLE = tuple(f.name for f in fields(Protocol) if f.name in _plain() or f.name == "network")
"""The fields that a name may change: those of one number or one word."""


def changed(base: Protocol, changes: str) -> Protocol:
    """`base` with `changes`, FIELD=VALUE joined by "+". Raises ValueError with what is allowed."""
    given: dict[str, Any] = {}
    for part in changes.split("+"):
        name, equals, text = part.partition("=")
        if not equals or name not in CHANGEABLE:
            raise unknown_name("field (changes are written FIELD=VALUE)", name, CHANGEABLE)
        if name in given:
            raise ValueError(f"sets its {name} twice")
        if name == "network" and not is_own(text):
            raise ValueError(
                f"network={text}: a network of one's own is written module:function, such as my_package:make_model; "
                "another one of the suite's has other fields too, and is a protocol to be registered"
            )
        kind, _ = _plain().get(name, ((), False))
        given[name] = text if isinstance(kind, tuple) else parsed(text, kind)
    made = replace(base, **given)
    for name in given if made.own_network else ():
        if name in _MODELS_OWN:
            raise ValueError(f"{name} is what the network {made.network} says itself; leave {name} out")
    return made


def full_name(name: str, base: Protocol, protocol: Protocol) -> str:
    """The one name, of all its spellings, of what `changed` made of the protocol `base` called `name`: the fields that
    differ, in the dataclass's order, numbers as short as they can be.
    """
    differ = [field for field in CHANGEABLE if getattr(protocol, field) != getattr(base, field)]
    return "+".join([name, *(f"{field}={_short(getattr(protocol, field))}" for field in differ)])


def _short(value: object) -> str:
    """1.0 is 1, 1e-05 is 1e-5; never with a "+", which joins the changes."""
    if not isinstance(value, float):
        return str(value)
    digits, e, exponent = repr(value).partition("e")
    return digits.removesuffix(".0") + (f"e{int(exponent)}" if e else "")
