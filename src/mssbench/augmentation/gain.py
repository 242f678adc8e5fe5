"""Loudness of each source."""

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation, each_source


def gain(sources: Tensor, low: float, high: float, random: torch.Generator) -> Tensor:
    """Multiply each source of each example by its own gain, uniform from ``low`` to ``high``.

    The range is 0.7 to 1 for Wave-U-Net (Stoller, Ewert and Dixon, ISMIR 2018), 0.75 to 1.25 for
    Meta-TasNet (Samuel, Ganeshan and Naradowsky, ICASSP 2020) and 0.25 to 1.25 in "Improving music
    source separation based on deep neural networks through data augmentation and network
    blending" (Uhlich et al., ICASSP 2017).

    Args:
        sources: (batch, sources, channels, samples).
        low: least factor, not in dB.
        high: greatest factor.
        random: decides the gains.
    """
    gains = torch.empty(sources.shape[:2]).uniform_(low, high, generator=random)
    return sources * each_source(gains, sources)


class Gain(Augmentation):
    """`gain` with its range.

    Args:
        low: least factor, not in dB.
        high: greatest factor.
    """

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples)."""
        return gain(sources, self.low, self.high, random)
