"""Segments in which a system is right or wrong, and the test of two systems over them."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from mssbench.report.config import Experiment
from mssbench.report.judged_metrics import RIGHT_FROM
from mssbench.report.statistics.comparisons import Comparison
from mssbench.report.statistics.holm import holm
from mssbench.report.statistics.mcnemar import mcnemar


def judgements(scores: pd.DataFrame, experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return in which segments systems are right.

    With several seeds, a system is right where more than half of them are.

    Args:
        scores: scores of one target and of one metric, a key of ``RIGHT_FROM``.
        experiments: the systems.

    Returns:
        A row a segment, by track and window_start (s), and a column a system that has scores, in
        the order of ``experiments``: 1 right, 0 wrong, NaN without a value.
    """
    owners = {name: each.name for each in experiments for name in each.scored}
    chosen = scores[scores["run"].isin(list(owners))]
    right = (chosen["score"] >= RIGHT_FROM[str(chosen["metric"].iloc[0])]).astype(float)
    judged = chosen.assign(
        experiment=chosen["run"].map(owners), right=right.where(chosen["score"].notna())
    )
    shares = judged.groupby(["track", "window_start", "experiment"], observed=True)["right"].mean()
    table = shares.unstack("experiment")
    decided = (table > 0.5).astype(float).where(table.notna())
    return decided[[each.name for each in experiments if each.name in decided.columns]]


def compare_judgements(judged: pd.DataFrame, against: str | None = None) -> list[Comparison]:
    """Compare each pair of systems by McNemar's test over the segments that both have.

    Args:
        judged: what `judgements` returns.
        against: a system; the pairs with it alone are compared, and corrected for. By default all.

    Returns:
        A comparison a pair. Its effect is the share of the segments in which only the first is
        right less that in which only the second is, of those in which one of both is; 0 where
        there is none.
    """
    columns = {str(name): judged[name].to_numpy(dtype=float) for name in judged.columns}
    tracks = judged.index.get_level_values("track")
    pairs = [two for two in combinations(columns, 2) if against is None or against in two]
    tests = [mcnemar(columns[one], columns[other]) for one, other in pairs]
    corrected = holm([test.p for test in tests])
    found = []
    for (one, other), test, p in zip(pairs, tests, corrected, strict=True):
        common = ~np.isnan(columns[one] + columns[other])
        differing = test.only_first + test.only_second
        effect = (test.only_first - test.only_second) / differing if differing else 0.0
        found.append(
            Comparison(
                first=one,
                second=other,
                songs=tracks[common].nunique(),
                difference=None,
                effect=effect if test.pairs else None,
                p=p,
                segments=test.pairs,
            )
        )
    return found
