"""Scores as a tidy table."""

from collections.abc import Iterator

import pandas as pd

from mssbench.scoring.song import SongScores

COLUMNS = ["run", "track", "target", "metric", "window_start", "score"]


def score_table(run: str, scores: SongScores) -> pd.DataFrame:
    """Return the scores of one song, one row a value.

    Args:
        run: names what made the estimates.
        scores: the song's scores.

    Returns:
        The columns run, track, target, metric, window_start (s) and score (in the measure's
        unit), sorted by them.
        A score of the whole song has window_start NaN. A score may be NaN or infinite.
    """
    rows = [(run, scores.name, *row) for row in values(scores)]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(COLUMNS[:-1], ignore_index=True)


def values(scores: SongScores) -> Iterator[tuple[str, str, float, float]]:
    """Yield (target, metric, window_start, score) of every value."""
    for target, metrics in scores.windows.items():
        for metric, series in metrics.items():
            for number, score in enumerate(series):
                yield target, metric, number * scores.hops.get(metric, scores.hop), float(score)
    for target, single in scores.song.items():
        for metric, score in single.items():
            yield target, metric, float("nan"), score
