"""Does a trained network do the same on the other framework? The same weights on each one's own stepping.

Made of every run of a spiking network. In its place come the frameworks' steppings of our subclasses and, where they
can express the variant, the frameworks' own neurons ("stock"). Rounding differs between implementations, and decides a
spike where the potential comes as near to the threshold as rounding goes: a near tie. From there on the neuron's
trajectories part, and with them those of the layers behind; so the neurons themselves are compared on the same input
current, up to their first difference; in a recurrent layer, up to the first of the sample's.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from neurons import BACKENDS
from neurons.kernels import resolve_engine
from neurons.kernels.rule import Rule
from neurons.sequence import Neuron, Sequence
from suite.experiments.base import Experiment, Metric, Run
from suite.inputs import Batch
from suite.models.build import build
from suite.models.forward import precision
from suite.models.readout import logits
from suite.models.record import Layer, first_differences, layers, recorded
from suite.models.stock import Stock, why_not
from suite.models.threads import steady
from suite.registry import variants
from suite.results.record import Value

BATCH = 128
FEWEST, MOST = 16, 256
SHARE = 0.005
"""Test samples for each sample trained on, counted in every epoch: so many cost under a tenth of the training."""

NEAR = 1e-4
"""|u - u_th|, relative to max(1, |u|), up to which a first difference counts as a near tie. Rounding errors in float32
grow with the number of steps that are summed up, to some 1e-5 over 1,000 steps."""


@dataclass
class _Sums:
    """Of one implementation against the network as it was trained, over the samples so far."""

    correct: int = 0
    changed: int = 0
    differing: int = 0
    spikes: int = 0
    first: float = float("inf")
    potential: float | None = None
    unexplained: int = 0
    traces: int = 0


@torch.no_grad()
def measure(run: Run) -> Iterator[Value]:
    """Reads the first samples of the test split once."""
    run.network.eval()
    others = dict(implementations(run))
    sums = {name: _Sums() for name in others}
    n, most = 0, samples(run)
    for batch in run.data.test.epoch(min(BATCH, run.protocol.batch_size)):
        on_device = batch.to(run.device)
        _compare(run, on_device, others, sums)
        n += len(batch.y)
        if n >= most:
            break
    for name, found in sums.items():
        at, epoch = {"neuron": name}, run.history.best
        yield Value("accuracy", found.correct / n, at=at, n=n, epoch=epoch)
        yield Value("changed_predictions", found.changed / n, at=at, n=n, epoch=epoch)
        yield Value("differing_spikes", found.differing / max(found.spikes, 1), at=at, n=n, epoch=epoch)
        yield Value("unexplained", float(found.unexplained), at=at, n=found.traces, epoch=epoch)
        if found.potential is not None:
            yield Value("potential_difference", found.potential, at=at, n=n, epoch=epoch)
        if found.first < float("inf"):
            yield Value("first_difference", found.first, at=at, n=n, epoch=epoch)


def samples(run: Run) -> int:
    """How many test samples are compared."""
    trained = run.history.epoch * len(run.data.train)
    return min(max(round(SHARE * trained), FEWEST), MOST, len(run.data.test))


def implementations(run: Run) -> Iterator[tuple[str, nn.Module]]:
    """Networks with the run's weights and other neurons, by the neurons' name; not the one that it was trained with."""
    state = run.network.state_dict()
    trained = resolve_engine(run.cell.engine, run.device, torch.float32)
    for backend in BACKENDS:
        with torch.random.fork_rng():
            stepped = build(run.data, run.protocol, variants[run.cell.variant], backend, "step").to(run.device)
        own = stepped.state_dict()
        stepped.load_state_dict({**own, **{name: value for name, value in state.items() if name in own}})
        stepped.eval()
        if (trained, run.cell.backend) != ("step", backend):
            yield f"{backend}-step", stepped
        stock = copy.deepcopy(stepped)
        replaced = 0
        for name, layer in layers(stock).items():
            if why_not(backend, layer) is None:
                parent, _, own_name = name.rpartition(".")
                setattr(stock.get_submodule(parent), own_name, Stock(backend, layer).to(run.device).eval())
                replaced += 1
        if replaced:
            yield f"{backend}-stock", stock


def _compare(run: Run, batch: Batch, others: dict[str, nn.Module], sums: dict[str, _Sums]) -> None:
    logit, spikes, calls = _traced(run, run.network, batch)
    own = layers(run.network)
    hidden = list(calls)[: len(spikes)]
    for name, network in others.items():
        found = sums[name]
        other_logit, other_spikes, other_calls = _traced(run, network, batch)
        predicted = other_logit.argmax(1)
        found.correct += int((predicted == batch.y).sum())
        found.changed += int((predicted != logit.argmax(1)).sum())
        for a, b in zip(spikes, other_spikes, strict=True):
            differ = a != b
            found.differing += int(differ.sum())
            found.spikes += differ.numel()
            if bool(differ.any()):
                found.first = min(found.first, 1.0 + float(differ.flatten(1).any(1).nonzero()[0]))
        neurons = layers(network)
        for layer in hidden:
            _compare_neurons(calls[layer], other_calls[layer], own[layer], neurons[layer], found)


def _compare_neurons(ours: Layer, theirs: Layer, own: Sequence, other: Sequence, found: _Sums) -> None:
    """On the same input current and from the same state, up to the first difference (`first_differences`)."""
    output = theirs.output
    if not torch.equal(ours.x, theirs.x):
        output = other.simulate(ours.x, steps=ours.steps, state=ours.state)
    u, rule = ours.output.potential, cast(Neuron, own).rule
    assert u is not None
    assert isinstance(rule, Rule)
    first, until = first_differences(ours.output.spikes, output.spikes, own.variant.recurrent)
    near = (u - rule.threshold).abs() <= NEAR * u.abs().clamp(min=1)
    found.unexplained += int((first & ~near).sum())
    found.traces += u[0].numel()
    if output.potential is not None:
        largest = float(((u - output.potential).abs() * until).max())
        found.potential = max(found.potential or 0.0, largest)


def _traced(run: Run, network: nn.Module, batch: Batch) -> tuple[Tensor, list[Tensor], dict[str, Layer]]:
    """Logits, hidden spikes and what every layer did. From the same random numbers, where states start from some."""
    with torch.random.fork_rng(), recorded(network) as calls, precision(run.protocol, batch.x), steady(network):
        torch.manual_seed(run.cell.seed)
        output, spikes = network(batch.x)
    return logits(output.float(), run.protocol), spikes, calls


_AXES = ("neuron",)
EXPERIMENT = Experiment(
    "cross_check",
    "The trained network on each framework's own stepping and its own neuron: what changes",
    measure,
    (
        Metric("accuracy", "fraction", axes=_AXES),
        Metric("changed_predictions", "fraction", higher_is_better=False, axes=_AXES),
        Metric("differing_spikes", "fraction", higher_is_better=False, axes=_AXES),
        Metric("unexplained", "neurons", higher_is_better=False, axes=_AXES),
        Metric("potential_difference", "u", higher_is_better=False, axes=_AXES),
        Metric("first_difference", "step", axes=_AXES),
    ),
    needs=("spikes", "suite"),
)
