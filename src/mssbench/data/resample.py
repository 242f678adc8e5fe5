"""Downmix and band-limited resampling of whole songs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torchaudio.functional import resample as sinc_resample

from mssbench.data.song_array import CHANNEL_COUNTS, Channels
from mssbench.errors import UserError

# The "kaiser best" window of the resampy library in torchaudio's terms: 64 zero crossings a side;
# the pass band ends at 0.9 of the lower Nyquist frequency, aliases lie below -100 dB.
ZERO_CROSSINGS, ROLLOFF = 64, 0.9475937167399596
KAISER_BEST = {
    "resampling_method": "sinc_interp_kaiser",
    "lowpass_filter_width": ZERO_CROSSINGS,
    "rolloff": ROLLOFF,
    "beta": 14.769656459379492,
}

# The filter bank has one filter a phase; beyond this it outgrows the songs.
MAX_PHASES = 1000


def to_channels(audio: np.ndarray, channels: Channels) -> np.ndarray:
    """Bring ``audio`` of (channels, samples) to mono or stereo.

    Mono is the mean of all channels; stereo of a mono source is the same signal twice.

    Raises:
        UserError: stereo is asked of more than two channels.
    """
    if channels == "mono":
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
    # torchaudio rounds the length to float32; zeros beyond the end leave room to cut exactly.
    room = 16 * source // math.gcd(source, rate)
    with _one_thread(), torch.inference_mode():
        # One channel at a time: the convolution takes ten times the channel's memory.
        for channel in np.ndindex(audio.shape[:-1]):
            signal = torch.from_numpy(np.pad(audio[channel], (0, room)))
            resampled[channel] = sinc_resample(signal, source, rate, **KAISER_BEST)[:length].numpy()
    return resampled
