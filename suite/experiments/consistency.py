"""How long do the implementations of one network train alike? The same initial weights and batches, update by update.

SpikingJelly's stepping, snnTorch's and the fused kernels compute the same numbers up to rounding. They add up in
another order, so that weights part by rounding errors. Training multiplies these, slowly, until they decide where there
is a jump: whether a potential lies within the surrogate's window (a rectangle has edges), so that gradients part, or
above the threshold, so that spikes do. In float64 that takes longer, if it happens at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

import pandas as pd
import torch
from torch import Tensor, nn

from neurons import BACKENDS
from neurons.kernels import why_not_fused
from neurons.kernels.rule import Rule
from neurons.sequence import Neuron
from suite.experiments.base import Experiment, Metric, NotDefined, Run
from suite.inputs import Batch, Events, Input, Static
from suite.models.build import build
from suite.models.readout import logits, loss
from suite.models.record import first_differences, layers, recorded
from suite.models.threads import steady
from suite.registry import variants
from suite.results.record import Axis, Value
from suite.training import optimizer_of

_REFERENCE = (BACKENDS[0], "fused")
_OTHERS = {f"{backend}-step": (backend, "step") for backend in BACKENDS}

UPDATES, SMOKE_UPDATES = 100, 10
AT = (1, 10, 100)
"""The updates whose differences are values; all are in the artifact."""

JUMP = 1e-3
"""Derivatives of the surrogate that differ by so much of the largest lie on both sides of an edge."""

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass
class _Update:
    """One update of one implementation: its loss, gradients [all weights], and of each hidden layer the spikes, the
    potentials above the threshold, the surrogate's derivative there, and whether it is recurrent.
    """

    loss: float
    gradient: Tensor
    hidden: list[tuple[Tensor, Tensor, Tensor, bool]]


def measure(run: Run) -> Iterator[Value]:
    """Trains from the start, on the training split; the trained network is not used."""
    reason = why_not_fused(run.device, torch.float32)
    if reason is not None:
        raise NotDefined(f"the implementations are compared with the fused one: {reason}")
    updates = SMOKE_UPDATES if run.base_protocol == "smoke" else UPDATES
    lines = []
    with run.progress(run.cell, len(DTYPES), updates) as (on_step, _), torch.random.fork_rng():
        for epoch, (dtype, of_torch) in enumerate(DTYPES.items()):
            reference, *others = (_train(run, *how, of_torch, updates) for how in (_REFERENCE, *_OTHERS.values()))
            for i, (ours, *theirs) in enumerate(zip(reference, *others, strict=True), start=1):
                lines += [
                    {"implementation": name, "dtype": dtype, "update": i, **_differences(ours, update)}
                    for name, update in zip(_OTHERS, theirs, strict=True)
                ]
                on_step(epoch, i)
    table = pd.DataFrame(lines)
    run.save("updates", table)
    for (name, precision), part in table.groupby(["implementation", "dtype"], sort=False):
        at: dict[str, Axis] = {"implementation": str(name), "dtype": str(precision)}
        for _, line in part[part["update"].isin(AT)].iterrows():
            for metric in ("loss_difference", "gradient_difference"):
                yield Value(metric, float(line[metric]), at={**at, "update": int(line["update"])})
        for metric, of in (("updates_alike", "differing_spikes"), ("updates_same_surrogates", "differing_surrogates")):
            parted = part.loc[part[of] > 0, "update"]
            yield Value(metric, float(parted.iloc[0] - 1 if len(parted) else part["update"].max()), at=at)
        margins = part["margin"].dropna()
        if len(margins):
            yield Value("margin_at_parting", float(margins.iloc[0]), at=at)


def _train(run: Run, backend: str, engine: str, dtype: torch.dtype, updates: int) -> Iterator[_Update]:
    """The first updates, from the weights and on the batches that the seed gives."""
    torch.manual_seed(run.cell.seed)
    network = build(run.data, run.protocol, variants[run.cell.variant], backend, engine).to(run.device, dtype)
    optimizer, named = optimizer_of(network, run.protocol), layers(network)
    for batch in (batch.to(run.device) for batch in islice(_batches(run), updates)):
        x = _in(dtype, batch.x)
        torch.manual_seed(run.cell.seed)  # for states that start at random
        with steady(network), recorded(network) as calls:
            output, spikes = network(x)
            step_loss = loss(logits(output, run.protocol), batch.y, run.protocol)
            optimizer.zero_grad(set_to_none=True)
            step_loss.backward()
        if run.protocol.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), run.protocol.clip)
        gradient = torch.cat([p.grad.double().flatten() for p in network.parameters() if p.grad is not None])
        hidden = []
        for name, call in islice(calls.items(), len(spikes)):
            layer, u = named[name], call.output.potential
            rule = cast(Neuron, layer).rule
            assert isinstance(rule, Rule)
            assert u is not None
            above = u.detach() - rule.threshold
            derivative = rule.surrogate.derivative(above)
            hidden.append((call.output.spikes.detach(), above, derivative, layer.variant.recurrent))
        yield _Update(step_loss.item(), gradient, hidden)
        optimizer.step()


def _batches(run: Run) -> Iterator[Batch]:
    for epoch in range(run.protocol.epochs):
        yield from run.data.train.epoch(run.protocol.batch_size, shuffle_seed=run.cell.seed, epoch=epoch)


def _in(dtype: torch.dtype, x: Input) -> Input:
    if isinstance(x, Static):
        return Static(x.image.to(dtype), x.n_steps)
    if isinstance(x, Events):
        return x
    return x.to(dtype)


def _differences(ours: _Update, theirs: _Update) -> dict[str, float]:
    count, edges, total, margin = 0, 0, 0, math.nan
    for (a, above, slope, recurrent), (b, _, other_slope, _) in zip(ours.hidden, theirs.hidden, strict=True):
        differing = int((a != b).sum())
        if differing and math.isnan(margin):  # of the first layer that differs
            first, _until = first_differences(a, b, recurrent)
            margin = float(above[first].abs().max())
        count, total = count + differing, total + a.numel()
        edges += int(((slope - other_slope).abs() > JUMP * slope.max()).sum())
    return {
        "loss": ours.loss,
        "loss_difference": abs(theirs.loss - ours.loss) / abs(ours.loss) if ours.loss else abs(theirs.loss),
        "gradient_difference": float((theirs.gradient - ours.gradient).norm() / ours.gradient.norm().clamp(min=1e-300)),
        "differing_spikes": count / total,
        "differing_surrogates": edges / total,
        "margin": margin,
    }


_AXES = ("implementation", "dtype", "update")
EXPERIMENT = Experiment(
    "consistency",
    "How long SpikingJelly's stepping, snnTorch's and the fused kernels train alike",
    measure,
    (
        Metric("loss_difference", "1", higher_is_better=False, axes=_AXES),
        Metric("gradient_difference", "1", higher_is_better=False, axes=_AXES),
        Metric("updates_alike", "updates", higher_is_better=True, axes=_AXES[:2]),
        Metric("updates_same_surrogates", "updates", higher_is_better=True, axes=_AXES[:2]),
        Metric("margin_at_parting", "u", axes=_AXES[:2]),
    ),
    needs=("spikes", "suite"),
    draw="suite.report.figures.consistency:draw",
)
