"""Places in the stereo panorama: how a source at one of them sounds in the two channels.

A place is a pan angle phi, from 0 (left) over pi / 4 (middle) to pi / 2 (right), and the delay tau
of the right channel (samples). A mono source s there has the image
left = cos(phi) s(t), right = sin(phi) s(t - tau): the pan-delay model of D. FitzGerald, A. Liutkus
and R. Badeau, "Projection-based demixing of spatial audio", IEEE/ACM TASLP 24(9), 2016.
"""

import math

import numpy as np
import torch
from torch import Tensor


def pan_delay_image(source: np.ndarray, angle: float, delay: float = 0.0) -> np.ndarray:
    """Return the stereo image of a mono source at one place.

    Args:
        source: waveform (samples,).
        angle: phi, from 0 (left) to pi / 2 (right).
        delay: tau, of the right channel (samples); may be negative or no whole number.

    Returns:
        (2, samples), float32. What is delayed past the end is lost; silence comes in.
    """
    late = source if delay == 0 else delayed(source, delay)
    return np.stack((math.cos(angle) * source, math.sin(angle) * late)).astype(np.float32)


def delayed(wave: np.ndarray, delay: float) -> np.ndarray:
    """Return a waveform (samples,) that comes ``delay`` samples later, as long as before."""
    # Zeros behind the end, so that nothing comes round to the other side.
    padded = 2 * (wave.shape[-1] + math.ceil(abs(delay)))
    turns = np.fft.rfftfreq(padded) * delay
    spectrum = np.fft.rfft(wave, padded) * np.exp(-2j * np.pi * turns)
    return np.fft.irfft(spectrum, padded)[: wave.shape[-1]]


def places(pans: int, delays: int, step: float) -> tuple[Tensor, Tensor]:
    """Return a grid of places: angles and delays (samples), both (pans * delays,).

    The angles lie evenly between left and right, the delays evenly around 0.

    Args:
        pans: number of angles, at least 2.
        delays: number of delays; an odd number has 0 among them.
        step: distance of two delays (samples).
    """
    angles = torch.linspace(0, math.pi / 2, pans, dtype=torch.float64)
    shifts = step * (torch.arange(delays, dtype=torch.float64) - (delays - 1) / 2)
    grid = torch.cartesian_prod(angles, shifts)
    return grid[:, 0], grid[:, 1]


def steering(angles: Tensor, delays: Tensor, bins: int) -> Tensor:
    """Return what a spectrum becomes in the two channels: complex (bins, places, 2).

    Args:
        angles: of the places (places,).
        delays: of the right channel (samples), (places,).
        bins: of the spectrum, from 0 to half the sample rate.
    """
    turns = torch.linspace(0, 0.5, bins, dtype=torch.float64).unsqueeze(-1) * delays
    left = torch.cos(angles).expand_as(turns).to(torch.complex128)
    right = torch.polar(torch.sin(angles).expand_as(turns).contiguous(), -2 * math.pi * turns)
    return torch.stack((left, right), dim=-1)


def projections(angles: Tensor, delays: Tensor, bins: int) -> Tensor:
    """Return projections to one channel, each of which silences one place.

    Args:
        angles: of the places (places,).
        delays: of the right channel there (samples), (places,).
        bins: of the spectrum.

    Returns:
        Complex (bins, places, 2); ``projections @ steering`` of the same place is 0. They are the
        steering vectors at phi - pi / 2, with the opposite sign of the delay: only this silences a
        delayed source.
    """
    return steering(angles - math.pi / 2, -delays, bins)
