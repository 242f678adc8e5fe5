"""ADRess: separation by the gain at which one channel cancels a source in the other.

D. Barry, B. Lawlor and E. Coyle, "Sound Source Separation: Azimuth Discrimination and
Resynthesis", DAFx 2004, and "Real-time Sound Source Separation", AES 117, 2004.
"""

from typing import Literal

import numpy as np
import torch

from mssbench.models.peaks import highest_peaks
from mssbench.models.spatial import Labels, Spatial
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.models.targets import PAIR


class Adress(Spatial):
    """ADRess: for sources that are panned by level alone.

    In each bin the weaker channel is g times the stronger one; the azimuth is the one of the
    gains 0, 1 / beta, ... 1 where |weaker - g stronger| is smallest. From -beta, hard left, over
    0, the middle, to beta, hard right, the azimuths are 0 where g is 1: they are beta (1 - g) to
    the side of the stronger channel. Only this side is searched: in the other plane, which the
    paper searches too, every source of one side would leave a false peak in the middle. A user of
    the original picks azimuths by ear; here they are the peaks of the magnitude over azimuth.

    Args:
        targets: what to estimate.
        labels: how objects are named: see `Spatial`.
        J: objects; fewer are found where there are fewer peaks.
        azimuths: the objects' azimuths, from -beta to beta; None to find J of them.
        H: width of an object: azimuths up to H / 2 from its own are its bins.
        beta: steps from the middle to a side.
        n_fft: length of a frame (samples), Hann windows.
        hop: distance of two frames (samples).
        magnitude: of an object's bin in its stronger channel. ``range``: the greatest minus the
            smallest difference over the gains, as published, too small for sources half way to a
            side. ``dominant``: the stronger channel minus the smallest difference (D. FitzGerald's
            variant), right for a source alone. The weaker channel is g times as loud.

    Raises:
        ValueError: an azimuth is beyond beta.
    """

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = PAIR,
        labels: Labels = "centre",
        J: int = 4,
        azimuths: tuple[float, ...] | None = None,
        H: int = 20,
        beta: int = 100,
        n_fft: int = 4096,
        hop: int = 1024,
        magnitude: Literal["range", "dominant"] = "range",
    ) -> None:
        super().__init__(targets, labels)
        for azimuth in azimuths or ():
            if abs(azimuth) > beta:
                raise ValueError(f"azimuths has {azimuth}; it must be from {-beta} to {beta}")
        self.J, self.azimuths, self.H, self.beta = J, azimuths, H, beta
        self.n_fft, self.hop, self.magnitude = n_fft, hop, magnitude

    def objects(self, mixture: np.ndarray) -> np.ndarray:
        """Return the objects (at most J, 2, samples) of a mixture (2, samples)."""
        X = spectrogram(torch.from_numpy(mixture), self.n_fft, self.hop).numpy()
        place, images = self.resynthesis(X)
        azimuths = self.azimuths
        if azimuths is None:
            azimuths = self.peaks(place, np.abs(images).max(axis=0))
        found = np.empty((len(azimuths), *mixture.shape), np.float32)
        for j, azimuth in enumerate(azimuths):
            Y = np.where(np.abs(place - azimuth) <= self.H / 2, images, 0)
            found[j] = waveform(torch.from_numpy(Y), self.n_fft, self.hop, mixture.shape[-1])
        return found

    def resynthesis(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each bin's azimuth and what is resynthesised from it.

        Args:
            X: spectra (2, bins, frames).

        Returns:
            Azimuths (bins, frames), whole numbers, and spectra (2, bins, frames), in the phase of
            the stronger channel.
        """
        place = np.empty(X.shape[1:], np.int16)
        images = np.empty_like(X)
        # Planes over all gains would fill the memory. The squared difference is quadratic in g:
        # it is smallest at the gain nearest to its vertex and greatest at 0 or 1.
        for k, (left, right) in enumerate(X.swapaxes(0, 1)):
            leftwards = np.abs(left) > np.abs(right)
            strong, weak = np.where(leftwards, (left, right), (right, left))
            power = np.maximum(np.abs(strong) ** 2, np.finfo(np.float32).tiny)
            best = np.clip((weak * strong.conj()).real / power, 0, 1)
            steps = np.rint(best * self.beta)
            g = (steps / self.beta).astype(np.float32)
            smallest = np.abs(weak - g * strong)
            greatest = np.abs(strong)
            if self.magnitude == "range":
                greatest = np.maximum(np.abs(weak), np.abs(weak - strong))
            louder = (greatest - smallest) * strong / np.sqrt(power)
            place[k] = np.where(leftwards, -1, 1) * (self.beta - steps)
            images[:, k] = np.where(leftwards, (louder, g * louder), (g * louder, louder))
        return place, images

    def peaks(self, place: np.ndarray, magnitudes: np.ndarray) -> tuple[float, ...]:
        """Return the azimuths where most of the magnitude (bins, frames) lies, at most J."""
        histogram = np.bincount(
            place.ravel() + self.beta, weights=magnitudes.ravel(), minlength=2 * self.beta + 1
        )
        return tuple(
            float(peak - self.beta) for (peak,) in highest_peaks(histogram, self.J, self.H)
        )
