"""PROJET's model: what objects at places of the panorama leave in projections of a mixture.

D. FitzGerald, A. Liutkus and R. Badeau, "Projection-based demixing of spatial audio", IEEE/ACM
TASLP 24(9), 2016, and the authors' reference code. The letters are the paper's:

    X (F, 2, T): spectra of the mixture, F frequencies and T frames, complex.
    N (F, M, 2): projections, complex.
    V (F, M, T): |N X|^alpha, what is modelled by sigma = (K Q) P.
    K (F, M, L): |N theta|^alpha, how much of place l comes through projection m.
    Q (L, J): how much of object j is at place l.
    P (F, J, T): |spectrum|^alpha of object j.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mssbench.models.divergence import Divergence
from mssbench.models.panorama import places, projections, steering

EPS = 1e-12
"""Floor of spectrograms whose mean is about 1: small, but its inverse square fits float32."""

CACHED, ON_GPU = 1 << 18, 1 << 26
"""Values of V that are worked on at once: few enough for a CPU's cache, enough to fill a GPU."""


def projected_panorama(
    F: int, M: tuple[int, int], L: tuple[int, int], step: float, alpha: float
) -> tuple[Tensor, Tensor]:
    """Return N and K, of double precision.

    Args:
        F: frequencies.
        M: pan angles and delays of the projections.
        L: pan angles and delays of the places.
        step: distance of two delays (samples).
        alpha: exponent of the spectrograms.
    """
    N = projections(*places(*M, step), F)
    theta = steering(*places(*L, step), F)
    K = torch.empty(F, N.shape[1], theta.shape[1], dtype=torch.float64)
    for f in blocks(F, K[0].numel(), K.device):
        K[f] = (N[f] @ theta[f].mT).abs() ** alpha
    return N, K


def observed(X: Tensor, N: Tensor, alpha: float) -> Tensor:
    """Return V."""
    V = X.real.new_empty(len(N), N.shape[1], X.shape[-1])
    for f in blocks(len(V), V[0].numel(), V.device):
        V[f] = (N[f] @ X[f]).abs() ** alpha + EPS
    return V


def blocks(F: int, values: int, device: torch.device) -> Iterator[slice]:
    """Yield slices of F frequencies of so many values each, small enough to work on at once."""
    size = max(1, (CACHED if device.type == "cpu" else ON_GPU) // values)
    for start in range(0, F, size):
        yield slice(start, start + size)


def update_spectrograms(V: Tensor, W: Tensor, P: Tensor, divergence: Divergence) -> None:
    """Update P once, in place; W is K Q (F, M, J)."""
    a, b = divergence.weights(V, W @ P + EPS)
    P *= divergence.factor(W.mT @ a, W.mT @ b)
    # No smaller: numbers that underflow are slow.
    P.clamp_(min=EPS**2)


def update(V: Tensor, K: Tensor, P: Tensor, Q: Tensor, divergence: Divergence) -> Tensor:
    """Update P once, in place, then Q, which is returned.

    Frequencies are independent given Q, whose update sums over all of them.
    """
    above = torch.full_like(Q, EPS)
    below = above.clone()
    for f in blocks(len(V), V[0].numel(), V.device):
        W = K[f] @ Q
        update_spectrograms(V[f], W, P[f], divergence)
        a, b = divergence.weights(V[f], W @ P[f] + EPS)
        above += (K[f].mT @ (a @ P[f].mT)).sum(0)
        below += (K[f].mT @ (b @ P[f].mT)).sum(0)
    return Q * divergence.factor(above, below)


def cost(V: Tensor, K: Tensor, P: Tensor, Q: Tensor, divergence: Divergence) -> float:
    """Return the divergence of V and its model, summed over all elements."""
    return sum(
        divergence.cost(V[f], K[f] @ Q @ P[f] + EPS) for f in blocks(len(V), V[0].numel(), V.device)
    )


def image(X: Tensor, N: Tensor, W: Tensor, P: Tensor, j: int) -> Tensor:
    """Return object j's stereo spectra (F, 2, T); the objects' sum to X.

    Its share (K Q)_mj P_j / sigma_m of each projection is brought back to stereo by the
    pseudoinverse of N. W is K Q (F, M, J).
    """
    share = W[..., j, None] * P[:, None, j] / (W @ P + EPS)
    return torch.linalg.pinv(N) @ (share * (N @ X))
