"""Excerpts of stored songs brought together in one batch, by few calls that leave Python alone."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mssbench.data.sample_format import FULL_SCALE

# Of more than 32768 samples at once torch would make shares for threads, which the model's own are
# to have.
PIECE = 32000


def rows_of(stems: np.ndarray) -> Tensor:
    """Return stored stems (stems, channels, samples) as a tensor (rows, samples) of their memory.

    It must not be written to: a mapped file's memory cannot be.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(stems.reshape(-1, stems.shape[-1]).view(np.ndarray))


def gather(room: np.ndarray, songs: Sequence[Tensor], starts: Sequence[int]) -> None:
    """Fill a batch with excerpts of songs; what lies behind a song's end is zero.

    Each of the calls gives up Python's lock once for the whole batch. Where it is given up for each
    excerpt, threads that read wait for one another most of the time.

    Args:
        room: (crops, rows, samples), float32.
        songs: `rows_of` the song that each crop is cut from; int16 at full scale, or float32.
        starts: first sample of each crop.
    """
    if not songs:
        return
    _, rows, length = room.shape
    parts: list[Tensor] = []
    excerpts: list[Tensor] = []
    for crop, song, start in zip(torch.from_numpy(room).unbind(), songs, starts, strict=True):
        held = min(length, song.shape[1] - start)
        if held < length:
            crop[:, held:] = 0
        pieces = -(-rows * held // PIECE)
        parts += crop.narrow(1, 0, held).chunk(pieces, 1)
        excerpts += song.narrow(1, start, held).chunk(pieces, 1)
    # As torch's own optimisers do: one loop outside of Python.
    torch._foreach_copy_(parts, excerpts)
    if songs[0].dtype == torch.int16:
        np.multiply(room, np.float32(1 / FULL_SCALE), out=room)
