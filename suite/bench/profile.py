"""Where our own training step spends its time: each layer's forward and backward pass, the optimizer, the rest."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from suite import threads
from suite.bench.cases import NETWORKS, load
from suite.bench.network import CONTENDERS, Training, reference, size
from suite.bench.timing import synchronize
from suite.inputs import Input
from suite.models.fc import FCNet


def profile(name: str, *, device: torch.device, rounds: int, batch_size: int | None = None) -> pd.DataFrame:
    """A row for each of our two networks and part of the step: median ms and share of the step.

    The parts follow each other, so their sum is the step: a layer's backward pass lasts from the gradient of its output
    to that of the next layer down. Raises ValueError for ResNet18, whose layers do not.
    """
    network = NETWORKS[name]
    if network.protocol.network != "fc":
        raise ValueError(f"--profile: {name} is a ResNet18; it is for the fully connected networks")
    source, batch = load(network, batch_size)
    x, y = batch.x.to(device), batch.y.to(device)
    ours = reference(network, batch.x)
    rows = []
    for contender, about in CONTENDERS.items():
        if not about.ours:
            continue
        model = about.make(ours, network, device)
        assert isinstance(model, FCNet)
        training = Training(model, network.protocol, fused=True)
        with threads.apart():
            found = [_parts(training, x, y, device) for _ in range(rounds + 1)][1:]
        medians = {part: statistics.median(times[part] for times in found) for part in found[0]}
        T, B = size(batch.x)
        rows += [
            {
                "network": name,
                "data": source,
                "T": T,
                "B": B,
                "contender": contender,
                "part": part,
                "median_ms": round(1000 * seconds, 3),
                "share": round(seconds / sum(medians.values()), 3),
            }
            for part, seconds in medians.items()
        ]
    return pd.DataFrame(rows)


def _parts(training: Training, x: Input, y: Tensor, device: torch.device) -> dict[str, float]:
    """Seconds of each part of one training step."""
    model: Any = training.model
    layers = {"input linear": model.linear[0]}
    for i, neuron in enumerate(model.hidden):
        layers |= {f"LIF {i + 1}": neuron, f"linear {i + 1}": model.linear[i + 1]}
    layers["readout"] = model.readout
    marks: list[tuple[str, float]] = []

    def mark(name: str) -> None:
        synchronize(device)
        marks.append((name, time.perf_counter()))

    def after(name: str, before: str) -> Any:
        """A forward hook: the layer is done, and once its output has a gradient, so is the backward pass above it."""

        def hook(_module: nn.Module, _input: Any, output: Tensor) -> None:
            mark(f"{name}, forward")
            output.register_hook(lambda _grad: mark(before))

        return hook

    names = list(layers)
    above = [f"{name}, backward" for name in names[1:]] + ["loss"]
    handles = [layers[n].register_forward_hook(after(n, b)) for n, b in zip(names, above, strict=True)]
    mark("start")
    loss = training.forward(x, y)
    mark("loss")
    training.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    mark(f"{names[0]}, backward")
    training.update()
    mark("optimizer")
    for handle in handles:
        handle.remove()
    found: dict[str, float] = {}
    for (_, started), (name, ended) in pairwise(marks):
        found[name] = found.get(name, 0.0) + ended - started
    return found
