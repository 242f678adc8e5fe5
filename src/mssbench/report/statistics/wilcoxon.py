"""The signed-rank test of two systems over songs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from mssbench.report.statistics.pairs import MIN_SONGS, pair, signed_ranks

# Up to here the distribution is computed. Beyond, the normal one differs by less than 1e-3.
EXACT_UP_TO = 200


@dataclass(frozen=True)
class WilcoxonTest:
    """What the signed-rank test found.

    Attributes:
        songs: songs that both systems have a value for.
        left_out: songs that lack a value of either.
        statistic: the smaller of the two sums of ranks.
        p: two-sided; None with fewer than ``MIN_SONGS`` songs.
    """

    songs: int
    left_out: int
    statistic: float
    p: float | None


def wilcoxon(first: ArrayLike, second: ArrayLike) -> WilcoxonTest:
    """Test whether two systems' values differ over songs.

    Wilcoxon, Biometrics Bulletin 1(6), 1945: songs without a difference are left out, the rest
    ranked by the size of theirs. Under the null hypothesis each rank is positive or negative with
    equal chance. The p-value is exact, with ties too: it is the share of all assignments of signs
    whose smaller sum is at most that found.

    Args:
        first: (songs,), one value a song; NaN where there is none.
        second: the other system's values of the same songs in the same order.

    Raises:
        ValueError: the shapes differ.
    """
    pairs = pair(first, second)
    ranked = signed_ranks(pairs.differences)
    statistic = min(ranked.positive, ranked.negative)
    p = two_sided(ranked.ranks, statistic) if pairs.songs >= MIN_SONGS else None
    return WilcoxonTest(pairs.songs, pairs.left_out, statistic, p)


def two_sided(ranks: np.ndarray, statistic: float) -> float:
    """Return the chance that the smaller sum of signed ranks is at most ``statistic``."""
    if not len(ranks):
        return 1.0
    tail = lower_tail if len(ranks) <= EXACT_UP_TO else normal_tail
    return min(1.0, 2 * tail(ranks, statistic))


def lower_tail(ranks: np.ndarray, statistic: float) -> float:
    """Return the chance that the ranks with one sign sum up to at most ``statistic``."""
    whole = np.rint(2 * ranks).astype(int)  # a shared rank may be a half
    chances = np.zeros(int(whole.sum()) + 1)
    chances[0] = 1.0
    for rank in whole:
        moved = np.zeros_like(chances)
        moved[rank:] = chances[:-rank]
        chances = (chances + moved) / 2
    return float(chances[: round(2 * statistic) + 1].sum())


def normal_tail(ranks: np.ndarray, statistic: float) -> float:
    """Return the same chance from the normal distribution with mean and variance of the sum."""
    mean, variance = ranks.sum() / 2, (ranks**2).sum() / 4
    return float(norm.cdf((statistic - mean) / np.sqrt(variance)))
