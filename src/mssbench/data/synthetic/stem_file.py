"""Writing a song as one file in the manner of MUSDB18."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mssbench.atomic import atomic_path
from mssbench.data.songs import STEMS
from mssbench.errors import UserError

BIT_RATE = "256k"  # of each stream, as in MUSDB18


def write_stem_mp4(path: Path, tracks: Sequence[Path]) -> None:
    """Encode five WAV files to the AAC streams of one ``.stem.mp4``.

    Args:
        path: the file to write.
        tracks: the stereo WAV files, in the order of STEMS, which is that of the streams.

    Raises:
        UserError: ffmpeg is missing or cannot encode the files.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise UserError(
            "ffmpeg is not installed, and .stem.mp4 files need it; "
            "install it (sudo apt-get install ffmpeg) or write WAV files"
        )
    command = [ffmpeg, "-v", "error", "-nostdin", "-y"]
    for track in tracks:
        command += ["-i", f"file:{track}"]
    for number, stem in enumerate(STEMS):
        command += ["-map", f"{number}:a", f"-metadata:s:a:{number}", f"title={stem}"]
    command += ["-c:a", "aac", "-b:a", BIT_RATE]
    # Neither dates nor the encoder's version, and one thread: the same song gives the same bytes.
    command += ["-threads", "1", "-map_metadata", "-1", "-fflags", "+bitexact"]
    command += ["-flags:a", "+bitexact"]
    with atomic_path(path) as temporary:
        done = subprocess.run(
            [*command, f"file:{temporary}"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["no message"]
            raise UserError(f"{path}: ffmpeg could not encode it ({said[0]}); is ffmpeg complete?")
