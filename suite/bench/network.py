"""`lif-roles bench network`: whole training steps of the networks of Table 4 beside the frameworks' own, in one run.

A step is forward, loss, backward and Adam, on a batch that was loaded before: events for ours, the same as a dense
float32 tensor [T, B, N] for the others, a static image repeated T times for them. All networks start from the same
weights and the same leak for all neurons, with the surrogate gradient arctan(2); the weights are scaled until the
hidden neurons fire as often as in a trained network (`SPIKE_RATE`), and Adam's rate is so small that they stay so. What
differs from one to the other is in `suite.bench.peers`. In ResNet18, the network's code is ours for everybody and only
the neuron is the framework's.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from suite.bench import lif, memory, ops, timing
from suite.bench.cases import DEFAULT, NETWORKS, Network, check_names, load
from suite.bench.peers import NorseNet, SnnTorchNet, SpikingJellyNet, start_leak
from suite.datasets.base import Data
from suite.inputs import Batch, Events, Input, Static, n_steps
from suite.models.build import build
from suite.models.fc import FCNet
from suite.models.readout import logits, loss
from suite.models.resnet import ResNet18
from suite.protocols import Protocol
from suite.registry import variants

RATE = 1e-9
"""Adam's learning rate."""
SPIKE_RATE = 0.08
"""Least share of a hidden layer's neurons that fire in a step: what FSDD's trained baseline has."""

Make = Callable[[nn.Module, Network, torch.device], nn.Module]


@dataclass(frozen=True)
class Contender:
    """`make(ours, network, device)` gives the framework's version of ours: dense input [T, B, *] -> [T, B, C]."""

    package: str
    make: Make

    @property
    def ours(self) -> bool:
        return self.package == "lif-roles"


def _ours(backend: str) -> Make:
    return lambda ours, network, device: copy_of(ours, network, backend).to(device)


def _theirs(fc: type[nn.Module], neuron: str) -> Make:
    def make(ours: nn.Module, network: Network, device: torch.device) -> nn.Module:
        made = (
            fc(ours, network.protocol) if isinstance(ours, FCNet) else _resnet(ours, network, ops.OPS[neuron], device)
        )
        return made.to(device)

    return make


CONTENDERS: dict[str, Contender] = {
    "lif-roles on SpikingJelly (fused)": Contender("lif-roles", _ours("spikingjelly")),
    "lif-roles on snnTorch (fused)": Contender("lif-roles", _ours("snntorch")),
    "SpikingJelly": Contender("spikingjelly", _theirs(SpikingJellyNet, "SpikingJelly")),
    "snnTorch": Contender("snntorch", _theirs(SnnTorchNet, "snnTorch, unbind")),
    "norse": Contender("norse", _theirs(NorseNet, "norse, unbind")),
}


class _Neuron(nn.Module):
    """A framework's LIF layer in a ResNet18."""

    def __init__(self, step: ops.Step) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x)


def _resnet(ours: nn.Module, network: Network, op: ops.Op, device: torch.device) -> nn.Module:
    protocol = network.protocol

    def make() -> nn.Module:
        return _Neuron(op.make_with(None, device, start_leak(protocol.leakage), protocol.threshold))

    return _with_weights_of(
        ours, ResNet18(network.dataset.input_shape[0], protocol.hidden[0], network.dataset.n_classes, make)
    )


def reference(network: Network, x: Input) -> nn.Module:
    """Our network on SpikingJelly's API, on the CPU, from whose weights all contenders start. On x, each hidden layer
    fires at a rate of `SPIKE_RATE` or above.
    """
    torch.manual_seed(0)
    made = _build(network, "spikingjelly", "auto")
    if isinstance(made, FCNet):
        for i in range(len(made.hidden)):
            for _ in range(20):
                if spike_rates(made, x)[i] >= SPIKE_RATE:
                    break
                with torch.no_grad():
                    next(made.linear[i].parameters()).mul_(1.25)
    return made


def spike_rates(ours: nn.Module, x: Input) -> list[float]:
    """The share of each spiking layer's neurons that fire in a step."""
    with torch.no_grad():
        return [float(spikes.mean()) for spikes in ours(x)[1]]


def copy_of(ours: nn.Module, network: Network, backend: str) -> nn.Module:
    """Our network on a framework's API, with the weights of `ours`."""
    return _with_weights_of(ours, _build(network, backend, "fused"))


def _with_weights_of(ours: nn.Module, other: nn.Module) -> nn.Module:
    weights = dict(ours.named_parameters())
    with torch.no_grad():
        for name, parameter in other.named_parameters():
            parameter.copy_(weights[name])
    return other


