"""Which songs are heard, and which part of each."""

import zlib

import numpy as np

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError
from mssbench.report.excerpt import STEPS_PER_SECOND, window_energies

# A part may begin wherever its energy is at most so far below the loudest part's (dB). Always the
# loudest would show each song at its densest alone.
WITHIN = 3.0


def choose_songs(rendition: Rendition, count: int, seed: int) -> list[RenditionSong]:
    """Draw ``count`` test songs, or all where there are no more; in the rendition's order.

    Raises:
        UserError: the rendition has no test song.
    """
    tests = [song for song in rendition.songs if song.subset == "test"]
    if not tests:
        raise UserError(f"{rendition.folder}: the rendition has no test song; nothing can be heard")
    drawn = np.random.default_rng(seed).choice(len(tests), min(count, len(tests)), replace=False)
    return [tests[number] for number in sorted(drawn)]


def choose_start(target: np.ndarray, seconds: float, rate: int, seed: int, song: str) -> float:
    """Draw where the part of a song begins, among the places where the target is loud.

    Args:
        target: the true target of the whole song, (channels, samples).
        seconds: length of the part. A shorter song is heard whole.
        rate: sample rate (Hz).
        seed: seed of the draw.
        song: name of the song: each song's draw is its own, whichever others are heard.

    Returns:
        The begin in seconds.
    """
    step = rate // STEPS_PER_SECOND
    energies = window_energies(target, round(seconds * rate), step)
    loud = np.flatnonzero(energies >= energies.max() * 10 ** (-WITHIN / 10))
    random = np.random.default_rng([seed, zlib.crc32(song.encode())])
    return float(random.choice(loud)) * step / rate
