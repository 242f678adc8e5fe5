"""Confidence intervals over songs of a statistic that is averaged over seeds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mssbench.report.statistics.bootstrap import (
    CONFIDENCE,
    MIN_SONGS_DRAWN,
    RESAMPLES,
    WEIGHTED,
    Interval,
    Statistic,
    in_parts,
)


def bootstrap_seeds(
    seeds: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    statistic: Statistic = "median",
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the mean over seeds of a statistic of pooled values, and its interval over songs.

    Each draw of songs is the same for all seeds, as they are scored on the same songs. So the
    interval holds the chance in the choice of songs, and none of that in the choice of seeds. With
    one seed it is `mssbench.report.statistics.bootstrap.bootstrap`'s percentile interval. A draw
    in which a seed has no value enters nothing.

    Args:
        seeds: of each seed the values, (values,), NaN where there is none, and which song each is
            of, (values,).
        statistic: of the pool of a seed's values.
        confidence: the share of such intervals that hold the true value, from 0 to 1.
        resamples: how many times songs are drawn.
        seed: of the draws.

    Raises:
        ValueError: there is no seed, or ``confidence`` is out of range.
    """
    if not seeds:
        raise ValueError("an interval needs the values of at least one seed")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1")
    pools = [ascending(values, songs) for values, songs in seeds]
    names = np.unique(np.concatenate([songs for _, songs in pools]))
    count, weighted = len(names), WEIGHTED[statistic]
    if not all(len(values) for values, _ in pools):
        return Interval(count, float("nan"), None, None)
    value = float(np.mean([weighted(each, np.ones((1, len(each))))[0] for each, _ in pools]))
    if count < MIN_SONGS_DRAWN:
        return Interval(count, value, None, None)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    found = np.full((len(pools), resamples), np.nan)
    for row, (values, songs) in zip(found, pools, strict=True):
        places = np.searchsorted(names, songs)
        there = draws[:, np.unique(places)].any(axis=1)
        row[there] = in_parts(weighted, values, places, draws[there])
    with np.errstate(invalid="ignore"):  # infinities of either sign
        means = found.mean(axis=0)
    means = means[~np.isnan(means)]
    if not len(means):
        return Interval(count, value, None, None)
    tails = np.array([1 - confidence, 1 + confidence]) / 2
    low, high = np.quantile(means, tails, method="inverted_cdf")
    return Interval(count, value, float(low), float(high))


def ascending(values: ArrayLike, songs: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the values that are there, in ascending order, and the song of each."""
    pool, owners = np.asarray(values, dtype=float), np.asarray(songs)
    there = ~np.isnan(pool)
    order = np.argsort(pool[there], kind="stable")
    return pool[there][order], owners[there][order]
