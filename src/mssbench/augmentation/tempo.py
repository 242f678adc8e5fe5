"""Tempo of each example."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mssbench.augmentation.base import Augmentation
from mssbench.stretching.length import exact, longest_reach
from mssbench.stretching.phase_vocoder import stretch


def tempo(
    sources: Tensor,
    factors: Sequence[float],
    probabilities: Sequence[float] | None,
    random: torch.Generator,
    *,
    n_fft: int = 1024,
    hop: int = 256,
) -> Tensor:
    """Play each example at a tempo of its own, with its pitch, cut from a random place.

    All sources of an example have one factor. As RA is trained (Brunner et al., ICTAI 2019,
    section IV-C): a phase vocoder on the STFT, of which a random part as long as wanted is kept.
    Here the place is drawn first and only what is kept is stretched. Examples of one factor are
    stretched side by side.

    Args:
        sources: (batch, sources, channels, samples), longer by the greatest factor than is wanted.
        factors: above 1 is faster; 1 leaves an example as it is.
        probabilities: one a factor; None for equal ones.
        random: decides factors and places.
        n_fft: length of the vocoder's window and transform (samples).
        hop: samples from one of its frames to the next.

    Returns:
        (batch, sources, channels, samples // greatest factor, which is at least 1).

    Raises:
        ValueError: nothing would be left, or what `stretch` refuses.
    """
    samples = sources.shape[-1]
    length = math.floor(samples / longest_reach(factors))
    if length < 1:
        raise ValueError(f"sources of {samples} samples leave nothing at {max(factors):g} times")
    shares = torch.tensor(probabilities or [1.0] * len(factors), dtype=torch.float64)
    drawn = torch.multinomial(shares, len(sources), replacement=True, generator=random).tolist()
    places = torch.rand(len(sources), generator=random, dtype=torch.float64).tolist()
    made = sources.new_empty(*sources.shape[:-1], length)
    for number in sorted(set(drawn)):
        items = [item for item, chosen in enumerate(drawn) if chosen == number]
        needed = math.ceil(length * exact(factors[number]))
        firsts = [int(places[item] * (samples - needed + 1)) for item in items]
        cut = torch.stack(
            [
                sources[item, ..., first : first + needed]
                for item, first in zip(items, firsts, strict=True)
            ]
        )
        if factors[number] != 1:
            cut = stretch(cut, factors[number], n_fft, hop)
        made[torch.tensor(items, device=made.device)] = cut[..., :length]
    return made


class Tempo(Augmentation):
    """`tempo` with its factors.

    Args:
        factors: above 1 is faster.
        probabilities: one a factor; None for equal ones.
        n_fft: length of the vocoder's window and transform (samples).
        hop: samples from one of its frames to the next.
    """

    def __init__(
        self,
        factors: Sequence[float],
        probabilities: Sequence[float] | None = None,
        n_fft: int = 1024,
        hop: int = 256,
    ) -> None:
        super().__init__()
        self.factors, self.probabilities = factors, probabilities
        self.n_fft, self.hop = n_fft, hop

    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch (batch, sources, channels, samples) to a shorter one."""
        return tempo(
            sources, self.factors, self.probabilities, random, n_fft=self.n_fft, hop=self.hop
        )
