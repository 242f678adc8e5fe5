"""Songs in pieces: a mixture and its estimates side by side, from the beginning to the end.

A stack is float32 of (1 + estimates, channels, samples): the mixture, then its estimates. Each
post-processing takes the consecutive stacks of a song and yields others of the same total length.
"""

from collections.abc import Iterable, Iterator

import numpy as np

Stacks = Iterator[np.ndarray]


class Queue:
    """Consecutive blocks (..., samples) of a signal, taken in lengths of one's own.

    Args:
        blocks: at least one.
    """

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self._blocks = iter(blocks)
        self._held = next(self._blocks)

    def take(self, samples: int) -> np.ndarray:
        """Return the next samples: fewer at the signal's end, none behind it."""
        held, length = [self._held], self._held.shape[-1]
        while length < samples and (block := next(self._blocks, None)) is not None:
            held.append(block)
            length += block.shape[-1]
        joined = np.concatenate(held, axis=-1) if len(held) > 1 else held[0]
        self._held = joined[..., samples:]
        return joined[..., :samples]


def cut(blocks: Iterable[np.ndarray], length: int) -> Stacks:
    """Yield a signal in blocks of ``length`` samples; the last one may be shorter."""
    queue = Queue(blocks)
    while (block := queue.take(length)).shape[-1]:
        yield block


def windows(
    blocks: Iterable[np.ndarray], step: int, margin: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield overlapping parts of a signal, with zeros before its beginning and behind its end.

    Args:
        blocks: the signal.
        step: distance of two parts (samples).
        margin: what a part has more at either side (samples).

    Yields:
        A part (..., step + 2 * margin), and how many of the ``step`` samples in its middle are the
        signal's.
    """
    queue = Queue(blocks)
    held = queue.take(step + margin)
    still = [(0, 0)] * (held.ndim - 1)
    held = np.pad(held, [*still, (margin, 0)])
    while held.shape[-1] > margin:
        missing = step + 2 * margin - held.shape[-1]
        yield np.pad(held, [*still, (0, missing)]), min(step, held.shape[-1] - margin)
        held = np.concatenate((held[..., step:], queue.take(step)), axis=-1)
