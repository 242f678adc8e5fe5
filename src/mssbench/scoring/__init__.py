"""Scores of estimates against references."""

from mssbench.scoring.arrays import score

__all__ = ["score"]