def _build(network: Network, backend: str, engine: str) -> nn.Module:
    own = network.dataset
    about = Data("", "", "", own.n_classes, own.input_shape, 0, *(None,) * 3)  # type: ignore[arg-type]
    return build(about, network.protocol, variants[network.timed.variant], backend, engine)


def dense(x: Input) -> Tensor:
    """[T, B, N] in memory of its own, as the frameworks' networks take it; images keep their shape [T, B, C, H, W]."""
    whole = x if isinstance(x, Tensor) else x.dense()
    image = isinstance(x, Static) and x.image.dim() == 4 and x.image.shape[1] > 1
    return (whole if image else whole.flatten(2)).contiguous()


class Training:
    """A network with its optimizer: call it for one training step on (x, y); it returns the loss.

    fused: have Adam's fused version, as `suite.training` does; otherwise its default, as the frameworks' tutorials do.
    """

    def __init__(self, model: nn.Module, protocol: Protocol, *, fused: bool) -> None:
        self.model, self.protocol = model, protocol
        self.optimizer = torch.optim.Adam(model.parameters(), RATE, fused=fused or None)

    def __call__(self, x: Input, y: Tensor) -> Tensor:
        step_loss = self.forward(x, y)
        self.optimizer.zero_grad(set_to_none=True)
        step_loss.backward()
        self.update()
        return step_loss.detach()

    def forward(self, x: Input, y: Tensor) -> Tensor:
        """The loss."""
        output = self.model(x)
        return loss(logits(output[0] if isinstance(output, tuple) else output, self.protocol), y, self.protocol)

    def update(self) -> None:
        """Clip the gradients if the protocol says so, and one step of Adam."""
        if self.protocol.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.protocol.clip)
        self.optimizer.step()


def run(
    names: Sequence[str] = DEFAULT,
    *,
    device: torch.device,
    rounds: int = 5,
    slow_s: float = 10.0,
    with_memory: bool = True,
    batch_size: int | None = None,
) -> Iterator[pd.DataFrame]:
    """For each network, a row a contender: times of one training step in ms, times the fastest of lif-roles, peak MB
    (with the batch) and times the least of lif-roles. Raises ValueError for an unknown network.

    batch_size: instead of the protocol's. `bound_ms`: see `bound`. A contender that cannot run has the reason in
    `note`.
    """
    check_names(names)
    for name in names:
        yield _table(name, device, rounds, slow_s, with_memory, batch_size)


def _table(
    name: str, device: torch.device, rounds: int, slow_s: float, with_memory: bool, batch_size: int | None
) -> pd.DataFrame:
    network = NETWORKS[name]
    source, batch = load(network, batch_size)
    y = batch.y.to(device)
    ours = reference(network, batch.x)
    measured = {}
    calls = {}
    for contender, about in CONTENDERS.items():
        reason = ops.why_not(about.package, device)
        if reason is not None:
            measured[contender] = timing.Measured(note=reason)
            continue
        x = _input(batch.x, about.package)
        training = Training(about.make(ours, network, device), network.protocol, fused=about.ours)
        small, few = tiny(x, y)
        training(small.to(device), few)
        calls[contender] = timing.timed(_bind(training, x.to(device), y), device)
    measured |= timing.interleaved(calls, rounds=rounds, slow_s=slow_s)
    peaks = _peaks(name, list(calls), batch, ours, device) if with_memory else {}
    least = min((p for c, p in peaks.items() if c.startswith("lif-roles") and p is not None), default=None)
    bound = bound_ms(ours, batch.x, device)
    T, B = size(batch.x)
    rate = statistics.mean(spike_rates(ours, batch.x))
    rows: list[dict[str, Any]] = []
    for contender, about in CONTENDERS.items():
        row: dict[str, Any] = {"network": name, "data": source, "T": T, "B": B, "contender": contender}
        row |= measured[contender].columns()
        peak = peaks.get(contender)
        row["peak_mb"] = None if peak is None else round(peak, 1)
        row["memory_ratio"] = None if peak is None or least is None else round(peak / least, 2)
        row["times_bound"] = row["bound_ms"] = None
        if bound is not None:
            row["bound_ms"] = round(bound, 3)
            row["times_bound"] = None if row["median_ms"] is None else round(row["median_ms"] / bound, 2)
        row["version"] = ops.version(about.package, device)
        row["spike_rate"] = round(rate, 3)
        row["note"] = measured[contender].note
        rows.append(row | timing.device_columns(device))
    timing.ratios(rows)
    return pd.DataFrame(rows)


