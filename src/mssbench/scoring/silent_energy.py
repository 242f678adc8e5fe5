"""Predicted energy at silence and energy at predicted silence, of WASPAA 2019."""

import numpy as np

# Keeps the logarithm finite: the floor is -120 dB.
FLOOR = 1e-12


def pes(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the predicted energy at silence (dB): the estimate's where the source is silent.

    K. Schulze-Forster, C. Doire, G. Richard and R. Badeau, "Weakly Informed Audio Source
    Separation", WASPAA 2019: 10 log10 of the sum of the squared samples plus 1e-12, in windows of
    one second in which all of the source's samples are zero. Lower is better. The paper takes the
    mean over windows. Of several channels the energies are summed; the paper has one.

    A window in which the source is heard has no value (NaN).

    Args:
        reference: a source in one window, in any shape.
        estimate: its estimate, in the same shape.
    """
    return float("nan") if reference.any() else _level(estimate)


def eps(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the energy at predicted silence (dB): the source's where the estimate is silent.

    As ``pes``, with the roles exchanged. A window in which both are silent has no value: the
    paper leaves it out, which is an option of the authors' released code.

    Args:
        reference: a source in one window, in any shape.
        estimate: its estimate, in the same shape.
    """
    return _level(reference) if reference.any() and not estimate.any() else float("nan")


def _level(signal: np.ndarray) -> float:
    """Return the sum of the squared samples plus the floor (dB)."""
    samples = signal.ravel().astype(np.float64)
    return float(10 * np.log10(samples @ samples + FLOOR))
