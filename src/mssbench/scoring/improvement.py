"""What an estimate gains over the mixture as it is."""

from collections.abc import Callable

import numpy as np

Ratio = Callable[[np.ndarray, np.ndarray], float]
"""From a source and its estimate to a ratio (dB)."""


def improvement(
    ratio: Ratio, reference: np.ndarray, estimate: np.ndarray, mixture: np.ndarray
) -> float:
    """Return a ratio of the estimate less that of the mixture taken for the estimate (dB).

    The SDR and SI-SDR improvements, SDRi and SI-SDRi, of speech separation (as in Y. Luo and
    N. Mesgarani, "Conv-TasNet", IEEE/ACM TASLP 27(8), 2019). Where the mixture is the source
    alone, the estimate can only lose: -inf, or NaN if it is the source, too.

    Args:
        ratio: such as ``sdr`` or ``si_sdr``.
        reference: a source, in any shape.
        estimate: its estimate, in the same shape.
        mixture: of all sources, in the same shape.
    """
    return ratio(reference, estimate) - ratio(reference, mixture)
