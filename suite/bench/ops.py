"""The LIF layer alone, as ours and as each framework's own: current [T, B, N] -> spikes [T, B, N].

All compute u[t] = k u[t-1] (1 - o[t-1]) + x[t] (+ V o[t-1]) with the surrogate gradient arctan(2), so that the spikes
are the same. What differs: snnTorch and norse fire above the threshold, not at it; snnTorch's reset has no gradient;
norse has no arctan, so it uses its own surrogate (SuperSpike), and its LIFBoxCell scales the input by 1 - k, so its
threshold is scaled too. SpikingJelly's container multiplies the input by a matrix too (the identity here), as does
norse's recurrent cell; snnTorch's recurrent weights have a bias (0 here), and its RLeaky resets at once
(`reset_delay=False`), as a delayed reset to zero would take the next step's input with it.

snnTorch and norse come twice: as their tutorials index time, x[t], whose backward pass fills a gradient of all of x in
each step, and over `x.unbind(0)`, which does not.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from suite import machine

THRESHOLD = 0.3
LEAK = 0.5
SURROGATE_ALPHA = 2.0

Step = Callable[[Tensor], Tensor]
Make = Callable[[Tensor | None, torch.device, float, float], Step]
"""(V or None, device, k, threshold) -> the layer."""


@dataclass(frozen=True)
class Op:
    """A contender, from the distribution `package`. V [N, N] are the recurrent weights, if the layer has any."""

    package: str
    make_with: Make

    def make(self, weight: Tensor | None, device: torch.device) -> Step:
        """The layer as it is timed alone."""
        return self.make_with(weight, device, LEAK, THRESHOLD)

    def why_not(self, device: torch.device) -> str | None:
        """None if it can run here, else the reason."""
        return why_not(self.package, device)


def why_not(package: str, device: torch.device) -> str | None:
    """None if contenders from the package can run on the device, else the reason."""
    if package == "lif-roles":
        from neurons.kernels import why_not_fused

        return why_not_fused(device, torch.float32)
    return None if find_spec(package) else f"{package} is not installed; pip install 'lif-roles[bench]'"


def version(package: str, device: torch.device) -> str:
    """The package and its version, and which of its implementations SpikingJelly chose on a GPU."""
    found = f"{package} {machine.version(package)}"
    if package == "spikingjelly" and device.type == "cuda":
        from spikingjelly.activation_based import functional

        found += f" ({functional.neuron_implementation('lif', device)['implementation']})"
    return found


def import_norse() -> Any:
    """norse.torch, whose import warns of torch.jit.script."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import norse.torch

    return norse.torch


def _ours(backend: str) -> Make:
    def make(weight: Tensor | None, device: torch.device, leak: float, threshold: float) -> Step:
        from neurons import arctan, make_neuron

        variant, n = ("baseline", None) if weight is None else ("with_recurrence", len(weight))
        options: dict[str, Any] = {"leakage": leak, "threshold": threshold, "surrogate": arctan(SURROGATE_ALPHA)}
        neuron = make_neuron(variant, n, backend=backend, engine="fused", **options).to(device)
        if weight is not None:
            neuron.recurrent.weight = nn.Parameter(weight.clone())  # type: ignore[union-attr]
        return neuron

    return make


def spikingjelly_node(leak: float, threshold: float, step_mode: str = "m", *, store_v_seq: bool = False) -> Any:
    """LIFNode that adds the input as it is."""
    from spikingjelly.activation_based import neuron, surrogate

    return neuron.LIFNode(
        tau=1 / (1 - leak),
        decay_input=False,
        v_threshold=threshold,
        surrogate_function=surrogate.ATan(SURROGATE_ALPHA),
        step_mode=step_mode,
        store_v_seq=store_v_seq,
    )


def spikingjelly_recurrent(node: Any, weight: Tensor) -> Any:
    """LinearRecurrentContainer around a single-step node, with recurrent weights [N, N] and no bias."""
    from spikingjelly.activation_based import layer

    n = len(weight)
    container = layer.LinearRecurrentContainer(node, n, n, bias=False, step_mode="m")
    container.rc.weight = nn.Parameter(torch.cat([torch.eye(n, device=weight.device), weight], 1))
    return container


def _spikingjelly(weight: Tensor | None, device: torch.device, leak: float, threshold: float) -> Step:
    from spikingjelly.activation_based import functional

    node = spikingjelly_node(leak, threshold, "m" if weight is None else "s").to(device)
    if weight is not None:
        node = spikingjelly_recurrent(node, weight)

    def step(x: Tensor) -> Tensor:
        functional.reset_net(node)
        spikes: Tensor = node(x)
        return spikes

    return step


