"""Correction of p-values for the number of tests."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected by Holm's step-down procedure.

    Holm, Scandinavian Journal of Statistics 6(2), 1979: of m tests, the smallest p is multiplied
    by m, the next by m - 1 and so on; none falls below one before it, and none exceeds 1. Those
    at most a are then all that are wrongly found in no more than a share a of such families.

    Args:
        p_values: one a test; None where none was made, which counts as no test.

    Raises:
        ValueError: a value is no probability.
    """
    made = [p for p in p_values if p is not None]
    if not all(0 <= p <= 1 for p in made):
        raise ValueError("p-values lie from 0 to 1")
    found = np.asarray(made, dtype=float)
    order = np.argsort(found, kind="stable")
    factors = len(found) - np.arange(len(found))
    corrected = np.empty_like(found)
    corrected[order] = np.minimum(np.maximum.accumulate(found[order] * factors), 1.0)
    rest = iter(corrected.tolist())
    return [None if p is None else next(rest) for p in p_values]
