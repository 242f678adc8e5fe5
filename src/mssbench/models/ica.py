"""Independent component analysis of the two channels.

A. Hyvärinen, "Fast and Robust Fixed-Point Algorithms for Independent Component Analysis", IEEE
Transactions on Neural Networks 10(3), 1999: FastICA, the symmetric fixed point.
"""

import logging
from typing import Literal

import numpy as np

from mssbench.models.spatial import Labels, Spatial
from mssbench.models.targets import PAIR

Nonlinearity = Literal["tanh", "cube"]

log = logging.getLogger(__name__)

BLOCK = 1 << 16
"""Samples that are worked on at once."""

NOISE_FLOOR = 1e-10
"""Directions with less than this share of the greatest variance hold no component."""


class ICA(Spatial):
    """FastICA on the samples of both channels: two objects at most.

    It suits two sources without delays; with more, the objects are mixtures still. Components
    have no order and no scale, so each is given out as its image y_j = A_j s_j, its column of the
    mixing matrix times itself: the images sum to the mixture without its mean.

    Args:
        targets: what to estimate.
        labels: how objects are named: see `Spatial`.
        nonlinearity: g, the derivative of the contrast function.
        iterations: at most.
        tolerance: it has converged when 1 - |<w_new, w_old>| is below this for both rows of W.
        seed: of the random start.

    Raises:
        ValueError: the tolerance is not above 0.
    """

    domain = "waveform"

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = PAIR,
        labels: Labels = "centre",
        nonlinearity: Nonlinearity = "tanh",
        iterations: int = 200,
        tolerance: float = 1e-4,
        seed: int = 1,
    ) -> None:
        super().__init__(targets, labels)
        if not tolerance > 0:
            raise ValueError(f"tolerance is {tolerance}; it must be above 0")
        self.nonlinearity: Nonlinearity = nonlinearity
        self.iterations, self.tolerance, self.seed = iterations, tolerance, seed

    def objects(self, mixture: np.ndarray) -> np.ndarray:
        """Return the components' images (at most 2, 2, samples) of a mixture (2, samples)."""
        unmixing, mixing = fast_ica(
            mixture, self.nonlinearity, self.iterations, self.tolerance, self.seed
        )
        mean = mixture.mean(axis=1, keepdims=True, dtype=np.float64)
        sources = (unmixing @ (mixture - mean)).astype(np.float32)
        return mixing.T.astype(np.float32)[:, :, None] * sources[:, None]


def fast_ica(
    mixture: np.ndarray, nonlinearity: Nonlinearity, iterations: int, tolerance: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unmixing matrix (components, channels) and the mixing matrix, its pseudoinverse.

    The components have variance 1. There are as many as the channels have directions with sound:
    one where they are equal, none in silence.

    Args:
        mixture: waveforms (channels, samples).
        nonlinearity: g.
        iterations: at most.
        tolerance: of the convergence.
        seed: of the random start.
    """
    variances, axes = np.linalg.eigh(np.cov(mixture, bias=True, dtype=np.float64))
    sounding = variances > NOISE_FLOOR * max(variances.max(), np.finfo(np.float32).tiny)
    whitening = (axes[:, sounding] / np.sqrt(variances[sounding])).T
    mean = mixture.mean(axis=1, keepdims=True, dtype=np.float64)
    count = len(whitening)
    W = decorrelated(np.random.default_rng(seed).standard_normal((count, count)))
    for _ in range(iterations):
        previous, W = W, fixed_point(mixture, mean, whitening, W, nonlinearity)
        change = 1 - np.abs(np.sum(W * previous, axis=1))
        if np.all(change < tolerance):
            break
    else:
        log.warning("ica: no convergence in %d iterations; the result is the last one", iterations)
    unmixing = W @ whitening
    return unmixing, np.linalg.pinv(unmixing)


def fixed_point(
    mixture: np.ndarray,
    mean: np.ndarray,
    whitening: np.ndarray,
    W: np.ndarray,
    nonlinearity: Nonlinearity,
) -> np.ndarray:
    """Return the next W: w <- E[z g(w z)] - E[g'(w z)] w for each row, then decorrelated.

    Args:
        mixture: waveforms (channels, samples).
        mean: of each channel (channels, 1).
        whitening: z = whitening (mixture - mean), (components, channels).
        W: (components, components).
        nonlinearity: g.
    """
    samples = mixture.shape[1]
    products, slopes = np.zeros_like(W), np.zeros(len(W))
    for start in range(0, samples, BLOCK):
        z = whitening @ (mixture[:, start : start + BLOCK] - mean)
        s = W @ z
        g = np.tanh(s) if nonlinearity == "tanh" else s**3
        products += g @ z.T
        slopes += np.sum(1 - g**2 if nonlinearity == "tanh" else 3 * s**2, axis=1)
    return decorrelated((products - slopes[:, None] * W) / samples)


def decorrelated(W: np.ndarray) -> np.ndarray:
    """Return (W W^T)^(-1/2) W, the orthogonal matrix nearest to W."""
    left, _, right = np.linalg.svd(W)
    return left @ right
