"""What a study says of its listening page."""

from dataclasses import dataclass
from typing import Annotated

from mssbench.report.listening.sound import Format
from mssbench.training.structure import Minimum


@dataclass(frozen=True)
class Listening:
    """The key ``listening`` of a study.

    Attributes:
        songs: how many test songs are heard; all where there are fewer.
        seconds: length of each excerpt. A shorter song is heard whole.
        seed: decides the songs and where their excerpts begin.
        rows: the experiments that are heard; None for all.
        targets: what is heard of each; None for what all of them estimate.
        metrics: the scores shown beside them, as far as the score tables have them.
        format: ``ogg`` (Vorbis) or ``flac``, which loses nothing and takes three times the room.
    """

    songs: Annotated[int, Minimum(1)] = 3
    seconds: Annotated[float, Minimum(1)] = 10.0
    seed: Annotated[int, Minimum(0)] = 0
    rows: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    metrics: tuple[str, ...] = ("SDR", "SIR", "SAR", "song SI-SDR")
    format: Format = "ogg"
