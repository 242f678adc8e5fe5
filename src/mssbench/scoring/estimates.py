"""Estimates on disk: the list of them and their audio."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mssbench.errors import UserError
from mssbench.estimate_files import sha256
from mssbench.scoring.tracks import Tracks, gathered

AGAIN = "separate the songs again"

# What float32 holds exactly.
NARROW = {"FLOAT", "PCM_S8", "PCM_U8", "PCM_16", "PCM_24"}


@dataclass(frozen=True)
class SongEstimates:
    """The estimates of one song.

    Attributes:
        name: the song.
        files: the audio of each target.
        sha256: of these files (hex), where it is known.
    """

    name: str
    files: dict[str, Path]
    sha256: dict[str, str] = field(default_factory=dict)

    def read(self, targets: Sequence[str], rate: int, channels: int, samples: int) -> Tracks:
        """Return the audio of some targets, each (channels, samples).

        It is float32 where that holds the values of all files, else float64.

        Args:
            targets: of which.
            rate: the reference's sample rate (Hz).
            channels: its channels.
            samples: its length.

        Raises:
            UserError: a file is missing or damaged, is not like the reference, or has a sample
                that is no number.
        """
        for target in targets:
            self.check(target)
        files = (self.files[target] for target in targets)
        return gathered(targets, (read_like(file, rate, channels, samples) for file in files))

    def check(self, target: str) -> None:
        """Compare a target's file with its checksum, where that is known.

        Raises:
            UserError: they differ.
        """
        file = self.files[target]
        if target in self.sha256 and file.is_file() and sha256(file) != self.sha256[target]:
            raise UserError(f"{file} is not what was written, its checksum is another; {AGAIN}")


def read_like(file: Path, rate: int, channels: int, samples: int) -> np.ndarray:
    """Return a file's audio, (channels, samples), if it is like its reference."""
    try:
        with soundfile.SoundFile(file) as opened:
            found = (opened.samplerate, opened.channels, opened.frames)
            wanted = (rate, channels, samples)
            for what, is_, should_be in zip(
                ("sample rate (Hz)", "number of channels", "length (samples)"),
                found,
                wanted,
                strict=True,
            ):
                if is_ != should_be:
                    raise UserError(
                        f"{file}: its {what} is {is_}, the reference's is {should_be}; {AGAIN} "
                        "from the rendition that they are scored against"
                    )
            kind = "float32" if opened.subtype in NARROW else "float64"
            audio: np.ndarray = opened.read(dtype=kind, always_2d=True).T
    except soundfile.LibsndfileError as error:
        raise UserError(f"{file} cannot be read ({error}); {AGAIN}") from None
    if not np.isfinite(audio).all():
        raise UserError(
            f"{file}: {np.count_nonzero(~np.isfinite(audio))} of {audio.size} samples are NaN or "
            "infinite; the model that made them has diverged: train it again with a smaller "
            "learning rate"
        )
    return audio


def read_estimates(path: Path) -> list[SongEstimates]:
    """Read an ``estimates.json``.

    Raises:
        UserError: it is missing or is something else.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        songs = [
            SongEstimates(
                str(song["name"]),
                {target: path.parent / file for target, file in dict(song["files"]).items()},
                dict(song.get("sha256", {})),
            )
            for song in content["songs"]
        ]
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run 'mssbench separate'") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not an estimates.json ({error!r}); {AGAIN}") from None
    if not songs:
        raise UserError(f"{path} lists no song; {AGAIN}")
    return songs
