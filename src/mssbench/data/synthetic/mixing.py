"""The studio: placing tracks in stereo, reverberation, gating, levels and the final mix."""

from functools import reduce

import numpy as np
from scipy import fft

from mssbench.data.synthetic.noise import band_noise

FULL_SCALE = 32768  # of 16-bit samples


def pan(track: np.ndarray, position: float) -> np.ndarray:
    """Place a track with constant power.

    Args:
        track: (samples,).
        position: -1 is left, 0 the middle, 1 right.

    Returns:
        (2, samples).
    """
    angle = np.pi / 4 * (1 + position)
    gains = np.array([np.cos(angle), np.sin(angle)], dtype=track.dtype)
    return gains[:, None] * track


def impulse_response(rng: np.random.Generator, seconds: float, rate: int) -> np.ndarray:
    """Invent a room: noise that decays, the high frequencies sooner.

    Args:
        rng: decides the noise and the delay of the first reflections.
        seconds: time to fall by 60 dB; the response ends at -40 dB.
        rate: sample rate (Hz).

    Returns:
        (2, samples) float32 of energy 1 a channel, the channels independent.
    """
    samples = round(seconds * rate * 40 / 60)
    time = np.arange(samples) / rate
    decay = 10 ** (-3 * time / seconds)
    dark = np.stack([band_noise(rng, samples, rate, 0, 2500) for _ in range(2)])
    response = decay * dark + decay**2.5 * rng.standard_normal((2, samples))
    response /= np.sqrt(np.sum(response**2, axis=1, keepdims=True))
    delay = round(rng.uniform(0.005, 0.03) * rate)
    return np.pad(response, ((0, 0), (delay, 0))).astype(np.float32)


def reverberate(track: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return the sound of a room.

    Args:
        track: (samples,) float32.
        response: of the room, (2, taps) float32.

    Returns:
        (2, samples) float32: the convolution, cut to the track's length.
    """
    taps = response.shape[1]
    # Overlap-add in blocks that a cache holds takes half the time of one long transform.
    size = fft.next_fast_len(min(len(track) + taps, 4 * taps), real=True)
    hop = size - taps + 1
    spectrum = fft.rfft(response, size)
    room = np.zeros((2, len(track) + size), dtype=np.float32)
    for first in range(0, len(track), hop):
        block = track[first : first + hop]
        if block.any():
            room[:, first : first + size] += fft.irfft(fft.rfft(block, size) * spectrum, size)
    return room[:, : len(track)]


def gate(
    spans: list[tuple[float, float]], samples: int, rate: int, fade_in: float, fade_out: float
) -> np.ndarray:
    """Return a gain that is 1 in ``spans`` and exactly 0 away from them.

    Args:
        spans: start and end (s).
        samples: length of the result.
        rate: sample rate (Hz).
        fade_in: before a span (s).
        fade_out: behind a span (s).

    Returns:
        (samples,) float32.
    """
    gain = np.zeros(samples, dtype=np.float32)
    for start, end in spans:
        first = max(0, round((start - fade_in) * rate))
        last = min(samples, round((end + fade_out) * rate))
        time = np.arange(first, last) / rate
        shape = np.interp(time, [start - fade_in, start, end, end + fade_out], [0.0, 1.0, 1.0, 0.0])
        gain[first:last] = np.maximum(gain[first:last], shape)
    return gain


def root_mean_square(audio: np.ndarray) -> float:
    """Return the root mean square over all channels and samples."""
    return float(np.sqrt(np.einsum("cs,cs->", audio, audio) / audio.size))


def decibels(value: float) -> float:
    """Return the factor of amplitude for ``value`` in dB."""
    return float(10 ** (value / 20))


def quantised_mix(sources: dict[str, np.ndarray], peak: float) -> dict[str, np.ndarray]:
    """Scale the sources, quantise them to 16 bits and add them up.

    Args:
        sources: each float32 of (2, samples); they are overwritten.
        peak: of the loudest of mixture and sources, in (0, 1).

    Returns:
        ``mixture`` and the sources, int16 of (2, samples). The mixture is their exact sum.
    """
    tracks = [reduce(np.add, sources.values()), *sources.values()]
    loudest = max(max(track.max(), -track.min()) for track in tracks)
    gain = np.float32(peak * FULL_SCALE / loudest)
    quantised = {}
    for name, track in sources.items():
        scaled = np.multiply(track, gain, out=track)
        quantised[name] = np.rint(scaled, out=scaled).astype(np.int16)
    return {"mixture": reduce(np.add, quantised.values()), **quantised}
