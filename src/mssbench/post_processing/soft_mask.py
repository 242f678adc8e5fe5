"""Soft masks made of estimates, applied to their mixture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mssbench.post_processing.spectral import Framing, filtered
from mssbench.post_processing.stacks import Stacks
from mssbench.training.structure import Positive

FRAMES = 256
"""Frames that are masked at once."""


@dataclass(frozen=True)
class SoftMaskConfig(Framing):
    """Each source's share of the mixture, by the magnitudes |S_j| of the estimates' spectra.

    The estimate becomes |S_j|^a / sum_k |S_k|^a of the mixture's spectrum, which gives it the
    mixture's phases and makes all sum to the mixture. The ResNet latent separator's paper (RA,
    section IV-B) recommends an exponent a of about 1; its code has 2.

    Attributes:
        exponent: a, above 0; the larger, the nearer to a binary mask.
    """

    exponent: Positive = 1.0
    KEY = "soft_mask"


def soft_masked(stacks: Stacks, config: SoftMaskConfig) -> Stacks:
    """Yield a song's estimates as shares of its mixture."""

    def keep(mixture: Tensor, estimates: Tensor) -> Tensor:
        return shares(estimates.abs(), config.exponent) * mixture

    return filtered(stacks, keep, config, FRAMES)


def shares(magnitudes: Tensor, exponent: float) -> Tensor:
    """Return the sources' shares (sources, ...), which sum to 1, by powers of their magnitudes.

    Sources of equal magnitudes, silent ones too, share equally.
    """
    largest = magnitudes.amax(0)
    # Of the largest one, so that no power is too small or too large a number.
    relative = torch.where(largest > 0, magnitudes / largest, 1.0) ** exponent
    return relative / relative.sum(0)
