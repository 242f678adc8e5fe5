"""Energies of filtered signals without filtering: quadratic forms of their correlations."""

import numpy as np
import scipy.fft


def filtered_energies(filters: np.ndarray, correlations: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the energies of filtered signals in windows.

    The signals of a window, cut out and filtered at full length, have as energy the sum over all
    pairs of signals and all lags of the filters' correlations times the signals'.

    Args:
        filters: M sets of filters from P signals to C channels, (M, P, C, L).
        correlations: of the P signals in W windows at the lags 0 to L - 1, (W, P, P, L).

    Returns:
        The energies, summed over the channels, and the sizes of what cancels in them, of which
        float64's resolution is their error; each (W, M).
    """
    M, L = len(filters), filters.shape[-1]
    spectra = scipy.fft.rfft(filters, n=2 * L)
    pairs = np.einsum("mpck,mqck->mpqk", spectra, spectra.conj())
    weights = scipy.fft.irfft(pairs, n=2 * L)[..., :L]
    # Of the pairs p, q and q, p each has one sign of the lag; lag 0 is in both.
    weights[..., 1:] *= 2
    energies = correlations.reshape(len(correlations), -1) @ weights.reshape(M, -1).T
    norms = np.sqrt(np.maximum(np.einsum("wpp->wp", correlations[..., 0]), 0))
    sizes = np.sqrt(np.square(weights).sum(axis=-1))
    return energies, np.einsum("wp,mpq,wq->wm", norms, sizes, norms, optimize=True)


def filtered_energy(
    filters: np.ndarray, signals: np.ndarray, target: np.ndarray | None = None
) -> float:
    """Return the energy of filtered signals minus a target, by filtering.

    Args:
        filters: from P signals to C channels, (P, C, L).
        signals: (P, samples).
        target: (C, samples); default: nothing.
    """
    samples = signals.shape[-1]
    length = samples + filters.shape[-1] - 1
    size = scipy.fft.next_fast_len(length, real=True)
    spectrum = np.zeros((filters.shape[1], size // 2 + 1), complex)
    for signal, of_signal in zip(signals, filters, strict=True):
        spectrum += scipy.fft.rfft(of_signal, n=size) * scipy.fft.rfft(signal, n=size)
    filtered = scipy.fft.irfft(spectrum, n=size)[:, :length]
    if target is not None:
        filtered[:, :samples] -= target
    return float(np.vdot(filtered, filtered))
