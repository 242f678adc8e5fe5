"""Left and right of each source."""

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation, each_source


def swap_channels(sources: Tensor, random: torch.Generator) -> Tensor:
    """Exchange left and right of each source of each example with probability 1/2.

    As in Demucs (Défossez et al., 2019) and, before, Uhlich et al. (ICASSP 2017).

    Args:
        sources: (batch, sources, 2, samples).
        random: decides which are exchanged.

    Raises:
        ValueError: the sources are not stereo.
    """
    if sources.shape[2] != 2:
        raise ValueError(f"swap_channels needs 2 channels; the sources have {sources.shape[2]}")
    swapped = torch.randint(2, sources.shape[:2], generator=random, dtype=torch.bool)
    return torch.where(each_source(swapped, sources), sources.flip(2), sources)


class SwapChannels(Augmentation):
    """`swap_channels` as a module."""

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, 2, samples)."""
        return swap_channels(sources, random)
