"""What a command line selects: names, seeds and the cells they span. Shared by `pytest benchmarks` and `lif-roles
run`.
"""

from __future__ import annotations

from neurons import Variant
from suite.experiments.scope import SCOPES, Scope
from suite.registry import backends, datasets, datasets_with, variants
from suite.run import Cell, cells

DEFAULT_PROTOCOL = "smoke"


def parse_seeds(text: str) -> list[int]:
    """ "0-2,7" -> [0, 1, 2, 7]. Raises ValueError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise ValueError(f"seeds are numbers and ranges such as 0-4 or 0,3,7, not {text!r}")
        seeds += range(int(first), int(last if dash else first) + 1)
    return list(dict.fromkeys(seeds))


def parse_names(text: str | None, default: list[str]) -> list[str]:
    """ "a,b" -> ["a", "b"]; None or "all" -> the default."""
    if text is None or text == "all":
        return default
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip())) or default


def select(
    experiment: str,
    *,
    dataset: str | None = None,
    variant: str | None = None,
    backend: str | None = None,
    protocol: str = DEFAULT_PROTOCOL,
    engine: str = "auto",
    seeds: str = "0",
    source: str = "auto",
) -> list[Cell]:
    """The cells that comma-separated names select. "all" is every variant, both backends, the paper's datasets; None is
    the same, or what the experiment is about (suite.experiments.scope).

    Raises ValueError for unknown names and seeds.
    """
    every_dataset = [name for name in datasets_with(protocol) if datasets[name].in_paper]
    every_variant = [name for name in variants if isinstance(variants[name], Variant)]
    scope = SCOPES.get(experiment, Scope())
    if dataset is None and scope.datasets is not None:
        every_dataset = [name for name in scope.datasets if name in datasets_with(protocol)]
    if variant is None and scope.variants is not None:
        every_variant = list(scope.variants)
    return cells(
        experiment,
        dataset_names=parse_names(dataset, every_dataset),
        variant_names=parse_names(variant, every_variant),
        backend_names=parse_names(backend, list(backends)),
        seeds=parse_seeds(seeds),
        protocol=protocol,
        engine=engine,
        source=source,
        skip_unfit=variant in (None, "all"),
    )
