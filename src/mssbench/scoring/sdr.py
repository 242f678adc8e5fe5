"""The signal-to-distortion ratio: in windows, of the whole song and over the mixture's."""

import numpy as np

# What the Music Demixing Challenge adds to both energies.
DELTA = 1e-7


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the energy of a source over that of its estimate's error (dB).

    BSSEval's SDR for images is this ratio: its three errors sum to the estimate less the source.
    A perfect estimate has +inf; a silent source has -inf, or NaN if nothing is wrong.

    Args:
        reference: a source, in any shape.
        estimate: its estimate, in the same shape.
    """
    source, error = _energies(reference, estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.float64(source) / error))


def usdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the SDR of a whole song as the Music Demixing Challenge defines it (dB).

    Y. Mitsufuji et al., "Music Demixing Challenge 2021", Frontiers in Signal Processing 1, 2022:
    the energies of source and error over all samples and channels, each with 1e-7 added, so that
    every song has a finite value: 0 where all is silent. The challenge takes the mean over songs.
    The name, for utterance, is of Y. Luo and J. Yu, "Music Source Separation With Band-Split RNN",
    IEEE/ACM TASLP 31, 2023.

    Args:
        reference: a source, in any shape.
        estimate: its estimate, in the same shape.
    """
    source, error = _energies(reference, estimate)
    return float(10 * np.log10((source + DELTA) / (error + DELTA)))


def csdr(chunks: np.ndarray) -> float:
    """Return the SDR of a song by chunks (dB): the median over those that have a value.

    Y. Luo and J. Yu (see ``usdr``), for SiSEC 2018's: BSSEval's SDR in chunks of one second that
    do not overlap, the median over chunks, then the median over songs. A chunk in which any
    source or estimate is silent has none; without a chunk that has one, the song has none (NaN).

    Args:
        chunks: the SDR of each chunk (dB); NaN where there is none.
    """
    valued = chunks[~np.isnan(chunks)]
    return float(np.median(valued)) if valued.size else float("nan")


def _energies(reference: np.ndarray, estimate: np.ndarray) -> tuple[float, float]:
    """Return the energies of a source and of its estimate's error."""
    source = reference.ravel().astype(np.float64)
    error = source - estimate.ravel()
    return float(source @ source), float(error @ error)
