"""Silence where an estimate, or its mixture, has little energy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from mssbench.models.spectrogram import spectrogram
from mssbench.post_processing.stacks import Stacks, cut
from mssbench.training.structure import Count, NotNegative

N_FFT, HOP = 1024, 256
"""Frames of the spectral energy (samples): those of the ResNet latent separator."""


@dataclass(frozen=True)
class Bounds:
    """The least energies at which an estimate is kept.

    Attributes:
        estimate: of the estimate.
        mixture: of the mixture.
    """

    estimate: NotNegative
    mixture: NotNegative


PAPER = {"other": Bounds(estimate=0.0001, mixture=0.0)}


@dataclass(frozen=True)
class ThresholdConfig:
    """Energy thresholding of the ResNet latent separator (RA, sections IV-D and V-B).

    Segment by segment, an estimate is kept where its energy and the mixture's are at least as high
    as these bounds, and is silent elsewhere. The defaults are the paper's values. What it means by
    energy, its code does not have: unverified. museval has no value for any target of a window in
    which one estimate is silent.

    Attributes:
        estimate: least energy of an estimate.
        mixture: least energy of the mixture.
        targets: bounds of single targets; None for the paper's, other bounds for ``other``.
        energy: ``mean_square`` over samples and channels, so that 0.001 is 30 dB below full scale;
            their ``sum``; or ``spectrum``, the summed squared magnitudes of a short-time Fourier
            transform with frames of 1,024 samples, a quarter apart.
        samples: length of a segment; None for ``separation.segment``.
    """

    estimate: NotNegative = 0.001
    mixture: NotNegative = 0.001
    targets: dict[str, Bounds] | None = None
    energy: Literal["mean_square", "sum", "spectrum"] = "mean_square"
    samples: Count | None = None

    def bounds_of(self, target: str) -> Bounds:
        """Return the bounds of one target."""
        own = PAPER if self.targets is None else self.targets
        return own.get(target, Bounds(self.estimate, self.mixture))


def thresholded(
    stacks: Stacks, config: ThresholdConfig, targets: Sequence[str], segment: int
) -> Stacks:
    """Yield a song's estimates, silent in the segments in which they or the mixture are weak.

    Args:
        stacks: the mixture and the estimates.
        config: the bounds.
        targets: names of the estimates.
        segment: length of a segment (samples) where the bounds do not say it.
    """
    bounds = [config.bounds_of(target) for target in targets]
    for stack in cut(stacks, config.samples or segment):
        mixture, *energies = (energy(wave, config.energy) for wave in stack)
        kept = [
            found >= bound.estimate and mixture >= bound.mixture
            for found, bound in zip(energies, bounds, strict=True)
        ]
        yield np.where(np.array([True, *kept])[:, None, None], stack, np.float32(0))


def energy(wave: np.ndarray, kind: str) -> float:
    """Return the energy of a waveform (channels, samples), as `ThresholdConfig` defines it."""
    if kind == "spectrum":
        spectra = spectrogram(torch.from_numpy(wave).double(), N_FFT, HOP)
        return float(spectra.abs().square().sum())
    squares = np.square(wave, dtype=np.float64)
    return float(squares.mean() if kind == "mean_square" else squares.sum())