def snntorch_node(leak: float | Tensor, threshold: float, **options: Any) -> Any:
    """Leaky with reset to zero."""
    import snntorch

    options = {"reset_mechanism": "zero", "spike_grad": snntorch.surrogate.atan(SURROGATE_ALPHA), **options}
    node = snntorch.Leaky(beta=leak, threshold=threshold, **options)
    _forget(node)
    return node


def snntorch_recurrent(leak: float | Tensor, threshold: float, weight: Tensor, **options: Any) -> Any:
    """RLeaky, all to all, with recurrent weights [N, N] and a bias of 0."""
    import snntorch

    options = {"reset_mechanism": "zero", "spike_grad": snntorch.surrogate.atan(SURROGATE_ALPHA), **options}
    node = snntorch.RLeaky(beta=leak, threshold=threshold, linear_features=len(weight), reset_delay=False, **options)
    _forget(node)
    node.recurrent.weight = nn.Parameter(weight.clone())
    nn.init.zeros_(node.recurrent.bias)
    return node


def _forget(node: Any) -> None:
    """snnTorch lists every neuron ever made, which would keep its last state, and so its graph, alive."""
    import snntorch

    snntorch.SpikingNeuron.instances.remove(node)


def _snntorch(steps: Callable[[Tensor], Iterable[Tensor]]) -> Make:
    def make(weight: Tensor | None, device: torch.device, leak: float, threshold: float) -> Step:
        node = snntorch_node(leak, threshold) if weight is None else snntorch_recurrent(leak, threshold, weight)
        node.to(device)

        def step(x: Tensor) -> Tensor:
            state: Sequence[Tensor] = (node.reset_mem(),) if weight is None else node.reset_mem()
            spikes = []
            for x_t in steps(x):
                spike, mem = node(x_t, *state)
                state = (mem,) if weight is None else (spike, mem)
                spikes.append(spike)
            return torch.stack(spikes)

        return step

    return make


def norse_box(norse: Any, leak: float, threshold: float) -> Any:
    """LIFBoxCell: v + a (x - v) with a = 1 - k, so that v is (1 - k) times our u."""
    gain = 1 - leak
    return norse.LIFBoxCell(
        norse.LIFBoxParameters(tau_mem_inv=torch.tensor(gain), v_th=torch.tensor(gain * threshold)), dt=1.0
    )


def norse_recurrent(norse: Any, leak: float, threshold: float, input_weight: Tensor, weight: Tensor) -> Any:
    """LIFRecurrentCell with self-connections, its synaptic current gone after a step. Weights [N, n_in] and [N, N]."""
    gain = 1 - leak
    parameters = norse.LIFParameters(
        tau_syn_inv=torch.tensor(1.0), tau_mem_inv=torch.tensor(gain), v_th=torch.tensor(gain * threshold)
    )
    return norse.LIFRecurrentCell(
        input_weight.shape[1],
        len(weight),
        parameters,
        input_weights=nn.Parameter(input_weight.clone()),
        recurrent_weights=nn.Parameter(weight.clone()),
        autapses=True,
        dt=1.0,
    )


def _norse(steps: Callable[[Tensor], Iterable[Tensor]]) -> Make:
    def make(weight: Tensor | None, device: torch.device, leak: float, threshold: float) -> Step:
        norse = import_norse()
        if weight is None:
            cell = norse_box(norse, leak, threshold)
        else:
            cell = norse_recurrent(norse, leak, threshold, torch.eye(len(weight), device=device), weight)
        cell.to(device)

        def step(x: Tensor) -> Tensor:
            state = None
            spikes = []
            for x_t in steps(x):
                spike, state = cell(x_t, state)
                spikes.append(spike)
            return torch.stack(spikes)

        return step

    return make


def _indexed(x: Tensor) -> Iterable[Tensor]:
    return (x[t] for t in range(len(x)))


def _unbound(x: Tensor) -> Iterable[Tensor]:
    return x.unbind(0)


OPS: dict[str, Op] = {
    "lif-roles on SpikingJelly (fused)": Op("lif-roles", _ours("spikingjelly")),
    "lif-roles on snnTorch (fused)": Op("lif-roles", _ours("snntorch")),
    "SpikingJelly": Op("spikingjelly", _spikingjelly),
    "snnTorch, x[t]": Op("snntorch", _snntorch(_indexed)),
    "snnTorch, unbind": Op("snntorch", _snntorch(_unbound)),
    "norse, x[t]": Op("norse", _norse(_indexed)),
    "norse, unbind": Op("norse", _norse(_unbound)),
}
