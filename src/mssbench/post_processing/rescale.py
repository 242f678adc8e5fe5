"""Estimates at the levels that make up their mixture best."""

from tempfile import SpooledTemporaryFile

import numpy as np

from mssbench.models.rescaling import LeastSquares
from mssbench.post_processing.stacks import Stacks

IN_MEMORY = 1 << 28
"""Bytes of a song that are kept in memory before a temporary file takes it."""


def rescaled(stacks: Stacks) -> Stacks:
    """Yield a song's estimates times their least-squares gains, as `LeastSquares` finds them.

    The gains need the whole song: it is kept until its end, a long one in a temporary file, so
    that memory does not grow with it.
    """
    sums, count = LeastSquares(), 0
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        for stack in stacks:
            sums.add(stack[0], stack[1:])
            np.save(file, stack)
            count += 1
        gains = sums.gains()[..., None]
        file.seek(0)
        for _ in range(count):
            stack = np.load(file)
            stack[1:] = gains * stack[1:]
            yield stack
