"""The networks without spikes that the paper compares with: LSTM, GRU and vanilla RNN (section 4.2, Table 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from suite.inputs import Input
from suite.variants import Baseline

_LAYERS: Mapping[str, Callable[[int, int], nn.Module]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class RecurrentNet(nn.Module):
    """Input - RNN(hidden) - FC - Output, the FC layer read at every step.

    Called with a batch's input, returns the output [T, B, n_classes] and an empty list, as it has no spikes.
    """

    def __init__(self, n_in: int, n_hidden: int, n_classes: int, baseline: Baseline) -> None:
        super().__init__()
        self.recurrent = _LAYERS[baseline.name](n_in, n_hidden)
        self.readout = nn.Linear(n_hidden, n_classes)

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        dense = x if isinstance(x, Tensor) else x.dense()
        hidden, _ = self.recurrent(dense.flatten(2))
        return self.readout(hidden), []
