"""Place in time of each source."""

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation


def shift(sources: Tensor, max_shift: int, random: torch.Generator) -> Tensor:
    """Cut each source of each example from its own place, ``max_shift`` samples shorter.

    The first sample is uniform from 0 to ``max_shift``, both included. Demucs (Défossez et al.,
    2019) shifts by up to 44,100 samples, one second.

    Args:
        sources: (batch, sources, channels, samples), longer by ``max_shift`` than is wanted.
        max_shift: greatest delay between two sources (samples).
        random: decides the places.

    Returns:
        (batch, sources, channels, samples - max_shift).

    Raises:
        ValueError: nothing would be left.
    """
    batch, count, _, samples = sources.shape
    if samples <= max_shift:
        raise ValueError(f"sources of {samples} samples cannot be shifted by {max_shift}")
    firsts = torch.randint(max_shift + 1, (batch, count), generator=random).to(sources.device)
    # A view of all places; what is indexed, and no more, is copied.
    places = sources.unfold(-1, samples - max_shift, 1)
    items = torch.arange(batch, device=sources.device).unsqueeze(1)
    return places[items, torch.arange(count, device=sources.device), :, firsts]


class Shift(Augmentation):
    """`shift` with its range.

    Args:
        max_shift: greatest delay between two sources (samples).
    """

    def __init__(self, max_shift: int) -> None:
        super().__init__()
        self.max_shift = max_shift

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples) to a shorter one."""
        return shift(sources, self.max_shift, random)
