"""New songs from the sources of several: three ways to exchange sources within a batch.

Each source of each example stays what it is, so a new song has one of each. Two examples of a
batch may come from the same song, and then they are mixed with each other.
"""

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation


def remix(sources: Tensor, random: torch.Generator, probability: float = 1) -> Tensor:
    """Permute each source on its own over the examples of the batch.

    As RA, the ResNet latent separator (Brunner et al., ICTAI 2019), is trained; its code calls
    this shuffle, and leaves a batch as it is with a probability that is 0 for the released weights.

    Args:
        sources: (batch, sources, channels, samples).
        random: decides the permutations.
        probability: of the batch to be mixed at all.
    """
    mixed = remix_groups(sources, max(1, len(sources)), random)
    # Drawn in any case, and last, so that the permutations do not depend on the probability.
    drawn = torch.rand((), generator=random, dtype=torch.float64)
    return mixed if drawn < probability else sources.clone()


def remix_groups(sources: Tensor, group: int, random: torch.Generator) -> Tensor:
    """Permute each source on its own within groups of consecutive examples.

    As in Demucs (Défossez et al., 2019), in groups of 4. What fills no whole group, at the end of
    the smaller batch that ends an epoch, is a group of its own.

    Args:
        sources: (batch, sources, channels, samples).
        group: examples a group.
        random: decides the permutations.
    """
    keys = torch.rand(sources.shape[:2], generator=random, dtype=torch.float64)
    # The order of random numbers is a random order; with the group's number it stays inside it.
    keys += (torch.arange(len(sources)) // group).unsqueeze(1)
    return exchange(sources, keys.argsort(dim=0))


def remix_half(sources: Tensor) -> Tensor:
    """Mix the first half of the batch anew: example i gets its source j from example i + j.

    As in Meta-TasNet (Samuel, Ganeshan and Naradowsky, ICASSP 2020): the count goes around within
    the half, which is rounded up, and the other half keeps its songs. Nothing is random, as the
    examples of a batch come in random order.

    Args:
        sources: (batch, sources, channels, samples).
    """
    batch, count = sources.shape[:2]
    half = (batch + 1) // 2
    donors = torch.arange(batch).unsqueeze(1).repeat(1, count)
    donors[:half] = (donors[:half] + torch.arange(count)) % max(1, half)
    return exchange(sources, donors)


def exchange(sources: Tensor, donors: Tensor) -> Tensor:
    """Take each source of each example from the example that ``donors`` names.

    Args:
        sources: (batch, sources, channels, samples).
        donors: (batch, sources), numbers of examples.
    """
    positions = torch.arange(sources.shape[1], device=sources.device)
    return sources[donors.to(sources.device, non_blocking=True), positions]


class Remix(Augmentation):
    """`remix` with its probability.

    Args:
        probability: of a batch to be mixed at all.
    """

    def __init__(self, probability: float = 1) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples)."""
        return remix(sources, random, self.probability)


class RemixGroups(Augmentation):
    """`remix_groups` with its size of groups.

    Args:
        group: examples a group.
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples)."""
        return remix_groups(sources, self.group, random)


class RemixHalf(Augmentation):
    """`remix_half` as a module; draws nothing."""

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples)."""
        return remix_half(sources)
