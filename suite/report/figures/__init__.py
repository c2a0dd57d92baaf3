"""The figures: a module for each experiment that has some, with `draw(results)`; Figures 2 and 3: variants, curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from suite.drawing import Drawing
from suite.results import Results

DRAWN = (
    "variants",
    "accuracy",
    "curves",
    "spike_rate",
    "generalization",
    "landscape",
    "features",
    "robustness",
    "leak_sweep",
    "diagnosis",
    "delay_ladder",
)
"""The suite's own, in the order of the page."""


def draw(results: Results) -> Iterator[Drawing]:
    """The figures for which there are rows; last those of users' experiments that say how they are drawn."""
    for name in DRAWN:
        yield from import_module(f"{__name__}.{name}").draw(results)
    for one in _others(results).values():
        if one is not None:
            yield from one(results)


def without(results: Results) -> list[str]:
    """The experiments in the results that no figure is drawn of: a table of their values stands for one."""
    return [name for name, one in _others(results).items() if one is None]


def _others(results: Results) -> dict[str, Callable[[Results], Iterable[Drawing]] | None]:
    """Experiments that are not the suite's, in order of name, and how they are drawn."""
    names = sorted(set(results.rows["experiment"]) - set(DRAWN))
    if not names:
        return {}
    from suite.registry import experiments  # the registry imports what it holds: not for the suite's own figures

    found: dict[str, Any] = {}
    for name in names:
        one = getattr(experiments[name], "draw", None) if name in experiments else None
        if isinstance(one, str):
            module, _, function = one.partition(":")
            one = getattr(import_module(module), function)
        found[name] = one
    return found
