"""The scale-invariant interference and artefact ratios."""

import numpy as np


def si_sir_sar(references: np.ndarray, estimate: np.ndarray, number: int) -> tuple[float, float]:
    """Return the scale-invariant SIR and SAR of one source's estimate (dB).

    As defined by J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well
    done?", ICASSP 2019, section 2; means are not removed. What the scaled source, the target,
    leaves of the estimate is split into its orthogonal projection onto the space that all sources
    span, the interference, and the rest, the artefacts. Both are orthogonal, so that the noise to
    signal ratios of SI-SIR and SI-SAR add up to that of SI-SDR.

    A signal is one vector over all its channels, as in ``si_sdr``: each source enters the
    projection with one factor for all channels.

    An estimate without interference, or without artefacts, has +inf, one that is orthogonal to
    its source -inf, and a silent source or estimate has neither (NaN).

    Args:
        references: all sources, (J, channels, samples).
        estimate: of one of them, (channels, samples).
        number: which.
    """
    sources = references.reshape(len(references), -1).astype(np.float64)
    estimated = estimate.ravel().astype(np.float64)
    norms = np.sqrt(np.einsum("jn,jn->j", sources, sources))
    if norms[number] == 0 or not estimated.any():
        return np.nan, np.nan
    # At unit length, so that a faint source is no reason to call the system singular.
    norms[norms == 0] = 1
    gram = sources @ sources.T / np.outer(norms, norms)
    factors = np.linalg.lstsq(gram, sources @ estimated / norms, rcond=None)[0] / norms
    target = (sources[number] @ estimated) / norms[number] ** 2 * sources[number]
    spanned = factors @ sources
    wanted = target @ target
    # In place: of a whole song each of these is large.
    interference = np.subtract(spanned, target, out=target)
    errors = (interference, np.subtract(estimated, spanned, out=spanned))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [10 * np.log10(wanted / (error @ error)) for error in errors]
    return float(ratios[0]), float(ratios[1])
