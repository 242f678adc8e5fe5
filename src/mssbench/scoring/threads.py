"""Work on parts of a song side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> list[R]:
    """Return what ``work`` makes of each item, in their order.

    What is made of an item must not hang on the others; then it does not hang on the number of
    threads either.

    Args:
        work: spends its time in NumPy and SciPy, which let other threads run.
        items: to work on.
        threads: how many work at once; 1 is this one alone.
    """
    if threads == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
