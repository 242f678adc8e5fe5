"""Layer normalisations of sequences (batch, channels, frames), as Conv-TasNet defines them.

Y. Luo and N. Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech
Separation", IEEE/ACM TASLP 2019, section II-C. Each has a gain and a bias for every channel.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from mssbench.models.products import by_rows

EPSILON = 1e-8
"""Added to every variance."""


class LayerNorm(nn.Module):
    """What all of them have: a gain, which starts at 1, and a bias, which starts at 0.

    Args:
        channels: of the sequence.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))


class GlobalNorm(LayerNorm):
    """Mean and variance over all channels and frames of an example: gLN."""

    def forward(self, sequence: Tensor) -> Tensor:
        """Normalise (batch, channels, frames)."""
        frames = sequence.transpose(1, 2)
        if by_rows(sequence) and frames.is_contiguous():
            # It lies in memory frame by frame, and may stay so.
            normalised = layer_norm(frames, frames.shape[1:], eps=EPSILON)
            return torch.addcmul(self.bias, normalised, self.weight).transpose(1, 2)
        # Not the function of torch.nn, which refuses a single frame.
        return torch.group_norm(sequence, 1, self.weight, self.bias, EPSILON)


class CumulativeNorm(LayerNorm):
    """Mean and variance over all channels and the frames so far: cLN, which never looks ahead."""

    def forward(self, sequence: Tensor) -> Tensor:
        """Normalise (batch, channels, frames)."""
        channels, frames = sequence.shape[-2:]
        count = torch.arange(1, frames + 1, device=sequence.device) * channels
        mean = sequence.sum(-2, keepdim=True).cumsum(-1) / count
        power = sequence.square().sum(-2, keepdim=True).cumsum(-1) / count
        # Rounding may leave the difference of two like numbers below zero.
        variance = (power - mean.square()).clamp(min=0)
        normalised = (sequence - mean) * torch.rsqrt(variance + EPSILON)
        return torch.addcmul(self.bias[:, None], normalised, self.weight[:, None])


class FrameNorm(LayerNorm):
    """Mean and variance over the channels of each frame on its own.

    The released code of Demucs calls it cLN, which it is not.
    """

    def forward(self, sequence: Tensor) -> Tensor:
        """Normalise (batch, channels, frames)."""
        frames = sequence.transpose(1, 2)
        normalised = layer_norm(frames, self.weight.shape, self.weight, self.bias, EPSILON)
        return normalised.transpose(1, 2)
