"""What the experiments' rows have in common."""

from __future__ import annotations

from typing import Any


def condition(**parts: object) -> str:
    """What a metric was measured under, as text: condition(radius=0.5, pair=1) -> "radius=0.5, pair=1"."""
    return ", ".join(f"{key}={value}" for key, value in parts.items())


def parse_condition(text: str) -> dict[str, str]:
    """Undo `condition`; values stay text."""
    pairs = (part.partition("=") for part in text.split(", ") if part)
    return {key: value for key, _, value in pairs}


def no_value(metric: str, unit: str, reason: str = "") -> list[dict[str, Any]]:
    """The rows of an experiment that cannot be made: of a network that has no trained weights, or, with a reason,
    of one that the experiment is not defined for.
    """
    row: dict[str, Any] = {"metric": metric, "value": None, "unit": unit}
    return [row | {"status": "skipped", "reason": reason} if reason else row]
