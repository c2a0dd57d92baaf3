"""The figures: a module for each experiment that has some, with `draw(results)`; Figures 2 and 3: variants, curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from suite.drawing import Drawing
from suite.registry import experiments
from suite.report.figures import overview, pareto, variants
from suite.results import Results

Draw = Callable[[Results], Iterable[Drawing]]


def draw(results: Results) -> dict[str, list[Drawing]]:
    """By experiment: those of the experiments that have rows, in the registry's order. Figure 2 is of none (""), Table
    6 drawn is "overview", Section 5 "tradeoff".
    """
    drawn = {"": list(variants.draw(results)), "overview": list(overview.draw(results))}
    there = set(results.rows["experiment"])
    for name in experiments:
        one = _draw_of(name) if name in there else None
        if one is not None:
            drawn[name] = list(one(results))
    return {**drawn, "tradeoff": list(pareto.draw(results))}


def without(results: Results) -> list[str]:
    """The experiments in the results that no figure is drawn of: a table of their values stands for one."""
    return sorted(name for name in set(results.rows["experiment"]) if name not in experiments or _draw_of(name) is None)


def _draw_of(name: str) -> Draw | None:
    one = experiments[name].draw
    if isinstance(one, str):
        module, _, function = one.partition(":")
        return getattr(import_module(module), function)
    return one
