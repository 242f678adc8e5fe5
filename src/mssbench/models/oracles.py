"""Separations made from the true sources: about the best that a kind of filter can reach.

Defined as in the oracles of SiSEC 2018 (F.-R. Stöter, A. Liutkus and N. Ito, "The 2018 Signal
Separation Evaluation Campaign", LVA/ICA 2018) and their released code. Y_j is the short-time
Fourier transform of source j, X the mixture's; the accompaniment is the sum of the estimates of
all sources but the vocals.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy.signal import istft, stft

from mssbench.models.base import Untrained, Variant
from mssbench.models.targets import FIVE, PAIR, members

EPS = float(np.finfo(np.float64).eps)
"""Keeps bins in which every source is silent from giving 0 / 0."""

DIFFUSE = 1e-8
"""Share of a source's power that comes from everywhere: makes covariances invertible."""


class Oracle(Untrained):
    """What the oracles share: targets and the short-time Fourier transform.

    Args:
        targets: sources of the song, or ``accompaniment``.
        window: length of the Hann window (samples); half of it is the hop.
    """

    needs_sources = True
    domain = "spectrogram"

    def __init__(self, targets: tuple[str, ...], window: int) -> None:
        self.targets = targets
        self.window = window

    def _transform(self, waves: np.ndarray) -> np.ndarray:
        """Return spectra (..., bins, frames) of waveforms (..., samples)."""
        _, _, spectra = stft(waves, nperseg=self.window)
        return spectra

    def _invert(self, spectra: np.ndarray, samples: int) -> np.ndarray:
        """Return waveforms (..., samples), float32, of spectra (..., bins, frames)."""
        _, waves = istft(spectra, nperseg=self.window)
        return waves[..., :samples].astype(np.float32, copy=False)


