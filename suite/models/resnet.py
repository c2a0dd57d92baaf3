"""ResNet18 with LIF neurons for CIFAR10 (Table 4): 3x3 stem, no max-pooling, batch norm, the LIF after the addition."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from suite.inputs import Input, Static

MakeNeuron = Callable[[], nn.Module]


def _norm_conv(n_in: int, n_out: int, size: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(n_in, n_out, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(n_out))


def _each_step(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer for images to a sequence [T, B, C, H, W]."""
    out: Tensor = layer(x.flatten(0, 1))
    return out.unflatten(0, x.shape[:2])


class Block(nn.Module):
    """conv - BN - LIF - conv - BN, plus the shortcut, then LIF."""

    def __init__(self, n_in: int, n_out: int, stride: int, make: MakeNeuron) -> None:
        super().__init__()
        self.conv1 = _norm_conv(n_in, n_out, 3, stride)
        self.neuron1 = make()
        self.conv2 = _norm_conv(n_out, n_out, 3, 1)
        self.neuron2 = make()
        self.shortcut = nn.Identity() if stride == 1 and n_in == n_out else _norm_conv(n_in, n_out, 1, stride)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inner = self.neuron1(_each_step(self.conv1, x))
        out = self.neuron2(_each_step(self.conv2, inner) + _each_step(self.shortcut, x))
        return inner, out


class ResNet18(nn.Module):
    """Four stages of two blocks, `width` to 8 x width channels, average pooling and a linear readout at every step.

    Called with a batch's input [T, B, C, H, W] or a static image, returns the output [T, B, n_classes] and the
    spikes of all LIF layers. A static image goes through the stem once, not T times.
    """

    def __init__(self, channels: int, width: int, n_classes: int, make: MakeNeuron) -> None:
        super().__init__()
        self.stem = _norm_conv(channels, width, 3, 1)
        self.stem_neuron = make()
        sizes = [
            (width, width, 1),
            (width, 2 * width, 2),
            (2 * width, 4 * width, 2),
            (4 * width, 8 * width, 2),
        ]
        self.blocks = nn.ModuleList()
        for n_in, n_out, stride in sizes:
            self.blocks += [Block(n_in, n_out, stride, make), Block(n_out, n_out, 1, make)]
        self.readout = nn.Linear(8 * width, n_classes)

    def forward(self, x: Input) -> tuple[Tensor, list[Tensor]]:
        if isinstance(x, Static):
            signal = self.stem_neuron(self.stem(x.image), steps=x.n_steps)
        else:
            dense = x if isinstance(x, Tensor) else x.dense()
            signal = self.stem_neuron(_each_step(self.stem, dense))
        spikes = [signal]
        for block in self.blocks:
            inner, signal = block(signal)
            spikes += [inner, signal]
        return self.readout(signal.mean((-2, -1))), spikes
