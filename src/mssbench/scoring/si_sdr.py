"""The scale-invariant signal-to-distortion ratio."""

import numpy as np


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the scale-invariant SDR of an estimate (dB).

    As defined by J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well
    done?", ICASSP 2019; means are not removed. The reference is scaled to the estimate's
    orthogonal projection onto it, by one factor for all channels. An estimate that is the scaled
    reference has +inf, one that is orthogonal to it -inf, and a silent reference or estimate has
    none (NaN).

    Args:
        reference: a source, in any shape.
        estimate: its estimate, in the same shape.
    """
    s, estimated = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # In place: of a whole song each of these is large.
        target = np.multiply((estimated @ s) / (s @ s), s, out=s)
        error = np.subtract(target, estimated, out=estimated)
        return float(10 * np.log10((target @ target) / (error @ error)))
