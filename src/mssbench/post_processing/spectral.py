"""Filters of estimates in the domain of the short-time Fourier transform, piece by piece."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mssbench.errors import UserError
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.overlap_add import OverlapAdd
from mssbench.post_processing.stacks import Stacks, windows

Filter = Callable[[Tensor, Tensor], Tensor]
"""From complex spectra of the mixture (channels, bins, frames) and of its estimates (sources,
channels, bins, frames) to those of other estimates."""


def check_frames(key: str, n_fft: int, hop: int) -> None:
    """Check that frames lie on one grid in every piece of a song.

    Raises:
        UserError: ``n_fft`` is no even multiple of ``hop``.
    """
    if n_fft % (2 * hop):
        raise UserError(
            f"separation.{key}.n_fft is {n_fft}; it must be an even multiple of the hop, {hop}"
        )


def filtered(
    stacks: Stacks, keep: Filter, *, n_fft: int, hop: int, frames: int, residual: bool
) -> Stacks:
    """Yield estimates filtered in pieces that are cross-faded over a frame.

    What a filter says of a frame by itself is what it would say in the whole song.

    Args:
        stacks: a mixture and its estimates.
        keep: the filter.
        n_fft: length of a frame (samples), an even multiple of the hop.
        hop: distance of two frames (samples).
        frames: between the beginnings of two pieces. A piece has those and three times ``n_fft``
            more, to be cross-faded and to be right at its ends.
        residual: whether what the estimates lack of the mixture is one more source for the filter,
            which is then left out. With a single estimate it always is.
    """
    step, half = frames * hop, n_fft // 2
    joined = OverlapAdd(step + n_fft, step)
    done, total = -half, 0
    for window, length in windows(stacks, step, 3 * half):
        total += length
        block = joined.add(filtered_window(window, keep, n_fft, hop, residual))
        yield block[..., max(0, -done) : max(0, total - done)].astype(np.float32)
        done += step
    yield joined.rest()[..., max(0, -done) : max(0, total - done)].astype(np.float32)


def filtered_window(
    window: np.ndarray, keep: Filter, n_fft: int, hop: int, residual: bool
) -> np.ndarray:
    """Filter one piece; at both its ends, where frames hear no neighbours, ``n_fft`` are cut."""
    waves = torch.from_numpy(window)
    mixture, estimates = waves[0], waves[1:]
    if residual or len(estimates) == 1:
        estimates = torch.cat((estimates, (mixture - estimates.sum(0))[None]))
    spectra = keep(spectrogram(mixture, n_fft, hop), spectrogram(estimates, n_fft, hop))
    kept = waveform(spectra[: len(waves) - 1], n_fft, hop, waves.shape[-1])
    return torch.cat((waves[:1], kept))[..., n_fft:-n_fft].numpy()
