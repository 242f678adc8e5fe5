"""The test whether any of several systems differs over songs, and which pairs do."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, rankdata
from scipy.stats import t as student

from mssbench.report.statistics.pairs import MIN_SONGS

MIN_SYSTEMS = 3


@dataclass(frozen=True)
class FriedmanTest:
    """What Friedman's test and Conover's comparisons found.

    Attributes:
        systems: how many systems were compared.
        songs: songs that every system has a value for.
        left_out: songs that lack a value of one.
        statistic: chi-squared with systems - 1 degrees of freedom; None where ``p`` is.
        p: that of no system differing; None with fewer than ``MIN_SONGS`` songs or
            ``MIN_SYSTEMS`` systems.
        mean_ranks: (systems,), each system's mean rank over songs; 1 is the lowest value.
        pairs: (systems, systems), the two-sided p of each pair, not corrected for their number;
            None where ``p`` is.
    """

    systems: int
    songs: int
    left_out: int
    statistic: float | None
    p: float | None
    mean_ranks: np.ndarray
    pairs: np.ndarray | None


def friedman(values: ArrayLike) -> FriedmanTest:
    """Test whether systems differ over songs, by the ranks of the systems on each song.

    Friedman, Journal of the American Statistical Association 32, 1937, with the correction for
    ties; the comparisons of pairs are Conover's (Practical Nonparametric Statistics, 3rd edition,
    1999, section 5.8), by Student's t with (songs - 1)(systems - 1) degrees of freedom. They mean
    something only where the test itself finds a difference.

    Args:
        values: (songs, systems); NaN where there is none.

    Raises:
        ValueError: ``values`` has other dimensions.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"values of songs and systems are needed, not of shape {table.shape}")
    complete = table[~np.isnan(table).any(axis=1)]
    b, k = complete.shape  # blocks and treatments, as Conover calls songs and systems
    left_out = len(table) - b
    if b < MIN_SONGS or k < MIN_SYSTEMS:
        ranks = rankdata(complete, axis=1).mean(axis=0) if b else np.full(k, np.nan)
        return FriedmanTest(k, b, left_out, None, None, ranks, None)
    ranks = rankdata(complete, axis=1)
    sums = ranks.sum(axis=0)
    spread = (ranks**2).sum() - b * k * (k + 1) ** 2 / 4  # A - C: zero where all systems tie
    between = (sums**2).sum() / b - b * k * (k + 1) ** 2 / 4
    statistic = float((k - 1) * b * between / spread) if spread else 0.0
    freedom = (b - 1) * (k - 1)
    error = np.sqrt(max(2 * b * (spread - between), 0.0) / freedom)
    return FriedmanTest(
        systems=k,
        songs=b,
        left_out=left_out,
        statistic=statistic,
        p=float(chi2.sf(statistic, k - 1)),
        mean_ranks=sums / b,
        pairs=conover(sums, error, freedom),
    )


def conover(sums: np.ndarray, error: float, freedom: int) -> np.ndarray:
    """Return the two-sided p of each pair of rank sums.

    Args:
        sums: (systems,), each system's sum of ranks over songs.
        error: standard error of a difference of two sums.
        freedom: its degrees of freedom.
    """
    distances = np.abs(sums[:, None] - sums[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):  # no song departs from the mean ranks
        ratio = np.where(distances == 0, 0.0, distances / error)
    p: np.ndarray = 2 * student.sf(ratio, freedom)
    return p
