"""Estimates on disk: the list of them and their audio."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mssbench.errors import UserError
from mssbench.scoring.protocol import TARGETS

AGAIN = "separate the songs again"


@dataclass(frozen=True)
class SongEstimates:
    """The estimates of one song.

    Attributes:
        name: the song.
        files: the audio of each target, in the order of ``TARGETS``.
    """

    name: str
    files: tuple[Path, ...]

    def read(self, rate: int, channels: int, samples: int) -> np.ndarray:
        """Return the audio, float64 of (targets, channels, samples).

        Args:
            rate: the reference's sample rate (Hz).
            channels: its channels.
            samples: its length.

        Raises:
            UserError: a file is missing or damaged, is not like the reference, or has a sample
                that is no number.
        """
        return np.stack([read_like(file, rate, channels, samples) for file in self.files])


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
        UserError: it is missing, is something else, or lacks a target of a song.
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
    for name, files in songs.items():
        for target in TARGETS:
            if target not in files:
                raise UserError(
                    f"{path}: song {name!r} has no estimate of {target}, but of "
                    f"{', '.join(files) or 'nothing'}; scores need {' and '.join(TARGETS)}"
                )
    return [
        SongEstimates(name, tuple(path.parent / files[target] for target in TARGETS))
        for name, files in songs.items()
    ]
