"""Noise in a band of frequencies."""

import numpy as np
from scipy import fft


def band_noise(
    rng: np.random.Generator, samples: int, rate: int, low: float, high: float
) -> np.ndarray:
    """Return noise that fades by 18 dB/octave outside a band, as a Butterworth filter's does.

    Args:
        rng: decides the noise.
        samples: length of the result.
        rate: sample rate (Hz).
        low: lower edge (Hz); 0 for none.
        high: upper edge (Hz).

    Returns:
        (samples,) float32, with a root mean square of 1.
    """
    length = fft.next_fast_len(samples, real=True)
    frequency = np.maximum(fft.rfftfreq(length, 1 / rate), 1.0)
    shape = 1 / np.sqrt((1 + (low / frequency) ** 6) * (1 + (frequency / high) ** 6))
    random = rng.standard_normal((2, len(frequency)), dtype=np.float32)
    noise = fft.irfft((shape * (random[0] + 1j * random[1])).astype(np.complex64), length)[:samples]
    return noise / np.sqrt(np.mean(noise**2))
