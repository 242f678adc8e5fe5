"""Which systems of a table differ by more than chance, over songs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mssbench.errors import UserError
from mssbench.report.config import Experiment
from mssbench.report.judged_metrics import MCNEMAR, RIGHT_FROM
from mssbench.report.judgements import compare_judgements, judgements
from mssbench.report.song_values import song_values
from mssbench.report.statistics.comparisons import Comparison, compare
from mssbench.report.statistics.friedman import MIN_SYSTEMS
from mssbench.report.statistics.pairs import MIN_SONGS

BEST = "best"

# What a song's value is, so that the test is one of what the table shows. Measures of spread have
# no test.
WITHIN_SONG = {
    "song-wise median": "median",
    "mean of song medians": "median",
    "segment-wise median": "median",
    "median of song means": "mean",
    "mean of song means": "mean",
    "segment-wise mean": "mean",
}


@dataclass(frozen=True)
class Significance:
    """How the values of a table are tested: the keys of its ``test``.

    HTMD-Net's table is said to print a best value in bold at p < 0.01, by Wilcoxon's test
    (second-hand, so this reading of it is a guess): ``{alpha: 0.01, bold: true}``.

    Attributes:
        kind: ``wilcoxon``, the signed-rank test of each pair, or ``conover``, comparisons of ranks
            after Friedman's test; over songs, corrected by Holm. Or ``mcnemar``, McNemar's test of
            each pair over the segments of a metric that says of each whether a system is right
            (`mssbench.report.judged_metrics.RIGHT_FROM`); other metrics have no test then.
        against: the experiment that the others are compared with, or ``best``, the one with the
            best value in the column. The best one is known only after all have been looked at, so
            then p is corrected for all pairs, else for the pairs with that experiment.
        alpha: a corrected p below it is marked.
        bold: print the best value in bold only where every other system's differs from it.
    """

    kind: str = "wilcoxon"
    against: str = BEST
    alpha: float = 0.05
    bold: bool = False

    def require(self, table: str, experiments: Sequence[Experiment]) -> None:
        """Refuse what cannot be tested.

        Raises:
            UserError: ``against`` is no row of the table, or ``bold`` does not go with it.
        """
        names = [BEST, *(each.name for each in experiments)]
        if self.against not in names:
            raise UserError(
                f"tables.{table}.test.against is {self.against!r}; allowed are {', '.join(names)}"
            )
        if self.bold and self.against != BEST:
            raise UserError(
                f"tables.{table}.test.bold needs the best system compared with all others, but "
                f"against is {self.against!r}; set it to {BEST} or remove bold"
            )


@dataclass(frozen=True)
class Outcome:
    """How an experiment's comparison ended.

    Attributes:
        against: the label of the one that it is compared with.
        songs: common songs.
        effect: matched-pairs rank-biserial correlation, positive where this one's values are the
            higher ones; None without songs.
        p: two-sided, corrected; None where no test was made.
        differs: whether p is below the table's alpha.
        why: why no test was made; empty where one was.
        segments: how many common segments it rests on; None of a test over songs.
    """

    against: str
    songs: int
    effect: float | None
    p: float | None
    differs: bool
    why: str = ""
    segments: int | None = None


def outcomes(
    scores: pd.DataFrame,
    experiments: Sequence[Experiment],
    reference: str,
    asked: Significance,
    within: str,
) -> Mapping[str, Outcome]:
    """Compare experiments with one of them over songs.

    A song's value is its median or mean over windows, averaged over seeds.

    Args:
        scores: scores of one target and metric.
        experiments: systems, and the reference; those without any value are left out.
        reference: the name of one of them.
        asked: how.
        within: ``median`` or ``mean``.

    Returns:
        The outcome of each but the reference, by name.
    """
    target, metric = str(scores["target"].iloc[0]), str(scores["metric"].iloc[0])
    is_judged = asked.kind == MCNEMAR and metric in RIGHT_FROM
    if is_judged:
        values = judgements(scores, experiments)
    else:
        values = song_values(scores, experiments, target, metric, within)
    values = values.dropna(axis="columns", how="all")
    if reference not in values.columns:
        return {}
    labels = {each.name: each.label for each in experiments}
    against = None if asked.against == BEST else reference
    if asked.kind == MCNEMAR:
        found = compare_judgements(values, against) if is_judged else unjudged(values, reference)
    else:
        found = compare(values, asked.kind, against)
    named = {}
    for each in found:
        if reference in (each.first, each.second):
            forward = each.second == reference
            effect = each.effect if forward or each.effect is None else -each.effect
            named[each.first if forward else each.second] = Outcome(
                against=labels[reference],
                songs=each.songs,
                effect=effect,
                p=each.p,
                differs=each.p is not None and each.p < asked.alpha,
                why=reason(each, asked.kind, len(values.columns)),
                segments=each.segments,
            )
    return named


def unjudged(values: pd.DataFrame, reference: str) -> list[Comparison]:
    """Return comparisons with ``reference`` without a test."""
    others = (str(name) for name in values.columns if name != reference)
    return [Comparison(name, reference, len(values), None, None, None) for name in others]


def reason(comparison: Comparison, kind: str, systems: int) -> str:
    """Return why no test was made; empty where one was."""
    if comparison.p is not None:
        return ""
    songs = comparison.songs
    if kind == MCNEMAR:
        judging = ", ".join(RIGHT_FROM)
        return (
            f"McNemar's test is of judgements, which {judging} has alone"
            if comparison.segments is None
            else "there is no common segment"
        )
    if songs < MIN_SONGS:
        plural = "" if songs == 1 else "s"
        return f"there are {songs} common song{plural}, and a test needs {MIN_SONGS}"
    if kind == "conover" and systems < MIN_SYSTEMS:
        return f"there are {systems} systems, and Conover's comparisons need {MIN_SYSTEMS}"
    return f"over {songs} common songs, Friedman's test finds no system that differs"
