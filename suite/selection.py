"""What a command line selects: names, seeds and the cells they span."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from neurons import BACKENDS, Variant
from neurons.kernels import check_engine
from neurons.names import unknown_name
from suite import registry
from suite.datasets.common.folders import SOURCES
from suite.experiments.base import Cell
from suite.models.build import why_not
from suite.options import MOST, parsed, whole
from suite.paper import TABLE_6_VARIANTS
from suite.registry import datasets_with, experiments, get_protocol, protocol_name
from suite.variants import Baseline

MOST_SEEDS = 10_000
FIRST, QUICK, SMOKE = "accuracy", "quick", "smoke"


def parse_seeds(text: str) -> list[int]:
    """ "0-2,7" -> [0, 1, 2, 7]. Raises ValueError for anything else, and for more seeds than anyone can run."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            low = whole("a seed", parsed(first), 0)
            high = whole("a seed", parsed(last), low) if dash else low
            whole("seeds", high + 1 - low, 1, MOST_SEEDS)
        except ValueError:
            raise ValueError(
                f"seeds are numbers and ranges such as 0-4 or 0,3,7, at most {MOST_SEEDS:,} at a time, each from 0 to "
                f"{MOST:,}, not {text!r}"
            ) from None
        seeds |= dict.fromkeys(range(low, high + 1))
    return list(seeds)


def parse_names(text: str | None, default: Iterable[str], kind: str) -> list[str]:
    """ "a,b" -> ["a", "b"]; None or "all" -> the default. Raises ValueError for no name at all."""
    if text is None or text == "all":
        return list(default)
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"--{kind} {text!r} has an empty name; give names separated by commas, or all")
    return list(dict.fromkeys(names))


def first() -> list[Cell]:
    """The first command of a newcomer, some minutes: the datasets with a protocol `quick`, all spiking variants, five
    seeds on the fastest engine, where both frameworks would compute the same bits, and one seed of Table 6's on each
    framework's own stepping; and a smoke cell of each of the paper's datasets, to show that they run.
    """
    quick = datasets_with(QUICK)
    shared: dict[str, Any] = {"datasets": quick, "variants": _spiking(), "protocol": QUICK, "skip_unfit": True}
    paper = [name for name in datasets_with(SMOKE) if registry.datasets[name].in_paper and name not in quick]
    return [
        *cells(FIRST, backends=BACKENDS[:1], seeds=range(5), **shared),
        *cells(FIRST, backends=BACKENDS, seeds=[0], engine="step", **{**shared, "variants": TABLE_6_VARIANTS}),
        *cells(FIRST, datasets=paper, variants=["baseline"], backends=BACKENDS[:1], seeds=[0], protocol=SMOKE),
    ]


def _spiking() -> list[str]:
    return [name for name in registry.variants if isinstance(registry.variants[name], Variant)]


def select(
    experiment: str,
    *,
    dataset: str | None = None,
    variant: str | None = None,
    backend: str | None = None,
    protocol: str | None = None,
    network: str | None = None,
    engine: str = "auto",
    seeds: str = "0",
    data_source: str = "auto",
) -> list[Cell]:
    """The cells that comma-separated names select. "all" is every variant, both backends, the paper's datasets (those
    that have the protocol, smoke by default; if none has, all that have it); None is the same, or what the experiment
    is about. If nothing at all is asked for, the cells of `first`. network: a user's own, "module:function", in the
    place of the protocol's.

    Raises ValueError for unknown names and seeds.
    """
    about = experiments[experiment]
    given = (dataset, variant, backend, protocol, network)
    if experiment == FIRST and given == (None,) * 5 and (engine, seeds, data_source) == ("auto", "0", "auto"):
        return first()
    protocol = (protocol or SMOKE) + ("" if network is None else f"+network={network}")
    there = datasets_with(protocol)
    every_dataset = [name for name in there if registry.datasets[name].in_paper] or there
    every_variant = _spiking()
    if dataset is None and about.datasets is not None:
        every_dataset = [name for name in about.datasets if name in there]
    if variant is None and about.variants is not None:
        every_variant = list(about.variants)
    return cells(
        experiment,
        datasets=parse_names(dataset, every_dataset, "dataset"),
        variants=parse_names(variant, every_variant, "variant"),
        backends=parse_names(backend, BACKENDS, "backend"),
        seeds=parse_seeds(seeds),
        protocol=protocol,
        engine=engine,
        source=data_source,
        skip_unfit=variant in (None, "all"),
    )


def cells(
    experiment: str,
    *,
    datasets: Iterable[str],
    variants: Iterable[str],
    backends: Iterable[str],
    seeds: Iterable[int],
    protocol: str,
    engine: str = "auto",
    source: str = "auto",
    skip_unfit: bool = False,
) -> list[Cell]:
    """Every combination, in the order given; the recurrent baselines run once, on PyTorch itself.

    Raises ValueError for an unknown name, and, unless skip_unfit, for a variant that a dataset's network cannot have.
    """
    dataset_names, backend_names, seed_list = list(datasets), list(backends), list(seeds)
    models = {name: registry.variants[name] for name in variants}
    experiments[experiment]
    check_engine(engine)
    if source not in SOURCES:
        raise unknown_name("data source", source, SOURCES)
    for name in backend_names:
        if name not in BACKENDS:
            raise unknown_name("backend", name, BACKENDS)
    protocols = {name: get_protocol(protocol, name) for name in dataset_names}
    names = {name: protocol_name(protocol, name) for name in dataset_names}
    found = []
    for dataset, (variant, model) in product(dataset_names, models.items()):
        reason = why_not(model, protocols[dataset])
        if reason is not None:
            if skip_unfit:
                continue
            raise ValueError(f"{dataset}: {reason}")
        frameworks = ["torch"] if isinstance(model, Baseline) else backend_names
        found += [
            Cell(experiment, dataset, variant, backend, seed, names[dataset], engine, source)
            for backend, seed in product(frameworks, seed_list)
        ]
    return found
