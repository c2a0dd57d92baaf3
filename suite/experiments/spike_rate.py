"""How often hidden neurons fire (Figure 4), and what their spikes cost in synaptic operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from suite.experiments.base import DEAD_FRACTION, OPERATIONS, SPIKE_RATE, Experiment, Metric, Run
from suite.inputs import Events, Input, Static
from suite.models.fc import InputLinear
from suite.paper import TABLE_6_VARIANTS, WHERE
from suite.results.record import Value

N_BINS = 50


def measure(run: Run) -> Iterator[Value]:
    """For every hidden layer mean rate and share of neurons that never fire, and a histogram of the rates over 50 bins
    on [0, 1], the artifact `histogram` (columns layer, low, high, neurons); for the whole network effective accumulate
    and multiply-accumulate operations, and dense ones. A neuron's rate is its mean over test samples and steps. The
    test split is read once.
    """
    found = test_pass(run)
    n = found.n
    lines = []
    for layer, rate in enumerate(found.rates, start=1):
        yield Value("spike_rate", float(rate.mean()), at={"layer": layer}, n=n)
        yield Value("dead_fraction", float((rate == 0).double().mean()), at={"layer": layer}, n=n)
        lines += [(layer, i / N_BINS, (i + 1) / N_BINS, count) for i, count in enumerate(histogram(rate))]
    every = torch.cat(found.rates)
    yield Value("spike_rate", float(every.mean()), n=n)
    yield Value("dead_fraction", float((every == 0).double().mean()), n=n)
    for name, value in found.operations.items():
        yield Value(name, value / n, n=n)
    run.save("histogram", pd.DataFrame(lines, columns=["layer", "low", "high", "neurons"]))


def histogram(rate: Tensor) -> list[int]:
    """Neurons in each of N_BINS bins on [0, 1], [low, high) but for the last, which has 1 in it."""
    # the small number: 0.58 * 50 is 28.999999999999996
    index = (rate.double() * N_BINS + 1e-9).floor().long().clamp(max=N_BINS - 1)
    return torch.bincount(index, minlength=N_BINS).tolist()


@dataclass(frozen=True)
class Measured:
    """One pass over n test samples: every neuron's rate by hidden layer [neurons], the logits [n, C], the share of
    them that are right, and the synaptic operations of all samples together.
    """

    rates: list[Tensor]
    logits: Tensor
    accuracy: float
    operations: dict[str, float]
    n: int


def test_pass(run: Run) -> Measured:
    """Read the test split once."""
    sums: list[Tensor] = []
    all_logits: list[Tensor] = []
    correct = n = n_steps = 0
    with run.progress(run.cell, 1, len(run.data.test)) as (on_step, _), counted(run.network) as operations:
        for batch, (logit, _output, spikes) in run.outputs(run.data.test):
            if not sums:
                sums = [torch.zeros(s[0, 0].numel(), dtype=torch.float64, device=run.device) for s in spikes]
            for total, s in zip(sums, spikes, strict=True):
                total += s.sum((0, 1), dtype=torch.float64).flatten()
            count_recurrent(run.network, spikes, operations)
            all_logits.append(logit.cpu())
            correct += int((logit.argmax(1) == batch.y).sum())
            n, n_steps = n + len(batch.y), spikes[0].shape[0]
            on_step(0, n)
    rates = [total.cpu() / (n * n_steps) for total in sums]
    return Measured(rates, torch.cat(all_logits), correct / n, operations, n)


@contextmanager
def counted(network: nn.Module) -> Iterator[dict[str, float]]:
    """Count the feed-forward synaptic operations of every call of `network` within, all samples and steps together.

    NeuroBench's definition (Yik et al. 2023): an operation is a weight that is not zero met by an input that is not
    zero, biases left out; an accumulation (effective_acs) where a layer's inputs are all -1, 0 or 1, else a
    multiply-accumulation (effective_macs). dense_operations counts every weight at every step. A static image drives
    its layer at every step.
    """
    operations = {"effective_acs": 0.0, "effective_macs": 0.0, "dense_operations": 0.0}

    def count(layer: nn.Module, arguments: tuple[Any, ...], _output: Tensor) -> None:
        add_operations(layer, arguments[0], operations)

    handles = [
        layer.register_forward_hook(count)
        for name, layer in network.named_modules()
        if isinstance(layer, InputLinear | nn.Linear | nn.Conv2d) and not name.endswith("recurrent")
    ]
    try:
        yield operations
    finally:
        for handle in handles:
            handle.remove()


def count_recurrent(network: nn.Module, spikes: list[Tensor], operations: dict[str, float]) -> None:
    """Add the operations of the recurrent weights, which engines apply each in its own way: V meets o[t-1]."""
    neurons: Any = getattr(network, "hidden", None)
    if neurons is None:  # a network that has none, as ResNet18
        return
    for neuron, s in zip(neurons, spikes, strict=True):
        if isinstance(recurrent := getattr(neuron, "recurrent", None), nn.Linear):
            # o[-1] = 0 costs nothing, but a dense implementation multiplies it all the same
            before = torch.cat([torch.zeros_like(s[:1]), s[:-1]])
            add_operations(recurrent, before, operations)


def add_operations(layer: nn.Module, x: Input, operations: dict[str, float]) -> None:
    """Add what `layer` does with the input `x` [..., n_in], or [..., C, H, W] for a convolution."""
    values = x.image if isinstance(x, Static) else x
    unit, value = _inputs(values) if isinstance(values, Events) else (None, values)
    binary = bool(((value == 0) | (value.abs() == 1)).all())
    if isinstance(layer, nn.Conv2d):
        assert isinstance(values, Tensor)
        values = values.flatten(0, -4)  # all steps of a sequence at once
        effective = _convolution(layer, values != 0, layer.weight != 0)
        dense = _convolution(layer, torch.ones_like(values), torch.ones_like(layer.weight))
    else:
        weight = layer.weight_t if isinstance(layer, InputLinear) else layer.weight.t()  # type: ignore[operator]
        assert isinstance(weight, Tensor)
        if isinstance(values, Events):
            assert unit is not None
            active, n_inputs = torch.bincount(unit[value != 0], minlength=len(weight)), len(values.offset) - 1
        else:
            each = values.reshape(-1, len(weight))
            active, n_inputs = (each != 0).sum(0), len(each)
        effective = float(active.double() @ (weight != 0).sum(1).double())
        dense = float(n_inputs * weight.numel())
    repeat = x.n_steps if isinstance(x, Static) else 1
    operations["effective_acs" if binary else "effective_macs"] += repeat * effective
    operations["dense_operations"] += repeat * dense


def _inputs(events: Events) -> tuple[Tensor, Tensor]:
    """The inputs that have events, and their values: several events of one input in one step are one value."""
    n_in = events.shape[-1]
    row = torch.arange(len(events.offset) - 1, device=events.unit.device).repeat_interleave(events.offset.diff())
    place, of = (row * n_in + events.unit).unique(return_inverse=True)
    weight = torch.ones_like(events.unit, dtype=torch.float32) if events.weight is None else events.weight
    return place % n_in, torch.zeros(len(place), dtype=weight.dtype, device=weight.device).index_add(0, of, weight)


def _convolution(layer: nn.Conv2d, x: Tensor, weight: Tensor) -> float:
    x, weight = x.to(layer.weight.dtype), weight.to(layer.weight.dtype)
    met = nn.functional.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    return float(met.sum(dtype=torch.float64))


EXPERIMENT = Experiment(
    "spike_rate",
    "How often hidden neurons fire, and the synaptic operations that it costs",
    measure,
    (
        replace(SPIKE_RATE, axes=("layer",)),
        replace(DEAD_FRACTION, axes=("layer",)),
        *(
            Metric(name, OPERATIONS, higher_is_better=False)
            for name in ("effective_acs", "effective_macs", "dense_operations")
        ),
    ),
    needs=("spikes",),
    paper="Figure 4",
    datasets=WHERE["Figure 4"],
    variants=TABLE_6_VARIANTS,
    draw="suite.report.figures.spike_rate:draw",
)
