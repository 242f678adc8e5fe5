"""Gains that make scale-free estimates add up to their mixture."""

import numpy as np


class LeastSquares:
    """The gains g of estimates s that minimise ||mixture - sum of g s||^2, channel by channel.

    A network that was trained with a scale-invariant loss leaves the level of its estimates open;
    Meta-TasNet (Samuel, Ganeshan and Naradowsky, ICASSP 2020, released code) finds it so, for each
    audio channel of a whole song. The song may be given in pieces: the normal equations have as
    many unknowns as there are sources, however long it is.
    """

    def __init__(self) -> None:
        self._products = self._wanted = np.zeros(1)

    def add(self, mixture: np.ndarray, estimates: np.ndarray) -> None:
        """Add a piece of the song.

        Args:
            mixture: waveform (channels, samples).
            estimates: waveforms (sources, channels, samples).
        """
        sources = np.moveaxis(estimates, 0, 1).astype(np.float64)
        waves = np.asarray(mixture, dtype=np.float64)[..., None]
        self._products = self._products + sources @ np.swapaxes(sources, 1, 2)
        self._wanted = self._wanted + (sources @ waves)[..., 0]

    def gains(self) -> np.ndarray:
        """Return the gains (sources, channels), float64; at least one piece has been added.

        Of several solutions, as with a silent estimate, it is the one of the smallest gains.
        """
        solved = [
            np.linalg.lstsq(products, wanted, rcond=None)[0]
            for products, wanted in zip(self._products, self._wanted, strict=True)
        ]
        return np.stack(solved, axis=-1)


def least_squares_gains(mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Return the gains of a whole song's estimates, as `LeastSquares` finds them.

    Args:
        mixture: waveform (channels, samples).
        estimates: waveforms (sources, channels, samples).

    Returns:
        Gains (sources, channels), float64.
    """
    sums = LeastSquares()
    sums.add(mixture, estimates)
    return sums.gains()


def rescaled(mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Return the estimates times their `least_squares_gains`, in their own type.

    Args:
        mixture: waveform (channels, samples).
        estimates: waveforms (sources, channels, samples).
    """
    gains = least_squares_gains(mixture, estimates)[..., None]
    return (estimates * gains).astype(estimates.dtype)
