"""Confidence intervals over songs of aggregated scores."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from mssbench.report.aggregate import song_means, song_medians
from mssbench.report.statistics.bootstrap import CONFIDENCE
from mssbench.report.statistics.seeds import bootstrap_seeds

PoolOf = Literal["song medians", "song means", "windows"]

# Aggregation -> what is pooled, and the statistic of the pool. Measures of spread have no interval.
POOLS: Mapping[str, tuple[PoolOf, Literal["median", "mean"]]] = {
    "song-wise median": ("song medians", "median"),
    "mean of song medians": ("song medians", "mean"),
    "median of song means": ("song means", "median"),
    "mean of song means": ("song means", "mean"),
    "segment-wise median": ("windows", "median"),
    "segment-wise mean": ("windows", "mean"),
}


def confidence_of(interval: bool | float) -> float | None:
    """Return the share that a table's ``interval`` asks for; None where it asks for none."""
    if interval is True:
        return CONFIDENCE
    return interval or None


def interval_of(
    scores: pd.DataFrame, runs: Sequence[str], aggregation: str, confidence: float
) -> tuple[float, float] | None:
    """Return the ends of a value's bootstrap interval over songs.

    The value is the mean over seeds of the aggregated scores. Whole songs are drawn, each with
    all its windows.

    Args:
        scores: scores of one target and metric.
        runs: the seeds' runs; those without scores are left out, as in the value.
        aggregation: a name in `mssbench.report.aggregate.AGGREGATIONS`.
        confidence: the share of such intervals that hold the true value.

    Returns:
        Lower and upper end in the metric's unit; None of a measure of spread, and where there are
        too few songs.
    """
    if aggregation not in POOLS:
        return None
    pool, statistic = POOLS[aggregation]
    chosen = scores[scores["run"].isin(list(runs))]
    if pool != "windows":
        found = song_medians(chosen) if pool == "song medians" else song_means(chosen)
        chosen = found.rename("score").reset_index()
    seeds = [
        (part["score"].to_numpy(dtype=float), part["track"].to_numpy(dtype=str))
        for _, part in chosen.groupby("run", observed=True)
    ]
    if not seeds:
        return None
    made = bootstrap_seeds(seeds, statistic=statistic, confidence=confidence)
    return None if made.low is None or made.high is None else (made.low, made.high)
