"""Downmix and band-limited resampling of whole songs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from mssbench.data.song_array import CHANNEL_COUNTS, Channels
from mssbench.errors import UserError

# The "kaiser best" window of the resampy library: this many zero crossings a side, the -6 dB point
# as a share of the lower Nyquist frequency, and the window's shape. The pass band ends at 0.9 of
# that frequency, aliases lie below -100 dB.
ZERO_CROSSINGS = 64
ROLLOFF = 0.9475937167399596
BETA = 14.769656459379492

# The filter bank has one filter a phase; beyond this it outgrows the songs.
MAX_PHASES = 1000

# A row of the product that filters makes at least so many samples, and a block of rows is so large
# (values) that it stays in the processor's cache.
SAMPLES_A_ROW = 64
BLOCK = 1 << 18


def to_channels(audio: np.ndarray, channels: Channels) -> np.ndarray:
    """Bring ``audio`` of (channels, samples) to mono or stereo.

    Mono is the mean of all channels; stereo of a mono source is the same signal twice.

    Raises:
        UserError: stereo is asked of more than two channels.
    """
    if channels == "mono":
        if len(audio) == 1:
            return audio
        return audio.mean(axis=0, keepdims=True, dtype=audio.dtype)
    if len(audio) > CHANNEL_COUNTS["stereo"]:
        raise UserError(f"no rule makes stereo of {len(audio)} channels; prepare mono instead")
    return np.broadcast_to(audio, (CHANNEL_COUNTS["stereo"], audio.shape[-1]))


def check_rates(source: int, rate: int) -> None:
    """Check that ``rate`` (Hz) can be made of ``source`` (Hz).

    Raises:
        UserError: ``rate`` is not positive, above ``source`` or without a useful common factor.
    """
    if rate > source or rate < 1:
        raise UserError(
            f"{rate} Hz is a sample rate that no rendition can give: the source has {source} Hz, "
            f"and upsampling adds nothing; choose a rate from 1 to {source}"
        )
    phases = rate // math.gcd(source, rate)
    if phases > MAX_PHASES:
        raise UserError(
            f"{rate} Hz of {source} Hz needs a bank of {phases} filters (allowed: {MAX_PHASES}); "
            "choose a rate with a larger common factor, such as 22050 or 16000"
        )


def resampled_length(samples: int, source: int, rate: int) -> int:
    """Return how many samples remain of ``samples`` when ``source`` Hz become ``rate`` Hz."""
    return -(-samples * rate // source)


@contextmanager
def _one_thread() -> Iterator[None]:
    # Songs run in parallel processes; and sums of a fixed order give the same bits each time.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def filter_bank(source: int, rate: int) -> tuple[np.ndarray, int]:
    """Return the Kaiser-windowed sinc filters that make ``rate`` samples of ``source`` samples.

    Returns:
        Float32 of (taps, rate): column k makes the k-th sample of a row. And how many samples
        before the row's first its taps begin; they end as many behind its last.
    """
    cutoff = ROLLOFF * min(1.0, rate / source)
    before = math.ceil(ZERO_CROSSINGS / cutoff)
    taps, made = np.arange(-before, source + before), np.arange(rate) * (source / rate)
    crossings = np.clip(cutoff * (taps[:, None] - made), -ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = np.i0(BETA * np.sqrt(1 - (crossings / ZERO_CROSSINGS) ** 2)) / np.i0(BETA)
    # Rounding leaves no exact zero at the ends, where silence must remain silent.
    window[np.abs(crossings) == ZERO_CROSSINGS] = 0
    return (cutoff * np.sinc(crossings) * window).astype(np.float32), before


def resample(audio: np.ndarray, source: int, rate: int) -> np.ndarray:
    """Resample ``audio``, float32 of (..., samples), from ``source`` to ``rate`` (Hz).

    The whole signal is filtered at once by a Kaiser-windowed sinc ("kaiser best"), so that no
    seam of chunks is heard. At equal rates the samples are returned as they are.

    Returns:
        float32 of (..., ceil(samples * rate / source)).

    Raises:
        UserError: see ``check_rates``.
    """
    check_rates(source, rate)
    return audio if rate == source else sinc(audio, source, rate)


def sinc(audio: np.ndarray, source: int, rate: int) -> np.ndarray:
    """Do what `resample` does between any two rates (Hz), to a higher one too."""
    common = math.gcd(source, rate)
    repeated = -(-SAMPLES_A_ROW * common // rate)
    step, made = repeated * source // common, repeated * rate // common
    filters, before = filter_bank(step, made)
    length = resampled_length(audio.shape[-1], source, rate)
    rows = -(-length // made)
    resampled = np.empty((*audio.shape[:-1], rows * made), dtype=np.float32)
    with _one_thread(), torch.inference_mode():
        # One channel at a time: more would take more memory and no less time.
        for channel in np.ndindex(audio.shape[:-1]):
            signal = np.zeros((rows - 1) * step + len(filters), dtype=np.float32)
            heard = audio[channel][: len(signal) - before]
            signal[before : before + len(heard)] = heard
            _multiply(
                torch.from_numpy(signal).unfold(0, len(filters), step),
                torch.from_numpy(filters),
                torch.from_numpy(resampled[channel]).view(rows, made),
            )
    return resampled[..., :length]


def _multiply(rows: torch.Tensor, filters: torch.Tensor, product: torch.Tensor) -> None:
    """Write the product of ``rows``, which overlap, with ``filters`` to ``product``."""
    height = max(1, BLOCK // len(filters))
    for first in range(0, len(rows), height):
        block = slice(first, first + height)
        torch.mm(rows[block], filters, out=product[block])
