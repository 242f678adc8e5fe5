"""Estimates written to files, block by block."""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from mssbench.atomic import atomic_path
from mssbench.data.disk import telling_full_disk

if TYPE_CHECKING:  # scoring reads estimates, and needs no torch
    from mssbench.separation import Estimates

# The size field of a WAV file has 32 bits; RF64 is WAV with a longer one.
LARGEST_WAV = 2**32 - 2**16


def write_estimates(
    blocks: "Iterable[Estimates]", files: dict[str, Path], rate: int, channels: int, samples: int
) -> None:
    """Write a song's estimates as float32 WAV.

    Args:
        blocks: consecutive parts of the estimates.
        files: target -> file, all in one folder.
        rate: sample rate (Hz).
        channels: audio channels.
        samples: length of the song.

    Raises:
        UserError: the disk is full.
    """
    folder = next(iter(files.values())).parent
    folder.mkdir(parents=True, exist_ok=True)
    kind = "WAV" if 4 * channels * samples < LARGEST_WAV else "RF64"
    with telling_full_disk(folder), ExitStack() as stack:
        waves = {}
        for target, file in files.items():
            temporary = stack.enter_context(atomic_path(file))
            waves[target] = stack.enter_context(
                soundfile.SoundFile(temporary, "w", rate, channels, subtype="FLOAT", format=kind)
            )
        for estimates in blocks:
            for target, wave in waves.items():
                wave.write(estimates[target].T)


def sha256(file: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
