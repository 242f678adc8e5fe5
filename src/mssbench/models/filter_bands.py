"""Where the filters of a learned encoder lie in frequency."""

from typing import NamedTuple

import torch
from torch import Tensor

N_FFT = 4096
"""Filters are completed with zeros to this length, so that their spectra are smooth."""


class Bands(NamedTuple):
    """The pass bands of filters."""

    centre: Tensor  # (filters,), Hz
    bandwidth: Tensor  # (filters,), Hz


def bands_of(filters: Tensor, rate: int) -> Bands:
    """Return where filters let most through, and how wide that band is.

    The centre is the peak of the power spectrum, summed over the audio channels. The bandwidth is
    that of a filter which is flat, as high as that peak and lets as much noise through.

    Args:
        filters: impulse responses (filters, channels, taps), at most 4,096 taps.
        rate: sample rate (Hz).
    """
    power = torch.fft.rfft(filters.detach().double(), N_FFT).abs().square().sum(1)
    peak, where = power.max(-1)
    resolution = rate / N_FFT
    total = (power.sum(-1) - (power[:, 0] + power[:, -1]) / 2) * resolution
    return Bands(where.double() * resolution, total / peak.clamp(min=torch.finfo(power.dtype).tiny))
