"""Lengths of signals at another tempo."""

from collections.abc import Sequence
from fractions import Fraction


def stretched_length(samples: int, factor: float) -> int:
    """Return the number of samples that ``samples`` have at ``factor`` times the tempo."""
    return round(samples / factor)


def exact(factor: float) -> Fraction:
    """Return a factor as it is written: 1.15 is 23/20."""
    return Fraction(str(factor))


def longest_reach(factors: Sequence[float]) -> Fraction:
    """Return how many times as long as a stretched piece its original is at most, 1 or more."""
    return max(Fraction(1), *map(exact, factors))
