"""The frameworks' own neurons, unsubclassed, on whole sequences, where they can express a variant."""

from __future__ import annotations

import math
from typing import cast

import snntorch
import torch
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from neurons import Output, State
from neurons.kernels.rule import Rule
from neurons.sequence import Neuron, Sequence


class Stock(Sequence):
    """A framework's own neuron in the place of one of ours, `like`: current [T, B, *] -> spikes [T, B, *], from rest.

    Raises ValueError, saying what it cannot express.
    """

    def __init__(self, backend: str, like: Sequence) -> None:
        super().__init__()
        reason = why_not(backend, like)
        if reason is not None:
            raise ValueError(reason)
        self.backend, self.variant, self.n = backend, like.variant, like.n
        k, rule = cast(Neuron, like).leak.forward(), cast(Neuron, like).rule
        assert isinstance(rule, Rule)
        self.neuron: nn.Module
        if backend == "snntorch":
            beta = k.detach() if isinstance(k, Tensor) else torch.tensor(k)
            self.neuron = snntorch.Leaky(beta=beta, threshold=rule.threshold, reset_mechanism=rule.reset)
            snntorch.SpikingNeuron.instances.remove(self.neuron)  # which snnTorch would keep alive
            return
        options = {"v_threshold": rule.threshold, "v_reset": None if rule.reset == "subtract" else 0.0}
        if k == 1:
            self.neuron = neuron.IFNode(step_mode="m", **options)
        else:
            scaled = like.variant.input_gain == "1-k"
            self.neuron = neuron.LIFNode(tau=1 / (1 - float(k)), decay_input=scaled, step_mode="m", **options)

    def simulate(
        self,
        x: Tensor,
        *,
        steps: int | None = None,
        state: State | None = None,
        record: bool = True,  # noqa: ARG002
    ) -> Output:
        """The spikes alone, from rest; `state` is that."""
        assert state is None or not any(bool(part.any()) for part in state)
        x = x if steps is None else x.expand(steps, *x.shape)
        if self.backend == "spikingjelly":
            self.neuron.reset()  # type: ignore[operator]
            return Output(self.neuron(x), None, ())
        mem, spikes = torch.zeros_like(x[0]), []
        for x_t in x.unbind(0):
            spike, mem = self.neuron(x_t, mem)
            spikes.append(spike)
        return Output(torch.stack(spikes), None, ())


def why_not(backend: str, like: Sequence) -> str | None:
    """None if the framework's own neuron computes what `like` does, up to ties and rounding, else the reason."""
    variant, rule, k = like.variant, cast(Neuron, like).rule, cast(Neuron, like).leak.forward()
    gained = isinstance(variant.input_gain, float)
    if variant.recurrent or variant.initial_state != "zero" or gained or isinstance(rule, str):
        return "it is recurrent, starts at random or has what only the subclass knows"
    if math.isinf(rule.threshold):
        return "it never fires"
    if backend == "snntorch":
        if rule.reset == "subtract":
            return "Leaky resets by subtraction one step later, after the leak"
        return "Leaky does not scale its input" if variant.input_gain != "1" else None
    if rule.reset == "none":
        return "LIFNode has no neuron without reset"
    if isinstance(k, Tensor):
        return "LIFNode has one tau for all neurons"
    if k == 0:
        return "LIFNode refuses tau = 1"
    return "IFNode does not scale its input" if k == 1 and variant.input_gain != "1" else None
