"""The mean over randomly delayed copies of a song.

A. Défossez, N. Usunier, L. Bottou and F. Bach, "Music Source Separation in the Waveform Domain",
arXiv 1911.13254, section 4, where it is worth 0.3 dB of SDR. What a model says depends a little on
where its strides, and the segments that it is given, begin.
"""

from collections.abc import Callable, Iterator

import numpy as np

from mssbench.post_processing.stacks import Queue

Read = Callable[[int, int], np.ndarray]
"""From ``start`` and ``stop`` (samples) to that part of a mixture, (channels, samples)."""

BLOCK = 1 << 16
"""Samples that are averaged at once."""


def delays(count: int, max_shift: int, seed: int) -> list[int]:
    """Return ``count`` different random delays from 0 to below ``max_shift`` (samples)."""
    drawn = np.random.default_rng(seed).choice(max_shift, count, replace=False)
    return [int(delay) for delay in drawn]


def shift_averaged(
    separate: Callable[[Read, int], Iterator[np.ndarray]],
    read: Read,
    samples: int,
    shifts: list[int],
) -> Iterator[np.ndarray]:
    """Yield the mean of what is said of a mixture behind so many silences of different lengths.

    The delayed copies are separated side by side, so that memory grows with their number and not
    with the song.

    Args:
        separate: from a mixture that is read, and its length, to consecutive blocks of estimates
            (targets, channels, samples).
        read: gives a part of the mixture.
        samples: its length.
        shifts: the delays (samples), at least one.
    """
    queues = [Queue(separate(delayed(read, shift), samples + shift)) for shift in shifts]
    for queue, shift in zip(queues, shifts, strict=True):
        queue.take(shift)
    for start in range(0, samples, BLOCK):
        length = min(BLOCK, samples - start)
        said = np.stack([queue.take(length) for queue in queues])
        mean: np.ndarray = said.mean(axis=0, dtype=np.float64).astype(np.float32)
        yield mean


def delayed(read: Read, delay: int) -> Read:
    """Return what reads a signal behind ``delay`` samples of silence."""

    def read_delayed(start: int, stop: int) -> np.ndarray:
        audio = read(max(start - delay, 0), max(stop - delay, 0))
        return np.pad(audio, ((0, 0), (stop - start - audio.shape[-1], 0)))

    return read_delayed
