"""Rows in the order of one value, the highest first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from mssbench.errors import UserError
from mssbench.report.aggregate import aggregate
from mssbench.report.config import Experiment


@dataclass(frozen=True)
class Ranking:
    """The value that ranks a table's experiments that are no bounds.

    Attributes:
        metric: of the score, in dB; the higher, the better.
        target: whose estimates are scored.
        aggregation: a name in `mssbench.report.aggregate.AGGREGATIONS`.
    """

    metric: str
    target: str
    aggregation: str

    def __str__(self) -> str:
        return f"{self.aggregation} of {self.metric} ({self.target})"


def ranked(
    experiments: Sequence[Experiment], scores: pd.DataFrame, by: Ranking
) -> tuple[list[Experiment], dict[str, int]]:
    """Put experiments in the order of their mean over seeds, the highest first.

    Equal values share a rank, and the next one counts them all (1, 2, 2, 4). Experiments without a
    value have no rank and come after those that have one; bounds come last, in their own order.

    Args:
        experiments: the rows of a table.
        scores: tidy score table of their runs.
        by: what ranks them.

    Returns:
        The experiments in their order, and the rank of each by its name.

    Raises:
        UserError: the metric, target or aggregation is unknown.
    """
    try:
        values = aggregate(scores, [by.target], [by.metric], [by.aggregation])
    except UserError as error:
        raise UserError(f"rank_by: {error}") from None
    found: Mapping[Any, float] = dict(zip(values["run"], values["value"], strict=True))
    means = {
        each.name: fmean(found.get(run, math.nan) for run in each.scored) for each in experiments
    }
    counted = {
        each.name: means[each.name]
        for each in experiments
        if each.kind != "bound" and not math.isnan(means[each.name])
    }
    ranks = {
        name: 1 + sum(other > value for other in counted.values())
        for name, value in counted.items()
    }
    behind = len(experiments) + 1
    order = sorted(
        experiments, key=lambda each: (each.kind == "bound", ranks.get(each.name, behind))
    )
    return order, ranks
