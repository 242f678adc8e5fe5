"""Polarity of each source."""

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation, each_source


def flip_sign(sources: Tensor, random: torch.Generator) -> Tensor:
    """Turn the sign of each source of each example with probability 1/2.

    As in Demucs (Défossez et al., "Music source separation in the waveform domain", 2019).

    Args:
        sources: (batch, sources, channels, samples).
        random: decides the signs.
    """
    signs = 1 - 2 * torch.randint(2, sources.shape[:2], generator=random, dtype=torch.int8)
    return sources * each_source(signs, sources)


class FlipSign(Augmentation):
    """`flip_sign` as a module."""

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples)."""
        return flip_sign(sources, random)
