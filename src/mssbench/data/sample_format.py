"""How the samples of a rendition are stored: float32, or int16 at half the size.

An int16 sample stands for its 32768th part, exactly as in the 16-bit files that it came from.
"""

from typing import Literal

import numpy as np

from mssbench.data.songs import Song
from mssbench.errors import UserError

SampleFormat = Literal["float32", "int16"]

DTYPES: dict[SampleFormat, str] = {"float32": "<f4", "int16": "<i2"}
FULL_SCALE = 32768
INSTEAD = "choose float32 as the rendition's format"


def require_16_bit(song: Song) -> None:
    """Check that int16 loses nothing of what the song's files hold.

    Raises:
        UserError: a file is not 16-bit PCM.
    """
    import soundfile

    if song.is_stem_mp4:
        raise UserError(
            f"{song.path}: lossy audio, which decodes to more than the 16 bits of int16; {INSTEAD}"
        )
    for file in song.files:
        subtype = soundfile.info(file).subtype
        if subtype != "PCM_16":
            raise UserError(f"{file}: holds {subtype}, and int16 needs PCM_16; {INSTEAD}")


def encoded(audio: np.ndarray, sample_format: SampleFormat) -> np.ndarray:
    """Return ``audio``, float32 where +-1.0 is full scale, as it is stored.

    Raises:
        UserError: int16 would clip it.
    """
    if sample_format == "float32":
        return audio
    scaled = np.rint(audio * np.float32(FULL_SCALE))
    if scaled.max() >= FULL_SCALE or scaled.min() < -FULL_SCALE:
        peak = float(np.abs(audio).max())
        raise UserError(f"peaks at {peak:.5g}, which int16 would clip; {INSTEAD}")
    return scaled.astype(np.int16)


def decoded(stored: np.ndarray) -> np.ndarray:
    """Return stored samples as float32: float32 as it is, int16 scaled, in new memory."""
    if stored.dtype != np.int16:
        return stored
    return stored * np.float32(1 / FULL_SCALE)
