"""Wave-U-Net without context (variants M1 and M2).

D. Stoller, S. Ewert and S. Dixon, "Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio
Source Separation", ISMIR 2018.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from mssbench.models.base import Separator
from mssbench.models.initialisation import glorot_uniform

LEAK = 0.2
"""Slope of the LeakyReLU for negative values: the default of TensorFlow."""

TARGETS = {
    "direct": ("accompaniment", "vocals"),
    "difference": ("accompaniment", "vocals"),
    "single": ("vocals",),
}


def upsample(signal: Tensor) -> Tensor:
    """Double the length of (batch, channels, time) by linear interpolation.

    Even outputs are the inputs, odd ones lie halfway between two, and the last repeats the last
    input: TensorFlow 1's bilinear resizing, which no mode of torch's ``interpolate`` computes.
    """
    following = torch.cat((signal[..., 1:], signal[..., -1:]), dim=-1)
    return torch.stack((signal, (signal + following) / 2), dim=-1).flatten(-2)


class WaveUNet(Separator):
    """A U-Net on waveforms: decimation on the way down, linear interpolation on the way up.

    The convolutions are zero padded, so the output is as long as the input. With the defaults
    (M1) it has 10,263,028 trainable values, with another output 10,263,002.

    Args:
        channels: audio channels of the mixture and of the estimates.
        levels: how often the length is halved.
        filters: level i (1, 2, ...) has i times as many channels.
        down_kernel: taps of the filters on the way down and at the bottom.
        up_kernel: taps of the filters on the way up.
        output: ``direct`` (M1) estimates accompaniment and vocals; ``difference`` (M2) estimates
            the accompaniment and takes the vocals to be the mixture without it; ``single``
            estimates the vocals alone, our reading of the baseline in the HTMD-Net paper, which
            does not print its configuration.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        levels: int = 12,
        filters: int = 24,
        down_kernel: int = 15,
        up_kernel: int = 5,
        output: Literal["direct", "difference", "single"] = "direct",
    ) -> None:
        super().__init__()
        self.targets = TARGETS[output]
        self.channels = channels
        self.multiple = 2**levels
        self.difference = output == "difference"
        widths = [filters * (level + 1) for level in range(levels + 1)]
        self.down = nn.ModuleList(
            nn.Conv1d(inputs, outputs, down_kernel, padding="same")
            for inputs, outputs in zip([channels, *widths[:-2]], widths[:-1], strict=True)
        )
        self.bottom = nn.Conv1d(widths[-2], widths[-1], down_kernel, padding="same")
        self.up = nn.ModuleList(
            nn.Conv1d(below + width, width, up_kernel, padding="same")
            for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        convolved = self.targets[:1] if self.difference else self.targets
        self.outputs = nn.ModuleList(nn.Conv1d(filters + channels, channels, 1) for _ in convolved)
        self.apply(glorot_uniform)

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        signal = mixture
        skips = []
        for convolution in self.down:
            signal = leaky_relu(convolution(signal), LEAK)
            skips.append(signal)
            signal = signal[..., ::2]
        signal = leaky_relu(self.bottom(signal), LEAK)
        for convolution in self.up:
            both = torch.cat((upsample(signal), skips.pop()), dim=1)
            signal = leaky_relu(convolution(both), LEAK)
        signal = torch.cat((signal, mixture), dim=1)
        estimates = [torch.tanh(output(signal)) for output in self.outputs]
        if self.difference:
            estimates.append(mixture - estimates[0])
        return {"final": torch.stack(estimates, dim=1)}
