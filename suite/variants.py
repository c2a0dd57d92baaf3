"""What is compared besides the LIF neuron's named variants: the recurrent baselines, and variants by description, for
what no one wants to register: "k=0.5", "k=0+gain=1-k", "without_reset+k=0.9".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from neurons import Variant
from neurons.names import unknown_name


@dataclass(frozen=True)
class Baseline:
    """A recurrent layer of PyTorch's in the place of LIF neurons (section 4.2, Table 7): lstm, gru or rnn."""

    name: str


BASELINES: Mapping[str, Baseline] = MappingProxyType({name: Baseline(name) for name in ("lstm", "gru", "rnn")})

_FIELDS = {"k": "leakage", "reset": "reset", "gain": "input_gain", "state": "initial_state"}
_NAMED: Mapping[str, Mapping[str, Any]] = {
    "without_leakage": {"leakage": 1.0},
    "complete_leakage": {"leakage": 0.0},
    "without_reset": {"reset": "none"},
    "with_recurrence": {"recurrent": True},
}


def describe(name: str) -> Variant | None:
    """The variant that `name` describes: parts joined by "+", each the name of an ablation or FIELD=VALUE.

    Fields: k (a number in [0, 1], or learnable), reset (zero, subtract, none), gain (1, 1-k), state (zero, uniform).
    None if no part has an equals sign: such a name is registered or unknown. Raises ValueError for a part that is
    neither, for a value that the variant cannot have, and for a field given twice.
    """
    if "=" not in name:
        return None
    given: dict[str, Any] = {}
    for part in name.split("+"):
        key, equals, text = part.partition("=")
        if equals:
            if key not in _FIELDS:
                raise unknown_name(f"field in variant {name!r}:", key, _FIELDS)
            fields: Mapping[str, Any] = {_FIELDS[key]: _leakage(text, name) if key == "k" else text}
        elif part in _NAMED:
            fields = _NAMED[part]
        else:
            raise unknown_name(f"part of variant {name!r}:", part, _NAMED)
        twice = set(fields) & set(given)
        if twice:
            raise ValueError(f"variant {name!r} sets its {twice.pop()} twice")
        given |= fields
    return Variant(name, **given)


def _leakage(text: str, name: str) -> float | str:
    if text in ("learnable", "normal"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"variant {name!r}: k is a number in [0, 1], learnable or normal, not {text!r}") from None
