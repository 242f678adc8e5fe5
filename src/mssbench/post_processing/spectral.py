"""Filters of estimates in the domain of the short-time Fourier transform, piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mssbench.errors import UserError
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.overlap_add import OverlapAdd
from mssbench.post_processing.stacks import Stacks, windows
from mssbench.training.structure import Count

Filter = Callable[[Tensor, Tensor], Tensor]
"""From complex spectra of the mixture (channels, bins, frames) and of its estimates (sources,
channels, bins, frames) to those of other estimates."""


@dataclass(frozen=True, kw_only=True)
class Framing:
    """The frames of a filter, and what else it sees.

    Attributes:
        n_fft: length of a frame (samples), an even multiple of the hop, so that the frames of every
            piece of a song lie on one grid.
        hop: distance of two frames (samples).
        residual: whether what the estimates lack of the mixture is one more source, which is not
            kept; for models that do not estimate all sources. With a single estimate it always is.

    Raises:
        UserError: n_fft is no even multiple of the hop.
    """

    n_fft: Count = 2048
    hop: Count = 512
    residual: bool = False

    KEY: ClassVar[str]
    """What ``separation`` calls the filter."""

    def __post_init__(self) -> None:
        if self.n_fft % (2 * self.hop):
            raise UserError(
                f"separation.{self.KEY}.n_fft is {self.n_fft}; it must be an even multiple of the "
                f"hop, {self.hop}"
            )


def filtered(stacks: Stacks, keep: Filter, framing: Framing, frames: int) -> Stacks:
    """Yield estimates filtered in pieces that are cross-faded over a frame.

    What a filter says of a frame by itself is what it would say in the whole song.

    Args:
        stacks: a mixture and its estimates.
        keep: the filter.
        framing: its frames.
        frames: between the beginnings of two pieces. A piece has those and three times ``n_fft``
            more, to be cross-faded and to be right at its ends.
    """
    n_fft = framing.n_fft
    step, half = frames * framing.hop, n_fft // 2
    joined = OverlapAdd(step + n_fft, step)
    done, total = -half, 0
    for window, length in windows(stacks, step, 3 * half):
        total += length
        block = joined.add(filtered_window(window, keep, framing))
        yield block[..., max(0, -done) : max(0, total - done)].astype(np.float32)
        done += step
    yield joined.rest()[..., max(0, -done) : max(0, total - done)].astype(np.float32)


def filtered_window(window: np.ndarray, keep: Filter, framing: Framing) -> np.ndarray:
    """Filter one piece; at both its ends, where frames hear no neighbours, ``n_fft`` are cut."""
    n_fft, hop = framing.n_fft, framing.hop
    waves = torch.from_numpy(window)
    mixture, estimates = waves[0], waves[1:]
    if framing.residual or len(estimates) == 1:
        estimates = torch.cat((estimates, (mixture - estimates.sum(0))[None]))
    spectra = keep(spectrogram(mixture, n_fft, hop), spectrogram(estimates, n_fft, hop))
    kept = waveform(spectra[: len(waves) - 1], n_fft, hop, waves.shape[-1])
    return torch.cat((waves[:1], kept))[..., n_fft:-n_fft].numpy()
