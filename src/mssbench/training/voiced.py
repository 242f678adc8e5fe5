"""Where somebody sings, for crops that are to hear a voice."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mssbench.data.sample_format import decoded
from mssbench.data.songs import STEMS
from mssbench.errors import UserError

Indices = npt.NDArray[np.int64]

# 800 samples at 16 kHz.
CHUNK_SECONDS = 0.05
THRESHOLD = 0.1

VOCALS = "vocals"


def voiced_segments(vocals: np.ndarray, chunk: int) -> Indices:
    """Find where a song is sung.

    As the training of Wavenet for music source separation (Lluís, Pons and Serra, Interspeech
    2019) does it: a chunk is voiced if the mean of its absolute samples is above a tenth of the
    song's highest. What fills no whole chunk at the song's end is not voiced.

    Args:
        vocals: (channels, samples), as a rendition stores them.
        chunk: samples a chunk.

    Returns:
        (segments, 2): first sample of each longest run of voiced chunks, and the one behind it.
    """
    whole = vocals.shape[-1] // chunk * chunk
    level = np.abs(decoded(vocals[:, :whole])).mean(axis=0).reshape(-1, chunk).mean(axis=1)
    voiced = level > THRESHOLD * level.max(initial=0)
    changes = np.diff(voiced.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return chunk * np.stack([starts, ends], axis=1)


class VoicedPlaces:
    """Places of crops that lie wholly within voiced segments.

    Args:
        songs: stems of each, (stems, channels, samples), as stored; may be mapped files.
        rate: their sampling rate in Hz.
        length: of a crop (samples).
        names: of the stems.

    Raises:
        UserError: the songs have no vocals, or no voiced segment is as long as a crop.
    """

    def __init__(
        self,
        songs: Sequence[np.ndarray],
        rate: int,
        length: int,
        names: Sequence[str] = STEMS,
    ) -> None:
        if VOCALS not in names:
            raise UserError(
                f"training.crops.voiced_share is above 0, but the songs have no {VOCALS} (they "
                f"have {', '.join(names)}); choose 0"
            )
        chunk = max(1, round(CHUNK_SECONDS * rate))
        rows = [
            (number, start, end - length - start + 1)
            for number, stems in enumerate(songs)
            for start, end in voiced_segments(stems[names.index(VOCALS)], chunk)
            if end - start >= length
        ]
        if not rows:
            raise UserError(
                "training.crops.voiced_share is above 0, but no song is sung for "
                f"{length / rate:.3g} s in a row, the length of a crop; choose shorter crops or 0"
            )
        self.songs, self.starts, counts = np.array(rows, dtype=np.int64).T
        self.ends = counts.cumsum()

    def draw(self, random: np.random.Generator, count: int) -> tuple[Indices, Indices]:
        """Return the song numbers and first samples of ``count`` crops; all are equally likely."""
        drawn = random.integers(self.ends[-1], size=count)
        segments = np.searchsorted(self.ends, drawn, side="right")
        places = drawn - np.concatenate([[0], self.ends])[segments]
        return self.songs[segments], self.starts[segments] + places

    def draw_by_song(self, random: np.random.Generator, count: int) -> tuple[Indices, Indices]:
        """Return the song numbers and first samples of ``count`` crops, song by song.

        As the training of Wavenet for music source separation draws them: a song, one of its
        segments, and a place in that, each with equal chances. Songs and segments too short for a
        crop are drawn again there, and passed over here.
        """
        _, first, segments = np.unique(self.songs, return_index=True, return_counts=True)
        drawn = random.integers(len(first), size=count)
        chosen = first[drawn] + random.integers(segments[drawn])
        places = np.diff(self.ends, prepend=0)
        return self.songs[chosen], self.starts[chosen] + random.integers(places[chosen])
