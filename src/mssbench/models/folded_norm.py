"""A global layer norm as a scale and a shift of each channel, and its gradient from a few sums."""

from typing import NamedTuple

import torch
from torch import Tensor

from mssbench.models.normalisation import EPSILON


class Norm(NamedTuple):
    """A global layer norm of one example (channels, frames): x -> scale * x + shift."""

    mean: Tensor  # of all values
    inverse: Tensor  # of their standard deviation
    scale: Tensor  # (channels,)
    shift: Tensor  # (channels,)
    size: int  # number of values

    def apply(self, rows: slice, tile: Tensor) -> Tensor:
        """Normalise the channels ``rows``."""
        return torch.addcmul(self.shift[rows, None], tile, self.scale[rows, None])


class Moments:
    """Sums over the frames of each channel of (channels, frames), collected tile by tile."""

    def __init__(self, like: Tensor) -> None:
        self.sums = like.new_empty(len(like))
        self.lengths = like.new_empty(len(like))
        self.size = like.numel()

    def add(self, rows: slice, tile: Tensor) -> None:
        """Take in the channels ``rows``."""
        torch.sum(tile, -1, out=self.sums[rows])
        torch.linalg.vector_norm(tile, dim=-1, out=self.lengths[rows])

    def norm(self, gain: Tensor, bias: Tensor) -> Norm:
        """Return the global layer norm of these gains and biases (channels,)."""
        # In double precision: the variance is a difference.
        mean = self.sums.double().sum() / self.size
        power = self.lengths.double().square().sum() / self.size
        inverse = ((power - mean.square()).clamp(min=0) + EPSILON).rsqrt().to(gain.dtype)
        mean = mean.to(gain.dtype)
        scale = gain * inverse
        return Norm(mean, inverse, scale, bias - mean * scale, self.size)


class NormGradient(NamedTuple):
    """The gradients of a norm: that of its input is scale * output's + constant + factor * x."""

    gain: Tensor  # (channels,)
    bias: Tensor  # (channels,)
    constant: Tensor
    factor: Tensor


def norm_gradient(norm: Norm, gain: Tensor, with_input: Tensor, alone: Tensor) -> NormGradient:
    """Return the gradients of a norm.

    Args:
        norm: the norm.
        gain: (channels,).
        with_input: the output's gradient times the input, summed over the frames (channels,).
        alone: the output's gradient summed over the frames (channels,).
    """
    of_gain = norm.inverse * (with_input - norm.mean * alone)
    factor = -norm.inverse.square() * (gain @ of_gain) / norm.size
    constant = -norm.inverse * (gain @ alone) / norm.size - norm.mean * factor
    return NormGradient(of_gain, alone, constant, factor)
