"""Memory for batches, used again once a batch is gone."""

import sys
from collections import deque

import numpy as np

# Batches that are held at once: those read ahead, the one in use and the one before it.
KEPT = 5

# References to an array that only `Rooms.take` knows: its own variable and the call's argument.
UNUSED = 2


class Rooms:
    """Hands out float32 arrays of one shape, whose memory nobody looks at any more.

    Where the system gives new memory, it clears it first, which takes longer than filling it.
    Several threads may ask.

    Args:
        shape: of an array but for its first axis.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._given: deque[np.ndarray] = deque(maxlen=KEPT)

    def take(self, count: int) -> np.ndarray:
        """Return memory for ``count`` rows, with anything in it; `keep` it once it is in use."""
        for _ in range(len(self._given)):
            try:
                room = self._given.popleft()
            except IndexError:  # another thread has it
                break
            if len(room) == count and sys.getrefcount(room) == UNUSED:
                return room
            self._given.append(room)
            del room
        return np.empty((count, *self._shape), dtype=np.float32)

    def keep(self, room: np.ndarray) -> None:
        """Use the memory again as soon as no tensor or array that was made of it is left."""
        self._given.append(room)
