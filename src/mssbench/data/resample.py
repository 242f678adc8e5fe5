"""Downmix and band-limited resampling of whole songs."""

import math

import numpy as np

from mssbench.data.resampler import BETA, ROLLOFF, ZERO_CROSSINGS, Resampler
from mssbench.data.song_array import CHANNEL_COUNTS, Channels
from mssbench.errors import UserError

__all__ = [
    "BETA",
    "ROLLOFF",
    "ZERO_CROSSINGS",
    "check_rates",
    "resample",
    "resampled_length",
    "sinc",
    "to_channels",
]

# Beyond this many phases blocks that begin and end at both rates outgrow the cache.
MAX_PHASES = 1000


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
            f"{rate} Hz of {source} Hz needs filters of {phases} phases (allowed: {MAX_PHASES}); "
            "choose a rate with a larger common factor, such as 22050 or 16000"
        )


def resampled_length(samples: int, source: int, rate: int) -> int:
    """Return how many samples remain of ``samples`` when ``source`` Hz become ``rate`` Hz."""
    return -(-samples * rate // source)


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
    length = resampled_length(audio.shape[-1], source, rate)
    resampled = np.empty((*audio.shape[:-1], length), dtype=np.float32)
    for channel in np.ndindex(audio.shape[:-1]):
        resampler = Resampler(source, rate, resampled[channel])
        resampler.feed(audio[channel])
        resampler.finish()
    return resampled
