"""What the estimates of a model are compared with: the mixture itself and an ideal mask."""

from collections.abc import Mapping
from functools import reduce

import numpy as np
from scipy.signal import istft, stft

from mssbench.models.base import Untrained


class Mixture(Untrained):
    """The mixture as the estimate of every target: what separating nothing scores.

    SiSEC 2018's MIX divides the mixture by the number of sources, so its scores differ.
    """

    targets = ("vocals", "accompaniment")

    def separate(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the mixture for both targets, (channels, samples)."""
        return dict.fromkeys(self.targets, np.asarray(mixture, dtype=np.float32))


class IdealRatioMask(Untrained):
    """Masks made from the true sources: about the best that masking magnitudes can reach.

    In each channel and bin of the short-time Fourier transform, source j takes the share
    |Y_j|^a / sum_k |Y_k|^a of the mixture X; the accompaniment is the sum of all sources but the
    vocals. Defined as IRM1 (a = 1) and IRM2 (a = 2) of SiSEC 2018 (Stöter, Liutkus and Ito,
    LVA/ICA 2018).

    Args:
        exponent: a, above 0.
        window: length of the Hann window (samples); half of it is the hop.

    Raises:
        ValueError: the exponent is not above 0.
    """

    targets = ("vocals", "accompaniment")
    needs_sources = True

    def __init__(self, exponent: float = 2.0, window: int = 2048) -> None:
        if not exponent > 0:
            raise ValueError(f"exponent is {exponent}; it must be above 0")
        self.exponent = exponent
        self.window = window

    def separate(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the estimates, each (channels, samples)."""
        # One channel at a time: spectrograms of a whole song are large.
        channels = [
            self._separate_channel(wave, {name: source[n] for name, source in sources.items()})
            for n, wave in enumerate(mixture)
        ]
        return {
            target: np.stack([channel[target] for channel in channels]) for target in self.targets
        }

    def _separate_channel(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the estimates for one channel's waveforms (samples,), each (samples,)."""
        others = (self._power(wave) for name, wave in sources.items() if name != "vocals")
        powers = {"vocals": self._power(sources["vocals"]), "accompaniment": reduce(np.add, others)}
        # The tiny term keeps a bin in which every source is silent from giving 0 / 0.
        total = powers["vocals"] + powers["accompaniment"] + float(np.finfo(np.float64).eps)
        spectrogram = self._transform(mixture)
        estimates = {}
        for target, power in powers.items():
            _, wave = istft(power / total * spectrogram, nperseg=self.window)
            estimates[target] = wave[: len(mixture)].astype(np.float32, copy=False)
        return estimates

    def _transform(self, wave: np.ndarray) -> np.ndarray:
        """Return the spectrogram (bins, frames) of a waveform (samples,)."""
        _, _, spectrogram = stft(wave, nperseg=self.window)
        return spectrogram

    def _power(self, wave: np.ndarray) -> np.ndarray:
        """Return |Y|^a (bins, frames) of a waveform (samples,)."""
        return np.abs(self._transform(wave)) ** self.exponent
