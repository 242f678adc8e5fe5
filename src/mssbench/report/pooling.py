"""The scores of a cross-validation: those of all folds as if one run had made them."""

from collections.abc import Sequence

import pandas as pd

from mssbench.errors import UserError
from mssbench.report.config import Experiment


def pooled(scores: pd.DataFrame, experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return the scores of experiments by the names in ``Experiment.scored``.

    Args:
        scores: tidy score table of their runs.
        experiments: the rows of a table or figure.

    Raises:
        UserError: a song was held out by two folds, so that it would count twice.
    """
    rows = [row for each in experiments for row in each.rows]
    pools: dict[str, list[str]] = {}
    for row in rows:
        if row.pool:
            pools.setdefault(row.pool, []).append(row.id)
    if not pools:
        return scores
    parts = [scores[scores["run"].isin([row.id for row in rows if not row.pool])]]
    for pool, runs in pools.items():
        part = scores[scores["run"].isin(runs)]
        models = part.groupby("track", observed=True)["run"].nunique()
        if (models > 1).any():
            raise UserError(
                f"--scores: {models.idxmax()!r} is held out by {models.max()} folds of {pool}; "
                "separate and score the songs again, with one split"
            )
        parts.append(part.assign(run=pool))
    return pd.concat(parts, ignore_index=True)
