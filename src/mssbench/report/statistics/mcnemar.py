"""The test of two yes-or-no judgements of the same things."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest


@dataclass(frozen=True)
class McNemarTest:
    """What McNemar's test found.

    Attributes:
        pairs: how many things both have judged.
        left_out: how many lack a judgement of either.
        only_first: pairs of which only the first is yes.
        only_second: pairs of which only the second is yes.
        p: two-sided; 1 where no pair differs, None without pairs.
    """

    pairs: int
    left_out: int
    only_first: int
    only_second: int
    p: float | None


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemarTest:
    """Test whether two detectors are right equally often.

    McNemar, Psychometrika 12(2), 1947, in its exact form: of the pairs that differ, either kind
    is as likely, so their number is binomial. Windows of one song are no independent pairs; over
    them p is too small.

    Args:
        first: (pairs,), 1 or true where the first detector was right, 0 or false where not, NaN
            where there is nothing to judge.
        second: likewise of the second, in the same order.

    Raises:
        ValueError: the shapes differ, or a value is neither 0 nor 1.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(
            f"judgements of the same things are needed, not {one.shape}, {other.shape}"
        )
    both = ~(np.isnan(one) | np.isnan(other))
    one, other = one[both], other[both]
    if not np.isin([*one, *other], (0, 1)).all():
        raise ValueError("a judgement is 0 or 1, or NaN where there is none")
    only_first, only_second = int((one > other).sum()), int((one < other).sum())
    differing = only_first + only_second
    p = float(binomtest(only_first, differing).pvalue) if differing else 1.0
    left_out = len(both) - len(one)
    return McNemarTest(len(one), left_out, only_first, only_second, p if len(one) else None)
