"""What the fused block of Conv-TasNet is given and is made of."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

TILE = 2**19
"""Values worked on at a time: 2 MiB as float32, about a second-level cache."""


class Weights(NamedTuple):
    """The parameters of a block: H channels between B of the input and O of the output."""

    expand: Tensor  # (H, B)
    expand_bias: Tensor | None
    slope1: Tensor  # (1,)
    gain1: Tensor  # (H,)
    bias1: Tensor  # (H,)
    taps: Tensor  # (H, P)
    taps_bias: Tensor | None
    slope2: Tensor
    gain2: Tensor
    bias2: Tensor
    output: Tensor  # (O, H)
    output_bias: Tensor | None


class Example(NamedTuple):
    """One example of a batch."""

    dilation: int
    frames: Tensor  # (frames, B), the input
    expanded: Tensor  # (frames, H), after the first PReLU
    convolved: Tensor  # (frames, H), after the second PReLU


def tiles(sequence: Tensor) -> Iterator[slice]:
    """Cut the frames of (frames, channels) so that a part has about `TILE` values."""
    frames, channels = sequence.shape
    step = max(1, TILE // channels)
    return (slice(first, min(first + step, frames)) for first in range(0, frames, step))


def overlaps(
    rows: slice, dilation: int, taps: int, frames: int
) -> Iterator[tuple[int, slice, slice, slice]]:
    """Yield what each tap of a centred filter does to the frames ``rows``.

    Yields:
        The tap; of ``rows``, counted from their first, those that it writes; the frames that it
        reads for them; and those of ``rows`` for which there is nothing to read.
    """
    for tap in range(taps):
        ahead = (tap - taps // 2) * dilation
        begin = min(max(rows.start, -ahead), rows.stop)
        end = max(min(rows.stop, frames - ahead), begin)
        without = (
            (0, begin - rows.start) if ahead < 0 else (end - rows.start, rows.stop - rows.start)
        )
        written = slice(begin - rows.start, end - rows.start)
        yield tap, written, slice(begin + ahead, end + ahead), slice(*without)


class Filter(NamedTuple):
    """A centred filter for each channel."""

    taps: Tensor  # (P, channels), which lie in memory in this order
    constant: Tensor  # (channels,), added to what is filtered
    dilation: int  # distance of the taps (frames)

    def apply(self, sequence: Tensor, rows: slice, out: Tensor) -> None:
        """Filter (frames, channels), with zeros around it; write the frames ``rows`` to ``out``."""
        count = len(self.taps)
        middle = count // 2
        torch.addcmul(self.constant, sequence[rows], self.taps[middle], out=out)
        for tap, written, read, _ in overlaps(rows, self.dilation, count, len(sequence)):
            if tap != middle and written.start < written.stop:
                out[written].addcmul_(sequence[read], self.taps[tap])
