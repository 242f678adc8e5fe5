"""Estimates on disk: the list of them and their audio."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mssbench.errors import UserError

AGAIN = "separate the songs again"


@dataclass(frozen=True)
class SongEstimates:
    """The estimates of one song.

    Attributes:
        name: the song.
        files: the audio of each target.
    """

    name: str
    files: dict[str, Path]

    def read(
        self, targets: Sequence[str], rate: int, channels: int, samples: int
    ) -> dict[str, np.ndarray]:
        """Return the audio of some targets, each float64 of (channels, samples).

        Args:
            targets: of which.
            rate: the reference's sample rate (Hz).
            channels: its channels.
            samples: its length.

        Raises:
            UserError: a file is missing or damaged, is not like the reference, or has a sample
                that is no number.
        """
        return {
            target: read_like(self.files[target], rate, channels, samples) for target in targets
        }


def read_like(file: Path, rate: int, channels: int, samples: int) -> np.ndarray:
    """Return a file's audio, float64 of (channels, samples), if it is like its reference."""
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
            audio: np.ndarray = opened.read(dtype="float64", always_2d=True).T
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
        songs = {song["name"]: dict(song["files"]) for song in content["songs"]}
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run 'mssbench separate'") from None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is not an estimates.json ({error!r}); {AGAIN}") from None
    if not songs:
        raise UserError(f"{path} lists no song; {AGAIN}")
    return [
        SongEstimates(name, {target: path.parent / file for target, file in files.items()})
        for name, files in songs.items()
    ]
