"""Variants and protocols by description, for what no one wants to register: the variants "k=0.5", "k=0+gain=1-k",
"without_reset+k=0.9"; the protocols "suite+epochs=20", "paper+precision=bfloat16+chunk=100".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args, get_type_hints

from neurons import Variant
from neurons.names import unknown_name
from suite.protocols import Protocol

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


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


_PROTOCOL_FIELDS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    **dict.fromkeys(("epochs", "batch_size", "limit", "last_steps", "chunk"), (_positive_int, "a whole number from 1")),
    **dict.fromkeys(("learning_rate", "threshold", "clip", "leak_rate"), (_positive, "a number above 0")),
    **dict.fromkeys(("readout", "loss", "precision"), (str, "a name")),
}


def describe_protocol(base: Protocol, changes: str, name: str) -> Protocol:
    """`base` with `changes`, FIELD=VALUE joined by "+". Raises ValueError with what is allowed; `name` is for it."""
    given: dict[str, Any] = {}
    for part in changes.split("+"):
        field, equals, text = part.partition("=")
        if not equals or field not in _PROTOCOL_FIELDS:
            raise unknown_name(f"field in protocol {name!r} (written FIELD=VALUE):", field, _PROTOCOL_FIELDS)
        if field in given:
            raise ValueError(f"protocol {name!r} sets its {field} twice")
        parse, allowed = _PROTOCOL_FIELDS[field]
        try:
            given[field] = parse(text)
        except ValueError:
            raise ValueError(f"protocol {name!r}: {field} is {allowed}, not {text!r}") from None
        choices = [value for value in get_args(get_type_hints(Protocol)[field]) if isinstance(value, str)]
        if choices and text not in choices:
            raise unknown_name(f"{field} in protocol {name!r}:", text, choices)
    return replace(base, **given)