class IdealMask(Oracle):
    """A mask for each source, channel and bin, made from |Y_j|^a and |X|^a.

    Args:
        targets: sources of the song, or ``accompaniment``.
        exponent: a, above 0: 1 for magnitudes, 2 for powers.
        window: length of the Hann window (samples); half of it is the hop.

    Raises:
        ValueError: the exponent is not above 0.
    """

    def __init__(self, targets: tuple[str, ...], exponent: float, window: int) -> None:
        super().__init__(targets, window)
        if not exponent > 0:
            raise ValueError(f"exponent is {exponent}; it must be above 0")
        self.exponent = exponent

    @abstractmethod
    def masks(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return a mask for each source.

        Args:
            mixture: |X|^a (bins, frames).
            sources: source -> |Y_j|^a (bins, frames).
        """

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
        X = self._transform(mixture)
        a = self.exponent
        powers = {name: np.abs(self._transform(wave)) ** a for name, wave in sources.items()}
        masks = self.masks(np.abs(X) ** a, powers)
        return {
            target: self._invert(
                sum(masks[name] for name in members(target, masks)) * X, len(mixture)
            )
            for target in self.targets
        }


class IdealRatioMask(IdealMask):
    """IRM1 (a = 1) and IRM2 (a = 2): source j takes the share |Y_j|^a / sum_k |Y_k|^a.

    Args:
        exponent: a, above 0.
        window: length of the Hann window (samples); half of it is the hop.
        targets: sources of the song, or ``accompaniment``.

    Raises:
        ValueError: the exponent is not above 0.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "IRM1": Variant({"exponent": 1.0}),
        "IRM2": Variant({"exponent": 2.0}),
    }

    def __init__(
        self, *, exponent: float = 2.0, window: int = 2048, targets: tuple[str, ...] = PAIR
    ) -> None:
        super().__init__(targets, exponent, window)

    def masks(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the shares; in each bin they sum to 1, or to 0 where all sources are silent."""
        total = sum(sources.values()) + EPS
        return {name: power / total for name, power in sources.items()}


class IdealBinaryMask(IdealMask):
    """IBM1 (a = 1) and IBM2 (a = 2): source j takes the bins where |Y_j|^a / |X|^a >= theta.

    A bin may go to no source or to several, as sources cancel or hide each other; so the
    accompaniment, the sum of the others, may hold a bin twice, as in the released code.

    Args:
        exponent: a, above 0.
        theta: threshold.
        window: length of the Hann window (samples); half of it is the hop.
        targets: sources of the song, or ``accompaniment``.

    Raises:
        ValueError: the exponent is not above 0.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "IBM1": Variant({"exponent": 1.0}),
        "IBM2": Variant({"exponent": 2.0}),
    }

    def __init__(
        self,
        *,
        exponent: float = 1.0,
        theta: float = 0.5,
        window: int = 2048,
        targets: tuple[str, ...] = FIVE,
    ) -> None:
        super().__init__(targets, exponent, window)
        self.theta = theta

    def masks(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return masks of 0 and 1."""
        return {
            name: (power / (mixture + EPS) >= self.theta).astype(np.float32)
            for name, power in sources.items()
        }


class MultichannelWiener(Oracle):
    """MWF: the filter of the local Gaussian model, which uses all channels together.

    Source j has the power P_j(f, t) and the spatial covariance R_j(f), both made from the truth;
    see `wiener_images`. With one channel it is the ideal ratio mask of powers.

    Args:
        window: length of the Hann window (samples); half of it is the hop.
        targets: sources of the song, or ``accompaniment``.
    """

    def __init__(self, *, window: int = 2048, targets: tuple[str, ...] = FIVE) -> None:
        super().__init__(targets, window)

    def separate(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the estimates, each (channels, samples); one or two channels.

        The spectra of all sources are held at once: about 0.9 GB for four minutes of stereo at
        44.1 kHz.
        """
        X = self._transform(mixture)
        spectra = np.stack([self._transform(source) for source in sources.values()])
        for f in range(X.shape[-2]):
            spectra[:, :, f] = wiener_images(X[:, f], spectra[:, :, f])
        images = dict(zip(sources, spectra, strict=True))
        return {
            target: self._invert(
                sum(images[name] for name in members(target, images)), mixture.shape[-1]
            )
            for target in self.targets
        }


def wiener_images(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the estimates of the multichannel Wiener filter in one frequency bin.

    P_j is first the mean of |Y_j|^2 over the I channels. R_j is the mean of Y_j Y_j^H / P_j over
    time, scaled to a trace of I. Then P_j is refined to trace(R_j^-1 Y_j Y_j^H) / I, and source j
    is P_j R_j (sum_k P_k R_k)^-1 X.

    The released code adds 2e-16 to every determinant where this one adds ``DIFFUSE`` to R_j. In
    loud bins of ordinary stereo both give the same; but the released code mutes very quiet bins,
    and sources that are at a single place, as in pan-delay images.

    Args:
        X: the mixture, complex (I, frames), I at most 2.
        Y: the true sources, complex (sources, I, frames).

    Returns:
        Complex (sources, I, frames).
    """
    X, Y = X.astype(np.complex128), Y.astype(np.complex128)
    I = len(X)  # noqa: E741 (the paper's letter)
    products = np.einsum("jit,jkt->jtik", Y, Y.conj())
    P = np.mean(np.abs(Y) ** 2, axis=1)
    R = np.mean(products / (P + EPS)[..., None, None], axis=1)
    trace = np.trace(R, axis1=-2, axis2=-1).real[:, None, None]
    R = R * I / np.maximum(trace, EPS) + DIFFUSE * np.eye(I)
    P = np.einsum("jik,jtki->jt", inverse(R), products).real / I
    covariances = P[..., None, None] * R[:, None]
    filters = covariances @ inverse(covariances.sum(axis=0))
    return np.einsum("jtik,kt->jit", filters, X)


def inverse(matrices: np.ndarray) -> np.ndarray:
    """Return the inverse of matrices (..., 1, 1) or (..., 2, 2); 0 for those that are 0."""
    if matrices.shape[-1] == 1:
        adjugates, determinants = np.ones_like(matrices), matrices[..., 0, 0]
    else:
        (a, b), (c, d) = np.moveaxis(matrices, (-2, -1), (0, 1))
        adjugates = np.moveaxis(np.array([[d, -b], [-c, a]]), (0, 1), (-2, -1))
        determinants = a * d - b * c
    safe = np.where(determinants == 0, np.inf, determinants)
    return adjugates / safe[..., None, None]
