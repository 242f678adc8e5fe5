"""Where the filters of a learned encoder lie in frequency.

A band is read from the filter's power spectrum, summed over the audio channels. What the papers
that show such bands mean by centre and bandwidth is not always said, so each has several readings.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

N_FFT = 4096
"""Filters are completed with zeros to this length, so that their spectra are smooth."""


class FilterGroup(NamedTuple):
    """Filters of an encoder that belong together, such as those of a band.

    Attributes:
        name: what tells them from the encoder's others; empty where there are none.
        filters: impulse responses (filters, channels, taps).
        rate: sample rate of what they filter (Hz).
    """

    name: str
    filters: Tensor
    rate: int


@runtime_checkable
class LearnedFilters(Protocol):
    """A model that begins with learned filters of its waveform."""

    def filter_groups(self, rate: int) -> Sequence[FilterGroup]:
        """Return the encoder's filters; ``rate`` is that of the model's input (Hz)."""


class Bands(NamedTuple):
    """The pass bands of filters."""

    centre: Tensor  # (filters,), Hz
    bandwidth: Tensor  # (filters,), Hz


def bands_of(
    filters: Tensor, rate: int, *, centre: str = "peak", bandwidth: str = "noise"
) -> Bands:
    """Return where filters let most through, and how wide that band is.

    Only frequencies from 0 to rate / 2 count: a low-pass filter is as wide as it is above 0.

    Args:
        filters: impulse responses (filters, channels, taps), at most 4,096 taps.
        rate: sample rate (Hz).
        centre: ``peak`` of the power spectrum; or its ``centroid``, the mean frequency weighted by
            power.
        bandwidth: ``noise``, of a filter which is flat, as high as the peak and lets as much noise
            through; ``half_power``, of the range around the peak in which at least half of its
            power passes (-3 dB); or ``deviation``, twice the standard deviation of frequency,
            weighted by power.
    """
    power = torch.fft.rfft(filters.detach().double(), N_FFT).abs().square().sum(1)
    resolution = rate / N_FFT
    return Bands(CENTRES[centre](power) * resolution, BANDWIDTHS[bandwidth](power) * resolution)


def peak(power: Tensor) -> Tensor:
    """Return the strongest bin of power spectra (filters, bins): (filters,), as all below."""
    return power.argmax(-1).double()


def centroid(power: Tensor) -> Tensor:
    """Return the mean bin, weighted by power."""
    weights = shares(power)
    return weights @ bins_of(power)


def noise(power: Tensor) -> Tensor:
    """Return the bins of a flat filter, as high as the peak, that lets as much noise through."""
    total, highest = one_sided(power).sum(-1), power.amax(-1)
    return total / highest.clamp(min=torch.finfo(power.dtype).tiny)


def half_power(power: Tensor) -> Tensor:
    """Return the bins around the peak that have at least half of its power."""
    bins, where = bins_of(power), peak(power)[:, None]
    below = power < power.amax(-1, keepdim=True) / 2
    right = torch.where(below & (bins > where), bins, float(power.shape[-1])).amin(-1)
    left = torch.where(below & (bins < where), bins, -1.0).amax(-1)
    return right - left - 1


def deviation(power: Tensor) -> Tensor:
    """Return twice the standard deviation of the bin, weighted by power."""
    away = bins_of(power) - centroid(power)[:, None]
    return 2 * (shares(power) * away.square()).sum(-1).sqrt()


def shares(power: Tensor) -> Tensor:
    """Return the share of each bin in the power."""
    sided = one_sided(power)
    return sided / sided.sum(-1, keepdim=True).clamp(min=torch.finfo(power.dtype).tiny)


def one_sided(power: Tensor) -> Tensor:
    """Return the power with the bins at both ends halved, half of which lie beyond the range."""
    weights = torch.ones_like(power[0])
    weights[0] = weights[-1] = 0.5
    return power * weights


def bins_of(power: Tensor) -> Tensor:
    """Return the numbers of the bins."""
    return torch.arange(power.shape[-1], dtype=power.dtype, device=power.device)


CENTRES: dict[str, Callable[[Tensor], Tensor]] = {"peak": peak, "centroid": centroid}
BANDWIDTHS: dict[str, Callable[[Tensor], Tensor]] = {
    "noise": noise,
    "half_power": half_power,
    "deviation": deviation,
}
"""Readings by name, in bins."""
