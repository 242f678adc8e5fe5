"""Scoring of one song from files to files: the work of one process."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

from mssbench.errors import UserError
from mssbench.provenance import digest, source_digest
from mssbench.scoring.estimates import SongEstimates
from mssbench.scoring.problems import PAIR, Problem, problems
from mssbench.scoring.protocol import Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mssbench.scoring.song import SongScores


class TrueSources(Interface):
    """Where references come from, such as a `mssbench.data.rendition.Rendition`."""

    @property
    def rate(self) -> int:
        """Sample rate (Hz)."""

    @property
    def channel_count(self) -> int:
        """Number of channels."""

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the tracks in the order of ``audio``'s array, the mixture first."""

    def by_name(self, name: str) -> Any:
        """Return the song called ``name``, which has ``name``, ``samples`` and ``sha256``."""

    def audio(self, song: Any) -> "np.ndarray":
        """Return the song's stems, (stems, channels, samples)."""


@dataclass(frozen=True)
class Job:
    """The scoring of one song.

    Args:
        run: names what made the estimates.
        rendition: has the references; a rendition, or what stands in for one.
        estimates: of a song of it.
        protocol: how to score.
        folder: gets museval's JSON as ``<song>.json`` where BSSEval is computed, and the song's
            table in a folder of unfinished work, from where an interrupted run takes it up.
        kept: a folder of what the engine needs of the references, which many runs may share.
    """

    run: str
    rendition: TrueSources
    estimates: SongEstimates
    protocol: Protocol
    folder: Path
    kept: Path | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """What the song is made of."""
        return self.rendition.stems[1:]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is scored together.

        Raises:
            UserError: the estimates are of too little to score.
        """
        sources = self.sources
        posed = problems(sources, self.estimates.files)
        if not posed:
            pair = [" and ".join(PAIR)] if "vocals" in sources else []
            raise UserError(
                f"song {self.estimates.name!r} has estimates of "
                f"{', '.join(self.estimates.files) or 'nothing'}; scores need "
                f"{', or '.join([*pair, 'two or more of ' + ', '.join(sources)])}"
            )
        return posed

    @property
    def museval_json(self) -> Path:
        """The song's scores as museval writes them."""
        return self.folder / f"{self.estimates.name}.json"

    @property
    def part(self) -> Path:
        """The song's table."""
        return self.folder / "unfinished" / f"{self.estimates.name}.parquet"

    def __call__(self) -> None:
        """Score the song and write its files, the table last.

        Raises:
            UserError: the estimates are missing, damaged or not like the references.
        """
        from mssbench.scoring.results import write_museval_json, write_scores
        from mssbench.scoring.table import score_table

        scores = self.scores()
        table = score_table(self.run, scores)
        how = self.protocol.description()
        table.attrs = {
            "protocol": how,
            "silent": list(scores.silent),
            "made_from": self.made_from(),
        }
        if self.protocol.bsseval:
            write_museval_json(self.museval_json, scores, how["version"])
        else:
            self.museval_json.unlink(missing_ok=True)
        write_scores(self.part, table)

    def scores(self) -> "SongScores":
        """Score the song.

        Raises:
            UserError: the estimates are missing, damaged or not like the references.
        """
        import numpy as np

        from mssbench.scoring.song import references_of, score_song

        song, names = self.rendition.by_name(self.estimates.name), self.rendition.stems
        rate, channels = self.rendition.rate, self.rendition.channel_count
        # The pair last: its vocals are then beside the accompaniment, and nothing is held twice.
        posed = self.problems[::-1]
        wanted = list(dict.fromkeys(source for p in posed for source in p.sources))
        stems = self.rendition.audio(song)
        references = references_of(stems, names, wanted, self.protocol.references)
        mixture = np.array(stems[names.index("mixture")])
        del stems  # a third of what is held
        estimates = self.estimates.read(wanted, rate, channels, song.samples)
        return score_song(
            song.name,
            self.problems,
            references,
            estimates,
            rate=rate,
            protocol=self.protocol,
            mixture=mixture,
            kept=self.kept,
        )

    def finished(self) -> bool:
        """Return whether an earlier run has scored the same audio in the same way."""
        try:
            written = self.museval_json.is_file() or not self.protocol.bsseval
            return written and self.table().attrs.get("made_from") == self.made_from()
        except (UserError, OSError):
            return False

    def table(self) -> "pd.DataFrame":
        """Return the song's table.

        Raises:
            UserError: the song has not been scored.
        """
        from mssbench.scoring.results import read_scores

        return read_scores(self.part)

    def made_from(self) -> str:
        """Return a digest of all that decides the song's table."""
        files = {}
        for target, file in sorted(self.estimates.files.items()):
            with file.open("rb") as opened:
                files[target] = hashlib.file_digest(opened, "sha256").hexdigest()
        reference = self.rendition.by_name(self.estimates.name).sha256
        how = [self.run, self.protocol.description(), self.rendition.rate, source_digest(__name__)]
        return digest([reference, files, json.dumps(how)], length=64)
