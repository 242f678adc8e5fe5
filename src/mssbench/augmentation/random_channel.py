"""One channel of each source, for models that hear one."""

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation, each_source


def random_channel(sources: Tensor, random: torch.Generator) -> Tensor:
    """Keep left or right of each source of each example, either with probability 1/2.

    As in Meta-TasNet (Samuel, Ganeshan and Naradowsky, ICASSP 2020).

    Args:
        sources: (batch, sources, 2, samples).
        random: decides the channels.

    Returns:
        Mono sources (batch, sources, 1, samples).

    Raises:
        ValueError: the sources are not stereo.
    """
    if sources.shape[2] != 2:
        raise ValueError(f"random_channel needs 2 channels; the sources have {sources.shape[2]}")
    right = torch.randint(2, sources.shape[:2], generator=random, dtype=torch.bool)
    return torch.where(each_source(right, sources), sources[:, :, 1:], sources[:, :, :1])


class RandomChannel(Augmentation):
    """`random_channel` as a module."""

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, 2, samples) to one channel."""
        return random_channel(sources, random)
