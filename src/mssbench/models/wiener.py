"""The multichannel Wiener filter: from magnitudes of the sources to their complex spectrograms.

Every source j is modelled, in each bin of the short-time Fourier transform, as Gaussian with the
covariance v_j(f, t) R_j(f): its power times a spatial covariance. A. A. Nugraha, A. Liutkus and
E. Vincent, "Multichannel Audio Source Separation With Deep Neural Networks", IEEE/ACM TASLP 24(9),
2016; the approximate expectation maximisation and its constants as in norbert.
"""

from typing import Literal

import torch
from torch import Tensor

EPS = torch.finfo(torch.float64).eps
"""Power that every model allows for besides the sources; its root regularises the mixture's."""

LOUDEST = 10.0
"""A louder mixture is scaled down to this magnitude, so that the regularisation is felt alike."""


def wiener(
    magnitudes: Tensor,
    mixture: Tensor,
    iterations: int = 1,
    *,
    initial: Literal["mask", "phase"] = "mask",
    eps: float = EPS,
) -> Tensor:
    """Return the sources' complex spectrograms, in the type of the mixture.

    From first estimates, each iteration finds the powers and the spatial covariances, then filters
    the mixture with what they say. All is computed in double precision: with two channels that are
    nearly alike, the determinant of their covariance is a small difference of large numbers.

    Args:
        magnitudes: of the sources (batch, sources, channels, bins, frames), not negative. Together
            the sources must make up the mixture.
        mixture: complex (batch, channels, bins, frames).
        iterations: how often to do so, at least 1; one is usual.
        initial: the first estimates, ``mask`` as in `soft_mask`, or ``phase`` for the magnitudes
            with the phase of the mixture.
        eps: see `EPS`, for a mixture whose magnitudes are at most `LOUDEST`.

    Returns:
        Complex (batch, sources, channels, bins, frames).

    Raises:
        ValueError: ``initial`` is neither of the two.
    """
    if initial not in ("mask", "phase"):
        raise ValueError(f"initial is {initial!r}; it must be 'mask' or 'phase'")
    precise, magnitudes = mixture.to(torch.complex128), magnitudes.double()
    if initial == "mask":
        estimates = soft_mask(magnitudes, precise, eps)
    else:
        estimates = torch.polar(magnitudes, precise.angle().unsqueeze(1).expand_as(magnitudes))
    return refined(estimates, precise, iterations, eps).to(mixture.dtype)


def refined(estimates: Tensor, mixture: Tensor, iterations: int = 1, eps: float = EPS) -> Tensor:
    """Return better estimates of the sources' complex spectra, as `wiener` from its first ones.

    Args:
        estimates: the first ones, complex (batch, sources, channels, bins, frames).
        mixture: complex (batch, channels, bins, frames).
        iterations: how often to find powers and covariances and to filter the mixture.
        eps: as for `wiener`.

    Returns:
        Complex (batch, sources, channels, bins, frames), in the type of the mixture.
    """
    precise, estimates = mixture.to(torch.complex128), estimates.to(torch.complex128)
    loudest = precise.abs().flatten(1).amax(1) / LOUDEST
    scale = loudest.clamp(min=1).reshape(-1, 1, 1, 1)
    precise, estimates = precise / scale, estimates / scale.unsqueeze(1)
    for _ in range(iterations):
        powers, covariances = gaussian_model(estimates, eps)
        estimates = apply_filters(powers, covariances, precise, eps**0.5)
    return (estimates * scale.unsqueeze(1)).to(mixture.dtype)


def soft_mask(magnitudes: Tensor, mixture: Tensor, eps: float = EPS) -> Tensor:
    """Return each source's share of the mixture, in every channel and bin on its own.

    Args:
        magnitudes: (batch, sources, channels, bins, frames), or powers; not negative.
        mixture: complex (batch, channels, bins, frames).
        eps: is added to the sum that divides.
    """
    return magnitudes / (eps + magnitudes.sum(1, keepdim=True)) * mixture.unsqueeze(1)


def gaussian_model(estimates: Tensor, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """Return what estimates of the sources say about their powers and directions.

    Args:
        estimates: complex y (batch, sources, channels, bins, frames).
        eps: is added to the power that divides.

    Returns:
        The powers v (batch, sources, bins, frames), means of |y|^2 over the channels, and the
        spatial covariances R = sum_t y y^H / sum_t v (batch, sources, channels, channels, bins).
    """
    powers = (estimates.real.square() + estimates.imag.square()).mean(2)
    products = torch.einsum("bjcft,bjdft->bjcdf", estimates, estimates.conj())
    return powers, products / (eps + powers.sum(-1))[:, :, None, None]


def apply_filters(
    powers: Tensor, covariances: Tensor, mixture: Tensor, regularisation: float = EPS**0.5
) -> Tensor:
    """Return the means y_j = v_j R_j C^-1 x of the sources, given the mixture.

    C = sum_j v_j R_j + regularisation * I is the covariance of the mixture. Without the last term
    the estimates sum to the mixture.

    Args:
        powers: v (batch, sources, bins, frames).
        covariances: R (batch, sources, channels, channels, bins), Hermitian.
        mixture: complex x (batch, channels, bins, frames).
        regularisation: power of white noise that is taken out with the sources.

    Returns:
        Complex (batch, sources, channels, bins, frames).
    """
    total = torch.einsum("bjft,bjcdf->bcdft", powers.to(covariances.dtype), covariances)
    identity = torch.eye(mixture.shape[1], dtype=total.dtype, device=total.device)
    total = total + regularisation * identity[:, :, None, None]
    whitened = torch.einsum("bjcdf,bdft->bjcft", covariances, solve(total, mixture))
    return powers.unsqueeze(2) * whitened


def solve(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Return A^-1 x for every bin and frame, in closed form for one and two channels.

    Args:
        matrices: A (batch, channels, channels, bins, frames).
        vectors: x (batch, channels, bins, frames).
    """
    channels = vectors.shape[1]
    if channels == 1:
        return vectors / matrices[:, 0]
    if channels == 2:
        (a, b), (c, d) = (row.unbind(1) for row in matrices.unbind(1))
        x, y = vectors.unbind(1)
        return torch.stack((d * x - b * y, a * y - c * x), dim=1) / (a * d - b * c).unsqueeze(1)
    # The channels last: one small system a bin.
    systems = matrices.permute(0, 3, 4, 1, 2)
    solved: Tensor = torch.linalg.solve(systems, vectors.permute(0, 2, 3, 1))
    return solved.permute(0, 3, 1, 2)
