"""Confidence intervals of a score by drawing songs anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

RESAMPLES, CONFIDENCE = 2000, 0.95
MIN_SONGS_DRAWN = 3
"""Fewer songs have no interval: two make only three different draws."""
VALUES_AT_ONCE = 4_000_000  # of all resamples in memory

Statistic = Literal["median", "mean"]


@dataclass(frozen=True)
class Interval:
    """A statistic and its confidence interval.

    Attributes:
        songs: songs with a value.
        value: the statistic of all values; NaN without any.
        low: lower end; None with fewer than ``MIN_SONGS_DRAWN`` songs.
        high: upper end; None likewise.
    """

    songs: int
    value: float
    low: float | None
    high: float | None


def bootstrap(
    values: ArrayLike,
    songs: ArrayLike | None = None,
    *,
    statistic: Statistic = "median",
    method: Literal["percentile", "bca"] = "percentile",
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return a statistic of values pooled over songs, and its interval over songs.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 14. Whole songs
    are drawn with replacement, each with all its values, since windows of a song are alike: an
    interval over windows would be too narrow. ``bca`` corrects for bias and skew; its correction
    for skew comes from leaving out one song at a time, which says little of a median.

    Args:
        values: (values,), one a song or one a window; NaN enters nothing.
        songs: (values,), which song each value is of; by default each is a song of its own.
        statistic: of the pool of values. The median over songs of song medians is the median of
            ``values`` that are song medians.
        method: how the interval is read from the resamples.
        confidence: the share of such intervals that hold the true value, from 0 to 1.
        resamples: how many times songs are drawn.
        seed: of the draws.

    Raises:
        ValueError: the shapes differ or ``confidence`` is out of range.
    """
    pool = np.asarray(values, dtype=float)
    owners = np.arange(len(pool)) if songs is None else np.asarray(songs)
    if pool.ndim != 1 or owners.shape != pool.shape:
        raise ValueError(f"one song a value is needed, not {owners.shape} for {pool.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
    there = ~np.isnan(pool)
    order = np.argsort(pool[there], kind="stable")
    pool = pool[there][order]
    names, places = np.unique(owners[there][order], return_inverse=True)
    count = len(names)
    if not count:
        return Interval(0, float("nan"), None, None)
    weighted = WEIGHTED[statistic]
    value = float(weighted(pool, np.ones((1, len(pool))))[0])
    if count < MIN_SONGS_DRAWN:
        return Interval(count, value, None, None)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    found = in_parts(weighted, pool, places, draws)
    tails = np.array([1 - confidence, 1 + confidence]) / 2
    if method == "bca":
        without = in_parts(weighted, pool, places, 1 - np.eye(count, dtype=int))
        tails = corrected(tails, found, value, without)
    low, high = np.quantile(found, tails, method="inverted_cdf")
    return Interval(count, value, float(low), float(high))


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the median of ``values``, each repeated as often as its weight says.

    Args:
        values: (values,), ascending.
        weights: (resamples, values), whole numbers.
    """
    upto = weights.cumsum(axis=1)
    total = upto[:, -1:]
    # The two middle ones of an even number, one twice of an odd.
    lower = values[(2 * upto < total).sum(axis=1)]
    upper = values[(2 * upto <= total).sum(axis=1)]
    # Where they are equal, infinities too, there is nothing to average.
    with np.errstate(invalid="ignore"):
        middle: np.ndarray = np.where(lower == upper, lower, (lower + upper) / 2)
    return middle


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of ``values``, each repeated as often as its weight says."""
    with np.errstate(invalid="ignore"):
        products = np.where(weights > 0, weights * values, 0.0)
        mean: np.ndarray = products.sum(axis=1) / weights.sum(axis=1)
    return mean


WEIGHTED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "median": weighted_median,
    "mean": weighted_mean,
}


def in_parts(
    weighted: Callable[[np.ndarray, np.ndarray], np.ndarray],
    values: np.ndarray,
    places: np.ndarray,
    draws: np.ndarray,
) -> np.ndarray:
    """Return the statistic of each draw, a few draws at a time.

    Args:
        weighted: the statistic.
        values: (values,), ascending.
        places: (values,), which song each is of.
        draws: (resamples, songs), how often each song is drawn.
    """
    step = max(1, VALUES_AT_ONCE // len(values))
    parts = [
        weighted(values, draws[first : first + step, places])
        for first in range(0, len(draws), step)
    ]
    return np.concatenate(parts)


def corrected(
    tails: np.ndarray, found: np.ndarray, value: float, without: np.ndarray
) -> np.ndarray:
    """Return the shares of resamples at which a BCa interval ends.

    Args:
        tails: the shares at which the plain interval ends.
        found: (resamples,), the resamples' statistics.
        value: the statistic of all values.
        without: (songs,), the statistic without each song.
    """
    below = np.mean(found < value) + np.mean(found == value) / 2
    if not 0 < below < 1:
        return tails  # the correction would be infinite
    bias = norm.ppf(below)
    away = without.mean() - without
    spread = (away**2).sum() ** 1.5
    skew = (away**3).sum() / (6 * spread) if spread > 0 else 0.0
    moved = bias + norm.ppf(tails)
    shares: np.ndarray = norm.cdf(bias + moved / (1 - skew * moved))
    return shares
