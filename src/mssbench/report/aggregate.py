"""Aggregations of scores, by the names that papers use.

The same scores give values several dB apart, depending on how windows and songs are pooled, so
nothing here has a default: the caller names the aggregation and every result carries its counts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mssbench.errors import UserError

if TYPE_CHECKING:
    from pandas.core.groupby.generic import SeriesGroupBy

# What a score table holds: one row a window, or a song where window_start is NaN.
COLUMNS = ("run", "track", "target", "metric", "window_start", "score")
KEYS = ["run", "target", "metric"]


def song_wise_median(scores: pd.DataFrame) -> pd.Series:
    """Return the median over songs of each song's median over windows.

    SiSEC 2018 (Stöter, Liutkus, Ito, LVA/ICA 2018) and museval aggregate like this.
    """
    return song_medians(scores).groupby(KEYS, observed=True).median()


def segment_wise_median(scores: pd.DataFrame) -> pd.Series:
    """Return the median over the pool of all windows of all songs.

    Wave-U-Net's tables (Stoller, Ewert, Dixon, ISMIR 2018) aggregate like this.
    """
    return scores.groupby(KEYS, observed=True)["score"].median()


def segment_wise_mean(scores: pd.DataFrame) -> pd.Series:
    """Return the mean over the pool of all windows of all songs."""
    return mean(scores.groupby(KEYS, observed=True)["score"])


def mean_of_song_medians(scores: pd.DataFrame) -> pd.Series:
    """Return the mean over songs of each song's median over windows."""
    return mean(song_medians(scores).groupby(KEYS, observed=True))


def median_of_song_means(scores: pd.DataFrame) -> pd.Series:
    """Return the median over songs of each song's mean over windows.

    The table of MMDenseNet (Takahashi and Mitsufuji, WASPAA 2017) aggregates like this.
    """
    return song_means(scores).groupby(KEYS, observed=True).median()


def mean_of_song_means(scores: pd.DataFrame) -> pd.Series:
    """Return the mean over songs of each song's mean over windows.

    Wave-U-Net's PyTorch port logs this.
    """
    return mean(song_means(scores).groupby(KEYS, observed=True))


def segment_wise_mad(scores: pd.DataFrame) -> pd.Series:
    """Return the median absolute deviation from the median over the pool of all windows.

    Wave-U-Net's tables state it beside the median; it is not scaled to a normal distribution's
    standard deviation.
    """
    middle = scores.groupby(KEYS, observed=True)["score"].transform("median")
    with np.errstate(invalid="ignore"):  # an infinite median
        apart = scores.assign(score=(scores["score"] - middle).abs())
    return apart.groupby(KEYS, observed=True)["score"].median()


def segment_wise_sd(scores: pd.DataFrame) -> pd.Series:
    """Return the standard deviation over the pool of all windows, of a population."""
    with np.errstate(invalid="ignore"):
        return scores.groupby(KEYS, observed=True)["score"].std(ddof=0)


def song_means(scores: pd.DataFrame) -> pd.Series:
    """Return each song's mean over its windows that have a value, by (run, target, metric, track).

    NaN where no window has one.
    """
    return mean(scores.groupby([*KEYS, "track"], observed=True)["score"])


def mean(groups: "SeriesGroupBy") -> pd.Series:
    """Return the mean score of each group; NaN where a group holds both infinities."""
    with np.errstate(invalid="ignore"):
        return groups.mean()


AGGREGATIONS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "song-wise median": song_wise_median,
    "mean of song medians": mean_of_song_medians,
    "median of song means": median_of_song_means,
    "mean of song means": mean_of_song_means,
    "segment-wise median": segment_wise_median,
    "segment-wise mean": segment_wise_mean,
    "segment-wise MAD": segment_wise_mad,
    "segment-wise SD": segment_wise_sd,
}

# Measures of spread: no value of them is better than another.
SPREADS = ("segment-wise MAD", "segment-wise SD")

