"""How wide should the surrogate be, and is the reset's gradient worth having? The network trained again with others.

Through a hard reset u' = k (1 - o) u + ... and du'/du = k ((1 - o) - u h(u)), h the surrogate. For a rectangle of
half-width a its size is at most k (u_th + a) / (2 a) if a <= u_th, and k (1 + (a - u_th) / (2 a)) if a >= u_th: only
a = u_th does not expand gradients. Without the reset's gradient it is k (1 - o), which never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from neurons import rectangle
from suite.experiments.base import ACCURACY, SPIKE_RATE, Experiment, Metric, Run
from suite.models.build import build
from suite.paper import WHERE
from suite.protocols import Protocol
from suite.registry import variants
from suite.results.record import Axis, Value
from suite.training import evaluate, train

WIDTHS = (0.25, 0.5, 1.0)
"""Half-widths of the rectangle, in thresholds."""

GRADIENTS = {"through": False, "detached": True}
"""Whether the reset is part of the gradient, and `detach_reset`."""


def bound(threshold: float, a: float) -> float:
    """The largest |du'/du| / k through a hard reset, of a rectangle of half-width a."""
    return (threshold + a) / (2 * a) if a <= threshold else 1 + (a - threshold) / (2 * a)


def measure(run: Run) -> Iterator[Value]:
    """Test accuracy and hidden rate for every width and gradient, each trained as the run was, from the same weights
    and with the same batches; no value where training diverged. Reads the test split once for each.
    """
    for width in WIDTHS:
        yield Value("bound", bound(1.0, width), at={"width": width})
        for gradient, detached in GRADIENTS.items():
            surrogate = rectangle(width * run.protocol.threshold)
            protocol = replace(run.protocol, surrogate=surrogate, detach_reset=detached)
            network, epoch = _trained(run, protocol, f"{width:g}-{gradient}")
            at: dict[str, Axis] = {"width": width, "reset_gradient": gradient}
            score = evaluate(network, run.data.test.epoch(protocol.batch_size), protocol, run.device)
            yield Value("test_accuracy", score.accuracy if epoch else None, at=at, n=score.n, epoch=epoch)
            yield Value("spike_rate", score.spike_rate if epoch else None, at=at, n=score.n, epoch=epoch)


def _trained(run: Run, protocol: Protocol, name: str) -> tuple[nn.Module, int]:
    """The network, and its selected epoch (0: none). Goes on from where an interrupted measurement stopped."""
    if protocol == run.protocol:
        return run.network, run.history.best
    torch.manual_seed(run.cell.seed)
    network = build(run.data, protocol, variants[run.cell.variant], run.cell.backend, run.cell.engine).to(run.device)
    run.scratch.mkdir(parents=True, exist_ok=True)
    checkpoint = run.scratch / name
    history = train(network, run.data, protocol, seed=run.cell.seed, device=run.device, checkpoint=checkpoint)
    return network, history.best


_AXES = ("width", "reset_gradient")
EXPERIMENT = Experiment(
    "surrogate_width",
    "Accuracy against the surrogate's width, with and without the reset's gradient",
    measure,
    (
        replace(ACCURACY, axes=_AXES),
        replace(SPIKE_RATE, axes=_AXES),
        Metric("bound", "1", higher_is_better=False, axes=_AXES[:1]),
    ),
    needs=("spikes", "suite"),
    datasets=WHERE["Surrogate"],
    variants=("with_recurrence", "baseline"),
)
