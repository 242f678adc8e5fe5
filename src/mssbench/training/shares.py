"""Which examples of a batch are whose, where several processes train together."""

from collections.abc import Callable

Part = Callable[[int], tuple[int, int]]
"""From a batch's number to a rank and how many ranks share the batch."""


def all_of(n: int) -> tuple[int, int]:
    """Ask for all of batch ``n``, as one process alone does."""
    return 0, 1


def share_of(count: int, rank: int, ranks: int) -> slice:
    """Return which of ``count`` examples in a row are a rank's; shares differ by one at most."""
    return slice(count * rank // ranks, count * (rank + 1) // ranks)
