"""One value a song and system: what box plots, scatter plots and tests over songs compare."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mssbench.report.aggregate import require, song_means, song_medians
from mssbench.report.config import Experiment
from mssbench.report.scores import require_runs

# The scores that decide the order of the systems, where there are any.
ORDER_BY = ("vocals", "SDR")


def require_scores(
    scores: pd.DataFrame,
    experiments: Sequence[Experiment],
    targets: Sequence[str],
    metrics: Sequence[str],
) -> None:
    """Refuse experiments, targets and metrics that have no scores.

    Raises:
        UserError: naming what has none, and what has.
    """
    runs = [name for each in experiments for name in each.scored]
    require_runs(scores, runs)
    there = scores[scores["run"].isin(runs)]
    require("targets", targets, there["target"].unique())
    require("metrics", metrics, there["metric"].unique())


def song_values(
    scores: pd.DataFrame,
    experiments: Sequence[Experiment],
    target: str,
    metric: str,
    within: str = "median",
) -> pd.DataFrame:
    """Return each song's median or mean over windows, averaged over the seeds of an experiment.

    Args:
        scores: tidy score table of all runs.
        experiments: the systems.
        target: the target.
        metric: the metric.
        within: ``median`` or ``mean`` over a song's windows.

    Returns:
        A row a song, by name, and a column an experiment that has such scores, in the order of
        ``experiments``; dB, NaN where a song has no value.
    """
    owners = {name: each.name for each in experiments for name in each.scored}
    chosen = scores["run"].isin(list(owners)) & (scores["target"] == target)
    each_song = song_means if within == "mean" else song_medians
    found = each_song(scores[chosen & (scores["metric"] == metric)])
    of_songs = found.rename("score").reset_index()
    of_songs["experiment"] = of_songs["run"].map(owners)
    means = of_songs.groupby(["track", "experiment"])["score"].mean().unstack("experiment")
    return means[[each.name for each in experiments if each.name in means.columns]]


def finite(values: pd.DataFrame, experiment: Experiment) -> np.ndarray:
    """Return the finite values of one system in ascending order; none where it has no scores."""
    if experiment.name not in values.columns:
        return np.array([])
    column = values[experiment.name].to_numpy(dtype=float)
    return np.sort(column[np.isfinite(column)])


def ordered(
    experiments: Sequence[Experiment], scores: pd.DataFrame, otherwise: tuple[str, str]
) -> list[Experiment]:
    """Return systems by falling median vocals SDR over songs, then bounds likewise.

    Args:
        experiments: the systems.
        scores: tidy score table of all runs.
        otherwise: the target and metric to order by where there is no vocals SDR.
    """
    target, metric = ORDER_BY
    there = ((scores["target"] == target) & (scores["metric"] == metric)).any()
    values = song_values(scores, experiments, *(ORDER_BY if there else otherwise))

    def rank(system: Experiment) -> tuple[bool, float]:
        found = finite(values, system)
        return system.is_bound, -float(np.median(found)) if len(found) else np.inf

    return sorted(experiments, key=rank)
