"""DUET: separation by the level and the delay between two channels, bin by bin.

Ö. Yilmaz and S. Rickard, "Blind Separation of Speech Mixtures via Time-Frequency Masking", IEEE
TSP 52(7), 2004, and S. Rickard, "The DUET Blind Source Separation Algorithm", 2007.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from mssbench.models.peaks import highest_peaks
from mssbench.models.spatial import Labels, Spatial
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.models.targets import PAIR

BLOCK = 2048
"""Frames that are worked on at once."""

EPS = 1e-12


class Duet(Spatial):
    """DUET: each bin goes to one of J objects, the peaks of a histogram of level and delay.

    From the ratio R = X2 / X1 of the channels' spectra each bin tells the symmetric attenuation
    |R| - 1 / |R| and the delay of the right channel, -angle(R) / omega (samples). Peaks of their
    histogram are the objects, and each bin goes to the object whose level and delay explain it
    best. Delays are unique where |omega * delay| < pi: the channels must be less than a sample
    apart for that to hold at every frequency.

    Args:
        targets: what to estimate.
        labels: how objects are named: see `Spatial`.
        J: objects; fewer are found where the histogram has fewer peaks.
        n_fft: length of a frame (samples), Hann windows.
        hop: distance of two frames (samples).
        p: the histogram's weights are (|X1| |X2|)^p omega^q.
        q: see p; 0 and p = 1, or p = 2 with q = 0 or 2, which pull the peaks less to one side.
        max_attenuation: bins beyond this symmetric attenuation are not counted; 3 is a level
            ratio of 3.3, a pan of 17 degrees from a side. Harder panned sources need more.
        max_delay: bins beyond this delay (samples) are not counted.
        attenuation_bins: of the histogram.
        delay_bins: of the histogram; odd numbers have a bin around 0.
        distance: of two peaks, at least (bins).
        estimate: ``mask``: the mixture's bins. ``ml``: the most likely source behind both
            channels, put back to its place.

    Raises:
        ValueError: a range is not above 0.
    """

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = PAIR,
        labels: Labels = "centre",
        J: int = 4,
        n_fft: int = 1024,
        hop: int = 256,
        p: float = 1.0,
        q: float = 0.0,
        max_attenuation: float = 3.0,
        max_delay: float = 3.0,
        attenuation_bins: int = 35,
        delay_bins: int = 51,
        distance: int = 5,
        estimate: Literal["mask", "ml"] = "mask",
    ) -> None:
        super().__init__(targets, labels)
        for name, value in {"max_attenuation": max_attenuation, "max_delay": max_delay}.items():
            if not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0")
        self.J, self.n_fft, self.hop, self.p, self.q = J, n_fft, hop, p, q
        self.limits = (max_attenuation, max_delay)
        self.bins = (attenuation_bins, delay_bins)
        self.distance, self.estimate = distance, estimate
        self.omega = 2 * np.pi * np.arange(n_fft // 2 + 1, dtype=np.float32)[:, None] / n_fft

    def objects(self, mixture: np.ndarray) -> np.ndarray:
        """Return the objects (at most J, 2, samples) of a mixture (2, samples)."""
        X = spectrogram(torch.from_numpy(mixture), self.n_fft, self.hop).numpy()
        places = self.places(self.histogram(X))
        owners = self.owners(X, places)
        found = np.empty((len(places), *mixture.shape), np.float32)
        for j, place in enumerate(places):
            Y = np.where(owners == j, X, 0)
            if self.estimate == "ml":
                Y = self._most_likely(Y, *place)
            found[j] = waveform(torch.from_numpy(Y), self.n_fft, self.hop, mixture.shape[-1])
        return found

    def histogram(self, X: np.ndarray) -> np.ndarray:
        """Return the histogram (attenuations, delays) of spectra (2, bins, frames), as counted."""
        total = np.zeros(self.bins)
        omega = self.omega[1:]
        ranges = [(-limit, limit) for limit in self.limits]
        for frames in _blocks(X):
            # Without the constant part, which has no delay.
            left, right = X[:, 1:, frames]
            product = np.abs(left) * np.abs(right)
            heard = product > EPS
            ratio = right[heard] / left[heard]
            level = np.abs(ratio)
            delay = -np.angle(ratio) / np.broadcast_to(omega, heard.shape)[heard]
            weights = (product**self.p * omega**self.q)[heard]
            total += np.histogram2d(
                level - 1 / level, delay, bins=self.bins, range=ranges, weights=weights
            )[0]
        return total

    def places(self, histogram: np.ndarray) -> list[tuple[float, float]]:
        """Return the level ratio and the delay (samples) of each peak of a histogram."""
        smooth = uniform_filter(histogram, 3, mode="constant")
        places = []
        for peak in highest_peaks(smooth, self.J, self.distance):
            # The middle of the bin.
            attenuation, delay = (
                limit * ((2 * n + 1) / bins - 1)
                for n, limit, bins in zip(peak, self.limits, self.bins, strict=True)
            )
            places.append(((attenuation + np.sqrt(attenuation**2 + 4)) / 2, delay))
        return places

    def owners(self, X: np.ndarray, places: list[tuple[float, float]]) -> np.ndarray:
        """Return which place explains each bin best, (bins, frames)."""
        owners = np.zeros(X.shape[1:], np.int16)
        for frames in _blocks(X):
            left, right = X[:, :, frames]
            errors = [
                np.abs(level * np.exp(-1j * delay * self.omega) * left - right) ** 2
                / (1 + level**2)
                for level, delay in places
            ]
            if errors:
                owners[:, frames] = np.argmin(errors, axis=0)
        return owners

    def _most_likely(self, Y: np.ndarray, level: float, delay: float) -> np.ndarray:
        """Return the image of the source that is most likely behind both channels of Y."""
        gain = (level * np.exp(-1j * delay * self.omega)).astype(np.complex64)
        source = (Y[0] + gain.conj() * Y[1]) / np.float32(1 + level**2)
        return np.stack((source, gain * source))


def _blocks(X: np.ndarray) -> Iterator[slice]:
    """Yield slices of the frames of X (2, bins, frames)."""
    for start in range(0, X.shape[-1], BLOCK):
        yield slice(start, start + BLOCK)
