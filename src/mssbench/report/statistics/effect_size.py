"""How large the difference of two systems is, whatever the number of songs."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from mssbench.report.statistics.pairs import pair, signed_ranks


@dataclass(frozen=True)
class EffectSize:
    """A matched-pairs rank-biserial correlation.

    Attributes:
        songs: songs that both systems have a value for.
        value: from -1 (the second system is better on every song) to 1 (the first is); None
            without songs.
    """

    songs: int
    value: float | None


def rank_biserial(first: ArrayLike, second: ArrayLike) -> EffectSize:
    """Return the matched-pairs rank-biserial correlation of two systems over songs.

    Kerby, Comprehensive Psychology 3, 2014: the sum of the ranks of songs on which the first is
    better less that of the others, both as shares of the whole sum. It is zero where no song
    differs. It belongs to the signed-rank test, whose statistic it is made of.

    Args:
        first: (songs,), one value a song; NaN where there is none.
        second: the other system's values of the same songs in the same order.

    Raises:
        ValueError: the shapes differ.
    """
    pairs = pair(first, second)
    if not pairs.songs:
        return EffectSize(0, None)
    ranked = signed_ranks(pairs.differences)
    whole = ranked.positive + ranked.negative
    return EffectSize(pairs.songs, (ranked.positive - ranked.negative) / whole if whole else 0.0)
