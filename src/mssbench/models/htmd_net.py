"""HTMD-Net: masking, then denoising, in the time domain.

C. Garoufis, A. Zlatintsi and P. Maragos, "HTMD-Net: A Hybrid Masking-Denoising Approach to
Time-Domain Monaural Singing Voice Separation", EUSIPCO 2021, and its released training script.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, interpolate, leaky_relu

from mssbench.models.base import Separator, Variant
from mssbench.models.filter_bands import FilterGroup
from mssbench.models.initialisation import glorot_uniform
from mssbench.models.masking import LEAK, MaskingModule
from mssbench.models.recurrent import Activation, BidirectionalLSTM

FIRST_KERNEL, DOWN_KERNEL, UP_KERNEL = 5, 15, 5
"""Taps of the denoising module's convolutions; the first is short, after Cohen-Hadria et al."""


class DenoisingModule(nn.Module):
    """A U-Net on waveforms with average pooling and two LSTM layers at the bottom.

    Args:
        channels: audio channels.
        filters: level i (1, 2, ...) has i times as many channels.
        levels: how often the length is halved.
        units: of each LSTM layer and direction.
        activation: of the LSTM layers.
    """

    def __init__(
        self, channels: int, filters: int, levels: int, units: int, activation: Activation
    ) -> None:
        super().__init__()
        widths = [filters * (level + 1) for level in range(levels)]
        kernels = [FIRST_KERNEL] + [DOWN_KERNEL] * (levels - 1)
        self.down = nn.ModuleList(
            nn.Conv1d(inputs, outputs, kernel, padding="same")
            for inputs, outputs, kernel in zip(
                [channels, *widths[:-1]], widths, kernels, strict=True
            )
        )
        self.recurrent = nn.Sequential(
            BidirectionalLSTM(widths[-1], units, activation),
            BidirectionalLSTM(units, units, activation),
        )
        self.up = nn.ModuleList(
            nn.Conv1d(below + width, width, UP_KERNEL, padding="same")
            for below, width in zip([units, *widths[:0:-1]], widths[::-1], strict=True)
        )
        self.output = nn.Conv1d(widths[0] + channels, channels, UP_KERNEL, padding="same")

    def forward(self, noisy: Tensor) -> Tensor:
        """Map an estimate to a better one in [-1, 1], both (batch, channels, samples)."""
        signal = noisy
        skips = []
        for convolution in self.down:
            signal = leaky_relu(convolution(signal), LEAK)
            skips.append(signal)
            signal = avg_pool1d(signal, 2)
        signal = leaky_relu(self.recurrent(signal.transpose(1, 2)), LEAK).transpose(1, 2)
        for convolution in self.up:
            repeated = interpolate(signal, scale_factor=2, mode="nearest")
            signal = leaky_relu(convolution(torch.cat((repeated, skips.pop()), dim=1)), LEAK)
        return torch.tanh(self.output(torch.cat((signal, noisy), dim=1)))


class HTMDNet(Separator):
    """Vocals from a mixture: a masking module, whose estimate a denoising module improves.

    With the defaults it has 4,498,799 trainable values, 1,897,217 of them for masking. The paper's
    slides speak of 12 levels; the released code, followed here, has 11. With 12 levels there are
    5,009,135 values, or 4,893,167 where the LSTM has the 156 units of a 13th level's filters.

    The masking module's estimate is returned as ``intermediate`` so that it can have a loss of its
    own. The paper's losses are named by the intermediate one, then the final one: MSE-MAE is
    ``intermediate: {kind: mse, weight: 0.5}`` and ``final: {kind: mae, weight: 1}``; MAE-MAE and
    MSE-MSE differ in the kinds. Without deep supervision the intermediate weight is 0. The weights
    are those of the released code's example and the order of the names that of its files; the
    paper's text could not be checked for either.

    Args:
        channels: audio channels of the mixture and of the estimate.
        N: filters of the masking module's encoder and decoder.
        L: length of these filters (samples), a multiple of 4; their hop is L / 2.
        B: channels of the bottleneck, of the residual and of the skip paths.
        H: channels inside a block.
        P: taps of the dilated filters.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.
        filters: level i (1, 2, ...) of the denoising module has i times as many channels.
        levels: how often the denoising module halves the length.
        units: of each LSTM layer and direction, at the bottom of the denoising module.
        activation: of the LSTM layers' candidates and outputs; the released code's are linear.

    Raises:
        ValueError: L is not a multiple of 4.
    """

    targets = ("vocals",)
    probes = output_names = ("final", "intermediate")
    variants: ClassVar[dict[str, Variant]] = {
        "HTMD-Net": Variant({}, 22_050),
        "12 levels": Variant({"levels": 12}, 22_050),
        "12 levels, 156 units": Variant({"levels": 12, "units": 156}, 22_050),
    }

    def __init__(
        self,
        *,
        channels: int = 1,
        N: int = 512,
        L: int = 16,
        B: int = 128,
        H: int = 512,
        P: int = 3,
        X: int = 9,
        R: int = 1,
        filters: int = 12,
        levels: int = 11,
        units: int = 168,
        activation: Activation = "linear",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.masking = MaskingModule(channels=channels, N=N, L=L, B=B, H=H, P=P, X=X, R=R)
        self.denoising = DenoisingModule(channels, filters, levels, units, activation)
        self.multiple = math.lcm(self.masking.hop, 2**levels)
        self.apply(glorot_uniform)

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the encoder's filters, as `mssbench.models.filter_bands` asks for them."""
        return [FilterGroup("", self.masking.encoder.weight, rate)]

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to two estimates (batch, 1, channels, samples).

        ``intermediate`` is the masking module's, unbounded; ``final`` lies in [-1, 1].
        """
        self.check(mixture)
        masked = self.masking(mixture)
        final = self.denoising(masked)
        return {"final": final.unsqueeze(1), "intermediate": masked.unsqueeze(1)}
