"""Any audio file, read piece by piece."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

import numpy as np
import soundfile

from mssbench.errors import UserError


class AudioFile:
    """An audio file that is read where it is asked for.

    What libsndfile cannot read is decoded by ffmpeg to a temporary file.

    Args:
        path: the file.
        folder: for that temporary file.

    Attributes:
        rate: sample rate (Hz).
        channels: number of channels.
        samples: length.

    Raises:
        UserError: the file is missing, holds no audio or cannot be read.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        if not path.is_file():
            raise UserError(f"{path}: there is no such file; give the path of an audio file")
        self.path = path
        try:
            self._opened = soundfile.SoundFile(path)
        except soundfile.LibsndfileError:
            self._opened = soundfile.SoundFile(decode(path, folder))
        self.rate, self.channels = self._opened.samplerate, self._opened.channels
        self.samples = self._opened.frames
        if self.samples == 0:
            raise UserError(f"{path}: empty: it has no sample; give a file that can be played")

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return samples ``start`` to ``stop - 1``, float32 of (channels, samples).

        Raises:
            UserError: the file is damaged there.
        """
        try:
            self._opened.seek(start)
            audio: np.ndarray = self._opened.read(stop - start, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UserError(f"{self.path}: damaged audio ({error}); get the file again") from None
        if len(audio) < stop - start:
            raise UserError(
                f"{self.path}: truncated: it ends at sample {start + len(audio)} of "
                f"{self.samples}; get the file again"
            )
        if not np.isfinite(audio).all():
            raise UserError(
                f"{self.path}: NaN or infinite between samples {start} and {stop}; mend the file"
            )
        return audio.T

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def decode(path: Path, folder: Path) -> Path:
    """Decode a file's first audio stream by ffmpeg to float32 in ``folder``.

    Raises:
        UserError: ffmpeg is missing or finds no audio in the file.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise UserError(
            f"{path}: libsndfile cannot read this file and ffmpeg is not installed; install it "
            "(sudo apt-get install ffmpeg) or convert the file to WAV or FLAC"
        )
    # Au has no limit of 4 GB and is written in one go.
    decoded = folder / "decoded.au"
    command = [ffmpeg, "-v", "error", "-nostdin", "-y", "-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-c:a", "pcm_f32be", f"file:{decoded}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise UserError(
            f"{path}: neither libsndfile nor ffmpeg can read this file ({said[-1]}); give an "
            "audio file"
        )
    return decoded
