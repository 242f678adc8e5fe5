"""Songs that an attempt has separated before it was ended, so that the next one does not again."""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.atomic import write_json
from mssbench.estimate_files import sha256
from mssbench.models.registry import address_of
from mssbench.provenance import digest, source_digest

if TYPE_CHECKING:
    from mssbench.data.rendition import Rendition, RenditionSong

log = logging.getLogger(__name__)

FOLDER = ".unfinished"
"""Beside the songs' own folders, and the name of none of them."""


@dataclass(frozen=True)
class KeptSongs:
    """What is known of the songs that are separated: a file each, written when the audio is.

    Args:
        folder: of the estimates; the files lie in a folder of it, until all songs are done.
        made_from: digest of all that decides the estimates beside the song, see `made_from`.
    """

    folder: Path
    made_from: str

    def file(self, song: "RenditionSong") -> Path:
        """Return where a song's file lies."""
        return self.folder / FOLDER / f"{song.name}.json"

    def of_song(self, song: "RenditionSong") -> str:
        """Return a digest of all that decides a song's estimates."""
        return digest([self.made_from, song.name, song.sha256], length=64)

    def keep(self, song: "RenditionSong", entry: dict[str, Any], seconds: float) -> None:
        """Write that a song is separated.

        Args:
            song: whose estimates are written.
            entry: what ``estimates.json`` says of it.
            seconds: that it took.
        """
        kept = {"made_from": self.of_song(song), "entry": entry, "seconds": seconds}
        write_json(self.file(song), kept)

    def find(self, song: "RenditionSong") -> tuple[dict[str, Any], float] | None:
        """Return what was kept of a song, as given to `keep`.

        None where that is not all there, is damaged, or was made of something else.
        """
        try:
            kept = json.loads(self.file(song).read_text(encoding="utf-8"))
            if kept["made_from"] != self.of_song(song):
                return None
            entry, seconds = dict(kept["entry"]), float(kept["seconds"])
            for target, name in entry["files"].items():
                if sha256(self.folder / name) != entry["sha256"][target]:
                    log.warning("%s is not what was written: separated again", self.folder / name)
                    return None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s is damaged (%r): separated again", self.file(song), error)
            return None
        return entry, seconds

    def clear(self) -> None:
        """Remove what was kept, here or by another configuration; the audio stays."""
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)


def made_from(
    config: dict[str, Any], weights: Path | None, rendition: "Rendition", device: str, threads: int
) -> str:
    """Return a digest of all that decides the bits of the estimates beside the songs.

    Args:
        config: the resolved configuration.
        weights: of the model, where it is trained.
        rendition: has the songs.
        device: that computes.
        threads: that compute.
    """
    source, _ = address_of(config["model"]["name"])
    # How runs are tracked is no part of it.
    code = source_digest("mssbench.commands.separate", source, without="mssbench.tracking")
    audio = [rendition.rate, rendition.channels, rendition.sample_format, list(rendition.stems)]
    trained = weights and sha256(weights)
    return digest([config, trained, audio, device, threads, code], length=64)
