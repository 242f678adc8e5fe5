"""Loudness of an excerpt, by which estimates are brought to one level.

ITU-R BS.1770-4, Annex 1: K-weighting, mean squares of overlapping blocks and two gates. The
standard gives the filters' coefficients at 48 kHz alone; those of other rates come from the
analogue filters behind them, whose constants are libebur128's.
"""

import math

import numpy as np
from scipy.signal import lfilter

BLOCK, HOP = 0.4, 0.1  # seconds
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0  # LUFS, LU below the mean of what passes the first

Filter = tuple[list[float], list[float]]


def loudness(audio: np.ndarray, rate: int) -> float:
    """Return the integrated loudness of ``audio`` in LUFS, as two loudspeakers play it.

    A single channel counts twice, since both loudspeakers play it. What is shorter than a block is
    one block.

    Args:
        audio: (channels, samples) of one or two channels; full scale is 1.
        rate: sample rate (Hz), above 3.4 kHz.

    Returns:
        The loudness; minus infinity where every block is below -70 LUFS.
    """
    weighted = audio.astype(np.float64)
    for numerator, denominator in (shelf(rate), high_pass(rate)):
        weighted = lfilter(numerator, denominator, weighted, axis=-1)
    power = np.square(weighted).sum(axis=0) * (2 / len(audio))
    blocks = block_means(power, round(BLOCK * rate), round(HOP * rate))
    heard = blocks[level(blocks) > ABSOLUTE_GATE]
    if not heard.size:
        return -math.inf
    kept = heard[level(heard) > level(heard.mean()) + RELATIVE_GATE]
    return float(level(kept.mean()))


def level(power: np.ndarray) -> np.ndarray:
    """Return the loudness (LUFS) of K-weighted mean squares."""
    with np.errstate(divide="ignore"):
        loud: np.ndarray = -0.691 + 10 * np.log10(power)
    return loud


def block_means(power: np.ndarray, block: int, hop: int) -> np.ndarray:
    """Return the mean of each whole block of ``block`` samples, ``hop`` samples apart."""
    block = min(block, len(power))
    upto = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, len(power) - block + 1, hop)
    means: np.ndarray = np.maximum(upto[starts + block] - upto[starts], 0.0) / block
    return means


def shelf(rate: int) -> Filter:
    """Return the first filter, (numerator, denominator): the head's lift of high frequencies."""
    frequency, gain, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k, high = math.tan(math.pi * frequency / rate), 10 ** (gain / 20)
    band, k2, kq = high**0.4996667741545416, k * k, k / quality
    a0 = 1 + kq + k2
    numerator = [high + band * kq + k2, 2 * (k2 - high), high - band * kq + k2]
    return [b / a0 for b in numerator], [1.0, 2 * (k2 - 1) / a0, (1 - kq + k2) / a0]


def high_pass(rate: int) -> Filter:
    """Return the second filter, (numerator, denominator): the low-frequency curve."""
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * frequency / rate)
    a0 = 1 + k / quality + k * k
    return [1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]
