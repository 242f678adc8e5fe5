"""Gains that make scale-free estimates add up to their mixture."""

import numpy as np


def least_squares_gains(mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Return the gains g of the estimates s that minimise ||mixture - sum of g s||^2.

    A network that was trained with a scale-invariant loss leaves the level of its estimates open;
    Meta-TasNet (Samuel, Ganeshan and Naradowsky, ICASSP 2020, released code) finds it so, for each
    audio channel of a whole song. Of several solutions, as with a silent estimate, the one of the
    smallest gains is returned.

    Args:
        mixture: waveform (channels, samples).
        estimates: waveforms (sources, channels, samples).

    Returns:
        Gains (sources, channels), float64.
    """
    gains = np.empty(estimates.shape[:2])
    for channel, wave in enumerate(np.asarray(mixture, dtype=np.float64)):
        sources = estimates[:, channel].astype(np.float64)
        # The normal equations have as many unknowns as sources, however long the song.
        gains[:, channel] = np.linalg.lstsq(sources @ sources.T, sources @ wave, rcond=None)[0]
    return gains


def rescaled(mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Return the estimates times their `least_squares_gains`, in their own type.

    Args:
        mixture: waveform (channels, samples).
        estimates: waveforms (sources, channels, samples).
    """
    gains = least_squares_gains(mixture, estimates)[..., None]
    return (estimates * gains).astype(estimates.dtype)