def bound_ms(ours: nn.Module, x: Input, device: torch.device) -> float | None:
    """The least time in ms that the device can take for a training step on x, None for ResNet18.

    Bytes, at the measured copy bandwidth: each LIF layer's current, its output, the current again, and the gradients of
    both, [T, B, n] each ([B, n] for the current where it is the same in all steps); the input as it is stored, forward
    and backward; for each parameter its gradient written, and Adam's four reads and three writes. Floating-point
    operations, at the measured rate of a matrix product: additions for the inputs and spikes that there are, forward
    and for the weights' gradient, and the dense products that give the gradient of a layer's input (not of the data).
    """
    if not isinstance(ours, FCNet):
        return None
    T, B = size(x)
    linears: Any = ours.linear
    hidden: Any = ours.hidden
    n_in, sizes = len(linears[0].weight_t), [len(linear.bias) for linear in linears]
    elements, flops = 0.0, 0.0
    if isinstance(x, Static):
        elements += 3 * B * sizes[0] - 3 * T * B * sizes[0] + 2 * B * n_in
        flops += 4 * B * n_in * sizes[0]
    elif isinstance(x, Events):
        elements += 2 * sum(part.nbytes for part in (x.unit, x.offset, x.weight) if part is not None) / 4
        flops += 4 * len(x.unit) * sizes[0]
    else:
        elements += 2 * x.numel()
        flops += 4 * int(x.count_nonzero()) * sizes[0]
    elements += lif.PASSES * T * B * sum(sizes) + 8 * sum(p.numel() for p in ours.parameters())
    for neuron, n, n_next, rate in zip(hidden, sizes, sizes[1:], spike_rates(ours, x), strict=False):
        fired = rate * T * B * n
        flops += 4 * fired * n_next + 2 * T * B * n * n_next
        if neuron.recurrent is not None:
            flops += 4 * fired * n + 2 * T * B * n * n
    return 1000 * (4 * elements / timing.copy_bandwidth(device) + flops / timing.gemm_rate(device))


def size(x: Input) -> tuple[int, int]:
    """Steps T and batch B of an input."""
    return n_steps(x), len(x.image) if isinstance(x, Static) else x.shape[1]


def _input(x: Input, package: str) -> Input:
    """The batch as contenders from the package take it."""
    return x if package == "lif-roles" else dense(x)


def tiny(x: Input, y: Tensor) -> tuple[Input, Tensor]:
    """A small part of a batch, for a first step that imports and compiles: two samples, a few steps."""
    if isinstance(x, Static):
        return Static(x.image[:2], 2), y[:2]
    if isinstance(x, Tensor):
        return x[:12, :2], y[:2]
    T, _, N = x.shape
    few = x.dense()[:12, :2].flatten(0, 1)
    unit = few.nonzero()[:, 1]
    offset = torch.cat([x.offset.new_zeros(1), (few != 0).sum(1).cumsum(0)])
    weight = None if x.weight is None else few[few != 0]
    return Events(unit, offset, weight, (min(T, 12), 2, N)), y[:2]


def _bind(training: Training, x: Input, y: Tensor) -> Callable[[], Tensor]:
    return lambda: training(x, y)


def _peaks(
    name: str, contenders: list[str], batch: Batch, ours: nn.Module, device: torch.device
) -> dict[str, float | None]:
    with tempfile.TemporaryDirectory(prefix="lif-roles-bench-") as folder:
        file = Path(folder, "batch.pt")
        x = batch.x if isinstance(batch.x, Tensor) else batch.x.__dict__
        torch.save({"x": x, "y": batch.y, "weights": ours.state_dict()}, file)
        arguments = (str(file), device.type)
        return {c: memory.in_process("suite.bench.network", "peak_here", name, c, *arguments) for c in contenders}


def peak_here(name: str, contender: str, file: str, device: str) -> float:
    """MB of the batch and of one training step, above this process, which has done a tiny one."""
    where = timing.bench_device(device)
    network, about = NETWORKS[name], CONTENDERS[contender]
    saved = torch.load(file)
    ours = _build(network, "spikingjelly", "auto")
    ours.load_state_dict(saved["weights"])
    training = Training(about.make(ours, network, where), network.protocol, fused=about.ours)
    x, y = _input(_as_input(saved["x"]), about.package).to(where), saved["y"].to(where)
    del saved
    small, few = tiny(x, y)
    training(small, few)
    parts = [x] if isinstance(x, Tensor) else [part for part in x.__dict__.values() if isinstance(part, Tensor)]
    held = sum(part.nbytes for part in parts) / 1e6
    return held + memory.peak_above_idle(lambda: training(x, y), where)


def _as_input(saved: Any) -> Input:
    if isinstance(saved, Tensor):
        return saved
    return Static(**saved) if "image" in saved else Events(**saved)
