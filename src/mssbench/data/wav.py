"""One WAV file: its header and its samples, with damage told apart from silence."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from mssbench.errors import UserError

# From here on the size in a WAV header says "written to a pipe, length unknown".
STREAMED_BYTES = 0x7FFF0000

GET_AGAIN = "get the file again"


class Header(NamedTuple):
    """What a file says of one track without being decoded."""

    samples: int
    rate: int
    channels: int


def read_wav(file: Path) -> tuple[np.ndarray, Header]:
    """Decode one WAV file: float32 of (channels, samples), NaN and infinite samples included.

    Raises:
        UserError: the file is missing, empty, truncated or not audio.
    """
    header = wav_header(file)
    try:
        audio, _ = soundfile.read(file, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise UserError(f"{file}: unreadable audio ({error}); {GET_AGAIN}") from None
    if len(audio) != header.samples:
        raise UserError(
            f"{file}: truncated: {len(audio)} of {header.samples} samples could be read; "
            f"{GET_AGAIN}"
        )
    return audio.T, header


def wav_header(file: Path) -> Header:
    """Return the header of one WAV file.

    Raises:
        UserError: the file is missing, empty, truncated or not audio, as far as it tells.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file; put it back or make the data set again")
    try:
        info = soundfile.info(file)
    except soundfile.LibsndfileError as error:
        raise UserError(f"{file}: unreadable audio ({error}); {GET_AGAIN}") from None
    # libsndfile shortens a truncated file silently; only its log tells.
    cut = re.search(r"^data : (\d+) \(should be (\d+)\)", info.extra_info, re.MULTILINE)
    if cut and int(cut[2]) < int(cut[1]) < STREAMED_BYTES:
        raise UserError(
            f"{file}: truncated: {cut[2]} of {cut[1]} bytes of audio are there; {GET_AGAIN}"
        )
    if info.frames == 0:
        raise UserError(f"{file}: empty: it has no sample; {GET_AGAIN}")
    return Header(info.frames, info.samplerate, info.channels)
