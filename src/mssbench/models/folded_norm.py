"""A global layer norm as a scale and a shift of each channel, and its gradient from a few sums."""

from typing import NamedTuple

import torch
from torch import Tensor

from mssbench.models.normalisation import EPSILON


class Norm(NamedTuple):
    """A global layer norm of one example (frames, channels): x -> scale * x + shift."""

    mean: float  # of all values
    inverse: float  # of their standard deviation
    scale: Tensor  # (channels,)
    shift: Tensor  # (channels,)
    size: int  # number of values


class Moments:
    """Sums over all values of (frames, channels), collected tile by tile in double precision."""

    def __init__(self) -> None:
        self.sum = self.power = 0.0
        self.size = 0

    def add(self, tile: Tensor) -> None:
        """Take in some frames, contiguous."""
        flat = tile.flatten()
        self.sum += tile.sum().item()
        self.power += torch.dot(flat, flat).item()
        self.size += len(flat)

    def norm(self, gain: Tensor, bias: Tensor) -> Norm:
        """Return the global layer norm of these gains and biases (channels,)."""
        mean = self.sum / self.size
        inverse = (max(0.0, self.power / self.size - mean**2) + EPSILON) ** -0.5
        scale = gain * inverse
        return Norm(mean, inverse, scale, torch.add(bias, scale, alpha=-mean), self.size)


class NormGradient(NamedTuple):
    """The gradients of a norm: that of its input is scale * output's + constant + factor * x."""

    gain: Tensor  # (channels,)
    bias: Tensor  # (channels,)
    constant: float
    factor: float


def norm_gradient(norm: Norm, gain: Tensor, with_input: Tensor, alone: Tensor) -> NormGradient:
    """Return the gradients of a norm.

    Args:
        norm: the norm.
        gain: (channels,).
        with_input: the output's gradient times the input, summed over the frames (channels,).
        alone: the output's gradient summed over the frames (channels,).
    """
    of_gain = norm.inverse * torch.add(with_input, alone, alpha=-norm.mean)
    factor = -(norm.inverse**2) * torch.dot(gain, of_gain).item() / norm.size
    constant = -norm.inverse * torch.dot(gain, alone).item() / norm.size - norm.mean * factor
    return NormGradient(of_gain, alone, constant, factor)
