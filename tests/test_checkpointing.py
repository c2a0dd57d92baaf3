"""Gradient checkpointing over time changes memory and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from suite.datasets.base import Data
from suite.datasets.xor import load
from suite.inputs import Events, Input, Static, window
from suite.models.build import build
from suite.models.chunks import in_chunks
from suite.models.fc import FCNet
from suite.registry import get_protocol, variants
from suite.training import train

T, B, N = 11, 4, 6


def dense() -> Tensor:
    return torch.rand(T, B, N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def events() -> Events:
    active = dense() < 0.4
    offset = torch.cat([torch.zeros(1, dtype=torch.long), active.sum(2).flatten().cumsum(0)])
    return Events(active.nonzero()[:, 2], offset, None, (T, B, N))


INPUTS: dict[str, Callable[[], Input]] = {
    "dense": dense,
    "events": events,
    "static": lambda: Static(dense()[0], T),
}


def network(variant: str, backend: str, engine: str) -> FCNet:
    torch.manual_seed(0)
    dataset = Data("any", "generated", "", 3, (N,), T, *(load().train,) * 3)
    net = build(dataset, get_protocol("smoke", "shd"), variants[variant], backend, engine)
    assert isinstance(net, FCNet)
    return net.double()


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("start", "stop"), [(0, T), (3, 7), (10, 11)])
def test_window(kind: str, start: int, stop: int) -> None:
    x = INPUTS[kind]()
    part, whole = (x if isinstance(x, Tensor) else x.dense() for x in (window(x, start, stop), x))
    assert torch.equal(part, whole[start:stop])


@pytest.mark.parametrize("engine", ["step", "fused"])
@pytest.mark.parametrize("backend", ["spikingjelly", "snntorch"])
@pytest.mark.parametrize("variant", ["baseline", "with_recurrence", "without_reset"])
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("steps", [1, 4, 50])
def test_chunks_equal_the_whole(steps: int, kind: str, variant: str, backend: str, engine: str) -> None:
    net, x = network(variant, backend, engine), INPUTS[kind]()
    weight = torch.randn(T, B, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    output, spikes = net(x)
    expected = torch.autograd.grad((output * weight).sum(), list(net.parameters()))
    in_parts, rates = in_chunks(net, x, steps, rates=True)
    torch.testing.assert_close(in_parts, output)
    assert rates[0] > 0
    torch.testing.assert_close(rates[0], spikes[0].detach().mean())
    gradients = torch.autograd.grad((in_parts * weight).sum(), list(net.parameters()))
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other)


@pytest.mark.parametrize("variant", ["baseline", "with_recurrence"])
def test_what_is_kept_does_not_grow_with_the_chunk(variant: str) -> None:
    """All that stays of a layer between the passes is the state at the start of each chunk."""
    net, x = network(variant, "spikingjelly", "step"), events()

    def kept(run: Callable[[], object]) -> int:
        sizes: list[int] = []

        def pack(t: Tensor) -> Tensor:
            sizes.append(t.numel())
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            run()
        return sum(sizes)

    assert kept(lambda: in_chunks(net, x, T, rates=True)) < 0.1 * kept(lambda: net(x))


def test_a_random_state_is_drawn_once() -> None:
    """The state that backward works out again is the one that forward drew."""
    net = network("state=uniform+k=0.5", "spikingjelly", "fused")
    gradients = []
    for steps in (T, 3):
        torch.manual_seed(5)
        output, _ = in_chunks(net, dense(), steps, rates=True)
        gradients.append(torch.autograd.grad(output.sum(), list(net.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_training_in_chunks_and_in_bfloat16() -> None:
    """Chunks give the same training; lower precision a similar one, with weights that stay float32."""
    losses = {}
    for change in ("", "+chunk=7", "+precision=bfloat16", "+precision=bfloat16+chunk=7"):
        protocol = get_protocol(f"smoke{change}", "xor")
        dataset = load(n_steps=30, n_train=256)
        torch.manual_seed(0)
        net = build(dataset, protocol, variants["with_recurrence"], "spikingjelly", "auto")
        history = train(net, dataset, protocol, seed=0, device=torch.device("cpu"))
        losses[change] = history.train[-1].loss
        assert {p.dtype for p in net.parameters()} == {torch.float32}
        assert history.train[-1].spike_rate > 0
    assert losses["+chunk=7"] == pytest.approx(losses[""], rel=1e-3)
    assert losses["+precision=bfloat16"] == pytest.approx(losses[""], rel=0.1)
    assert losses["+precision=bfloat16"] != losses[""]
    assert math.isfinite(losses["+precision=bfloat16+chunk=7"])


@pytest.mark.parametrize(("dataset", "variant"), [("cifar10", "baseline"), ("shd", "lstm")])
def test_where_there_are_no_chunks(dataset: str, variant: str) -> None:
    with pytest.raises(ValueError, match=r"chunk ?= ?2 is for (fully connected spiking networks|network = 'fc') only"):
        build(load(), get_protocol("smoke+chunk=2", dataset), variants[variant], "spikingjelly", "auto")
