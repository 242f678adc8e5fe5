"""Two systems' values on the same songs, and the signed ranks of their differences."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

MIN_SONGS = 6
"""Fewer songs have no test: with five, the least two-sided p of signed ranks is 1/16."""


@dataclass(frozen=True)
class Pairs:
    """The differences of two systems on the songs that both have a value for.

    Attributes:
        differences: float64 of (songs,), the first system's value less the second's; equal
            infinities differ by zero.
        left_out: how many songs lack a value of either.
    """

    differences: np.ndarray
    left_out: int

    @property
    def songs(self) -> int:
        """Return how many songs both systems have a value for."""
        return len(self.differences)

    @property
    def median(self) -> float | None:
        """Return the median difference; None without songs."""
        return float(np.median(self.differences)) if self.songs else None


@dataclass(frozen=True)
class SignedRanks:
    """Ranks of the absolute differences, ties sharing their mean rank; zeros are left out.

    Attributes:
        ranks: float64 of (differences that are not zero,).
        positive: sum of the ranks of positive differences (W+).
        negative: sum of the ranks of negative differences (W-).
    """

    ranks: np.ndarray
    positive: float
    negative: float


def pair(first: ArrayLike, second: ArrayLike) -> Pairs:
    """Return the differences of two systems on their common songs.

    Args:
        first: (songs,), one value a song; NaN where there is none.
        second: the other system's values of the same songs in the same order.

    Raises:
        ValueError: the shapes differ.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"values of the same songs are needed, not of {one.shape}, {other.shape}")
    common = ~(np.isnan(one) | np.isnan(other))
    one, other = one[common], other[common]
    with np.errstate(invalid="ignore"):  # infinity less itself
        differences = np.where(one == other, 0.0, one - other)
    return Pairs(differences, int(len(common) - common.sum()))


def signed_ranks(differences: np.ndarray) -> SignedRanks:
    """Return the signed ranks of ``differences``, (songs,)."""
    there = differences[differences != 0]
    ranks = rankdata(np.abs(there))
    positive = there > 0
    return SignedRanks(ranks, float(ranks[positive].sum()), float(ranks[~positive].sum()))
