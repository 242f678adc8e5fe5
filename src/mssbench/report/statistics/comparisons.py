"""Every pair of systems compared over songs, with p-values corrected for their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from mssbench.report.statistics.effect_size import rank_biserial
from mssbench.report.statistics.friedman import friedman
from mssbench.report.statistics.holm import holm
from mssbench.report.statistics.pairs import pair
from mssbench.report.statistics.wilcoxon import wilcoxon

ALPHA = 0.05  # Friedman's test finds a difference below it

TESTS = ("wilcoxon", "conover")


@dataclass(frozen=True)
class Comparison:
    """Two systems compared over songs.

    Attributes:
        first: a system.
        second: the other one.
        songs: songs that the test rests on.
        difference: median over the pair's common songs of the first's value less the second's,
            in dB; None without songs, and of segments.
        effect: matched-pairs rank-biserial correlation, from -1 to 1; None without songs.
        p: two-sided, corrected by Holm for the number of pairs compared; None where no test was
            made.
        segments: how many segments the test rests on; None of a test over songs.
    """

    first: str
    second: str
    songs: int
    difference: float | None
    effect: float | None
    p: float | None
    segments: int | None = None


def compare(
    values: pd.DataFrame, test: str = "wilcoxon", against: str | None = None
) -> list[Comparison]:
    """Compare each pair of systems over the songs that both have a value for.

    ``wilcoxon`` is the signed-rank test of each pair. ``conover`` compares the ranks of all
    systems on each song, so it needs songs that all have; it is made only where Friedman's test
    finds that any of them differ, at 0.05.

    Args:
        values: a row a song, a column a system; NaN where there is no value.
        test: one of ``TESTS``.
        against: a system; the pairs with it alone are compared, and corrected for. By default all.
    """
    columns = {str(name): values[name].to_numpy(dtype=float) for name in values.columns}
    pairs = [two for two in combinations(columns, 2) if against is None or against in two]
    tests = conover_tests(values, pairs) if test == "conover" else wilcoxon_tests(columns, pairs)
    corrected = holm([p for _, p in tests])
    return [
        Comparison(
            first=one,
            second=other,
            songs=songs,
            difference=pair(columns[one], columns[other]).median,
            effect=rank_biserial(columns[one], columns[other]).value,
            p=p,
        )
        for (one, other), (songs, _), p in zip(pairs, tests, corrected, strict=True)
    ]


def wilcoxon_tests(
    columns: Mapping[str, np.ndarray], pairs: Sequence[tuple[str, str]]
) -> list[tuple[int, float | None]]:
    """Return songs and p of each pair's signed-rank test."""
    found = [wilcoxon(columns[one], columns[other]) for one, other in pairs]
    return [(each.songs, each.p) for each in found]


def conover_tests(
    values: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> list[tuple[int, float | None]]:
    """Return songs and p of each pair's comparison of ranks; None unless any systems differ."""
    overall = friedman(values.to_numpy(dtype=float))
    if overall.pairs is None or overall.p is None or overall.p >= ALPHA:
        return [(overall.songs, None)] * len(pairs)
    places = {str(name): number for number, name in enumerate(values.columns)}
    return [
        (overall.songs, float(overall.pairs[places[one], places[other]])) for one, other in pairs
    ]