# A metric with one value a song has no windows to pool, so its aggregations have other names.
WHOLE_SONG_NAMES = {
    "song-wise median": "median over songs",
    "mean of song medians": "mean over songs",
    "median of song means": "median over songs",
    "mean of song means": "mean over songs",
    "segment-wise median": "median over songs",
    "segment-wise mean": "mean over songs",
    "segment-wise MAD": "MAD over songs",
    "segment-wise SD": "SD over songs",
}


def song_medians(scores: pd.DataFrame) -> pd.Series:
    """Return each song's median over its windows that have a value; NaN where none has.

    The index is (run, target, metric, track).
    """
    return scores.groupby([*KEYS, "track"], observed=True)["score"].median()


def aggregate(
    scores: pd.DataFrame,
    targets: Sequence[str],
    metrics: Sequence[str],
    aggregations: Sequence[str],
) -> pd.DataFrame:
    """Aggregate the scores of every run.

    NaN windows (a source or an estimate is silent) have no value: they enter no median and no
    mean, and are counted. Infinite scores are values like any other: a pool that holds +inf has
    the mean +inf, and one that holds both infinities has none (NaN).

    Args:
        scores: table with the columns run, track, target, metric, window_start (s; NaN for a
            metric of the whole song) and score (in the metric's unit).
        targets: the targets to keep.
        metrics: the metrics to keep. A metric of the whole song counts each song as one window,
            so that its median or mean over windows is the one over songs.
        aggregations: names in ``AGGREGATIONS``.

    Returns:
        One row a run, target, metric and aggregation that the scores have, in the order of the
        arguments, with the columns run, target, metric, aggregation, whole_song, value, songs,
        windows, nan_windows and nan_songs (songs in which every window is NaN).

    Raises:
        UserError: a column, target, metric or aggregation is unknown.
    """
    missing = [name for name in COLUMNS if name not in scores.columns]
    if missing:
        raise UserError(f"the score table lacks the columns {', '.join(missing)}")
    require("targets", targets, scores["target"].unique())
    require("metrics", metrics, scores["metric"].unique())
    require("aggregations", aggregations, AGGREGATIONS)
    chosen = scores[scores["target"].isin(targets) & scores["metric"].isin(metrics)]
    # Grouping by integer codes is several times faster than by text.
    chosen = chosen.astype(dict.fromkeys([*KEYS, "track"], "category"))
    counts = count(chosen)
    values = pd.concat(
        counts.assign(aggregation=name, value=AGGREGATIONS[name](chosen)) for name in aggregations
    )
    order = {"target": targets, "metric": metrics, "aggregation": aggregations}
    results = values.reset_index().astype(dict.fromkeys(KEYS, str))
    return results.sort_values(
        ["run", *order],
        key=lambda column: (
            column.map(list(order[column.name]).index) if column.name in order else column
        ),
        ignore_index=True,
    )


def count(scores: pd.DataFrame) -> pd.DataFrame:
    """Return songs, windows, nan_windows, nan_songs and whole_song of each run and metric."""
    marked = scores.assign(
        nan=scores["score"].isna(), whole=scores["window_start"].isna(), number=1
    )
    per_song = marked.groupby([*KEYS, "track"], observed=True)[["number", "nan", "whole"]].sum()
    per_song["nan_song"] = per_song["nan"] == per_song["number"]
    per_song["whole_song"] = per_song["whole"] == per_song["number"]
    return per_song.groupby(KEYS, observed=True).agg(
        songs=("number", "size"),
        windows=("number", "sum"),
        nan_windows=("nan", "sum"),
        nan_songs=("nan_song", "sum"),
        whole_song=("whole_song", "all"),
    )


def require(kind: str, asked: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that are not known.

    Args:
        kind: what the names are, in the plural.
        asked: the names to check.
        known: the names that are allowed.

    Raises:
        UserError: naming the unknown and the allowed ones.
    """
    allowed = list(dict.fromkeys(str(name) for name in known))
    unknown = [name for name in asked if name not in allowed]
    if unknown:
        raise UserError(
            f"unknown {kind} {', '.join(map(repr, unknown))}; allowed are {', '.join(allowed)}"
        )
