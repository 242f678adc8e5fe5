"""Filters of a waveform at a hop of half their length, as matrix products of its frames."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from mssbench.models.products import by_rows

PART = 256
"""Frames masked and decoded at a time, where no gradients are recorded."""


def analysed(mixture: Tensor, encoder: nn.Conv1d) -> Tensor:
    """Return what an encoder without bias makes of (batch, channels, samples).

    Returns:
        (batch, N, frames), which on a CPU lies in memory frame by frame.
    """
    if not by_rows(mixture):
        encoded: Tensor = encoder(mixture)
        return encoded
    around = encoder.padding[0]
    assert isinstance(around, int)
    windows = pad(mixture, (around, around)).unfold(-1, encoder.kernel_size[0], encoder.stride[0])
    return linear(windows.transpose(1, 2).flatten(2), encoder.weight.flatten(1)).transpose(1, 2)


def parts(encoded: Tensor) -> Iterator[slice]:
    """Cut (batch, N, frames) into parts that stay in the processor's cache.

    There is one part where that does not pay: where gradients are recorded or on a GPU.
    """
    frames = encoded.shape[-1]
    step = frames if torch.is_grad_enabled() or not by_rows(encoded) else PART
    return (slice(first, first + step) for first in range(0, frames, step))


def synthesised(masked: Iterable[Tensor], decoder: nn.ConvTranspose1d) -> Tensor:
    """Return what a decoder without bias and of a hop of half its filters makes of frames.

    Args:
        masked: the frames, (batch, sources, N, frames), part by part.
        decoder: from N to the audio channels.

    Returns:
        (batch, sources, channels, samples).
    """
    pieces = []
    for part in masked:
        if not by_rows(part):
            pieces.append(part)
            continue
        # (batch, frames, sources, channels * length)
        waves = linear(part.permute(0, 3, 1, 2), decoder.weight.flatten(1).T)
        pieces.append(waves.unflatten(-1, decoder.weight.shape[1:]).movedim(1, -2))
    if not by_rows(pieces[0]):
        whole = torch.cat(pieces, -1) if len(pieces) > 1 else pieces[0]
        signal: Tensor = decoder(whole.flatten(0, 1))
        return signal.unflatten(0, whole.shape[:2])
    before, after = torch.cat(pieces, -2).chunk(2, dim=-1)
    signal = (pad(before, (0, 0, 0, 1)) + pad(after, (0, 0, 1, 0))).flatten(-2)
    around = decoder.padding[0]
    assert isinstance(around, int)
    return signal[..., around : signal.shape[-1] - around]
