"""Which estimates of a song BSSEval scores together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

PAIR = ("vocals", "accompaniment")
"""Two targets that make up a mixture with singing."""


@dataclass(frozen=True)
class Problem:
    """Sources that BSSEval scores together: what is of one in another's estimate is interference.

    Attributes:
        sources: all of them.
        reported: those whose scores are kept.
    """

    sources: tuple[str, ...]
    reported: tuple[str, ...]


def problems(sources: Sequence[str], estimated: Collection[str]) -> tuple[Problem, ...]:
    """Return the problems that a song's estimates make up, as museval poses them.

    Vocals and accompaniment are one problem of two sources. The sources themselves are another
    one, if two of them or more are estimated; it gives no scores of vocals where the first does
    (F.-R. Stöter, A. Liutkus and N. Ito, LVA/ICA 2018; museval's ``eval_mus_track``).

    Args:
        sources: what the songs are made of.
        estimated: the targets that there are estimates of.
    """
    found = []
    if set(PAIR) <= set(estimated) and "vocals" in sources:
        found.append(Problem(PAIR, PAIR))
    given = tuple(source for source in sources if source in estimated)
    reported = tuple(source for source in given if not (found and source in PAIR))
    if len(given) > 1 and reported:
        found.append(Problem(given, reported))
    return tuple(found)


def targets(posed: Sequence[Problem]) -> tuple[str, ...]:
    """Return the targets that get scores."""
    return tuple(target for problem in posed for target in problem.reported)
