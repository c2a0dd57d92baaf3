"""The differences of the frameworks, and what each does to accuracy, as a Markdown page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from statistics import mean

from suite.frameworks import effects
from suite.frameworks.effects import Effect
from suite.frameworks.stated import STATED, Difference
from suite.machine import version

COMMAND = "lif-roles check --out docs/frameworks.md"


def markdown(
    differences: Iterable[Difference], accuracy: Callable[[Difference], Effect | None] = effects.accuracy
) -> str:
    """The page, with the accuracies measured now."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("spikingjelly", "snntorch", "torch"))
    sections = ["\n".join(_section(one, accuracy(one))) for one in differences]
    return "\n".join([_head(versions), *sections])


def _head(versions: str) -> str:
    about = str(effects.__doc__).partition("\n\n")[2].strip()
    return f"""# Where SpikingJelly and snnTorch differ

Made by `{COMMAND}` ({versions}), which measures all of it anew.

Spikes and gradients: {STATED}, unless said otherwise.

Accuracy: of a small network with either neuron, in %, mean of {len(effects.SEEDS)} seeds (lowest to highest). "Moved"
is a network that was trained with the first neuron and runs with the second, on the same weights: what a change of
framework does to a trained network. {about}
"""


def _section(one: Difference, effect: Effect | None) -> Iterator[str]:
    yield f"## {one.name[0].upper()}{one.name[1:]}\n"
    said = {"SpikingJelly": one.spikingjelly, "snnTorch": one.snntorch, "lif-roles": one.suite, "Measured": one.effect}
    for name, text in said.items():
        yield f"- {name}: {text}"
    if effect is not None and one.neurons is not None:
        first, second = one.neurons
        yield (
            f"- Accuracy: {first} {_accuracies(effect.own)}; moved to {second} {_accuracies(effect.moved)}; "
            f"trained with {second} {_accuracies(effect.other)}"
        )
    if one.source:
        yield f"- Reported by others: {one.source}"
    yield ""


def _accuracies(seeds: tuple[float, ...]) -> str:
    return f"{100 * mean(seeds):.1f} ({100 * min(seeds):.1f} to {100 * max(seeds):.1f})"
