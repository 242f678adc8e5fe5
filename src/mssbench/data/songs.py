"""Songs on disk: the two MUSDB18 layouts and the ``dataset.json`` that lists a data set."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mssbench.atomic import write_json
from mssbench.errors import UserError

SOURCES = ("drums", "bass", "other", "vocals")
"""The sources of a song, in the order of MUSDB18's audio streams."""

STEMS = ("mixture", *SOURCES)
"""The five tracks of a song, in the order of every array of stems."""

SUBSETS = ("train", "test")
STEM_MP4 = ".stem.mp4"


@dataclass(frozen=True)
class Song:
    """One song of a data set.

    Args:
        name: ``Artist - Title``, unique in the data set.
        subset: ``train`` or ``test``.
        path: a folder of five WAV files, or one ``.stem.mp4`` file.
    """

    name: str
    subset: str
    path: Path

    @property
    def is_stem_mp4(self) -> bool:
        """Whether the song is one ``.stem.mp4`` file (else a folder of WAV files)."""
        return self.path.name.endswith(STEM_MP4)

    @property
    def files(self) -> tuple[Path, ...]:
        """The song's audio files: the ``.stem.mp4``, or five WAV files in the order of STEMS."""
        if self.is_stem_mp4:
            return (self.path,)
        return tuple(self.path / f"{stem}.wav" for stem in STEMS)


def find_songs(root: Path | str) -> list[Song]:
    """Find the songs under ``root``, sorted by subset and name.

    Two layouts are known: MUSDB18's ``train|test/<name>.stem.mp4`` and MUSDB18-HQ's
    ``train|test/<name>/{mixture,drums,bass,other,vocals}.wav``. Hidden files and files of other
    kinds (a README) are passed over.

    Raises:
        UserError: no ``train`` or ``test`` folder, one without a song, a folder that lacks a
            stem, both layouts at once, or one name twice.
    """
    root = Path(root).absolute()
    subsets = [subset for subset in sorted(SUBSETS) if (root / subset).is_dir()]
    if not subsets:
        raise UserError(
            f"{root}: found neither a train nor a test folder; give the folder that holds them"
        )
    songs = [song for subset in subsets for song in _songs_of(root / subset)]
    _check_one_layout(songs)
    _check_names(songs)
    return songs


def _songs_of(folder: Path) -> list[Song]:
    songs = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.name.endswith(STEM_MP4):
            songs.append(Song(path.name.removesuffix(STEM_MP4), folder.name, path))
        elif path.is_dir():
            songs.append(Song(path.name, folder.name, path))
            _check_stems(songs[-1])
    if not songs:
        raise UserError(
            f"{folder}: no song in this folder; put {STEM_MP4} files or folders of WAV files "
            "there, or remove it"
        )
    return sorted(songs, key=lambda song: song.name)


def _check_stems(song: Song) -> None:
    missing = [file.name for file in song.files if not file.is_file()]
    if missing:
        raise UserError(
            f"{song.path}: no {', '.join(missing)} in this song's folder; a song needs "
            f"{', '.join(f'{stem}.wav' for stem in STEMS)}"
        )


def _check_one_layout(songs: Iterable[Song]) -> None:
    layouts = {song.is_stem_mp4: song for song in songs}
    if len(layouts) > 1:
        raise UserError(
            f"two layouts in one data set: {layouts[True].path} is a {STEM_MP4} file and "
            f"{layouts[False].path} a folder of WAV files; keep only one of the layouts"
        )


def _check_names(songs: Iterable[Song]) -> None:
    seen: dict[str, Song] = {}
    for song in songs:
        if song.name in seen:
            raise UserError(
                f"{song.path}: the name {song.name!r} is taken by {seen[song.name].path}; "
                "a song may appear only once in a data set"
            )
        seen[song.name] = song


def dataset_digest(root: Path | str, songs: Sequence[Song]) -> str:
    """Return a SHA-256 (hex) that changes when a song or one of its files changes.

    It covers each song's name and subset and each file's name relative to ``root``, size (bytes)
    and time of change (ns), and reads no audio.

    Raises:
        UserError: a file is missing.
    """
    root = Path(root).absolute()
    digest = hashlib.sha256()
    for song in sorted(songs, key=lambda song: (song.subset, song.name)):
        lines: list[list[str | int]] = [[song.name, song.subset]]
        for file in song.files:
            if not file.is_file():
                raise UserError(f"{file}: no such file; put it back or make the data set again")
            state = file.stat()
            name = file.relative_to(root).as_posix()
            lines.append([name, state.st_size, state.st_mtime_ns])
        digest.update(json.dumps(lines).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """A data set as ``dataset.json`` describes it.

    Args:
        name: as the pipeline calls it, such as ``synthetic``.
        root: absolute path of the folder with ``train`` and ``test``.
        songs: its songs, with paths under ``root``.
        source: how it was made: parameters, an archive's checksum or a link.
        digest: changes when the audio does.
    """

    name: str
    root: Path
    songs: tuple[Song, ...]
    source: dict[str, Any]
    digest: str

    def save(self, path: Path | str) -> None:
        """Write ``dataset.json`` to ``path``; the songs' paths become relative to ``root``."""
        root = self.root.absolute()
        songs = [
            {
                "name": song.name,
                "subset": song.subset,
                "path": song.path.absolute().relative_to(root).as_posix(),
            }
            for song in self.songs
        ]
        write_json(
            path,
            {
                "name": self.name,
                "root": str(root),
                "songs": songs,
                "source": self.source,
                "digest": self.digest,
            },
        )

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a ``dataset.json``.

        Raises:
            UserError: the file is missing or not a ``dataset.json``, or its folder has gone.
        """
        again = "make it again with 'mssbench data'"
        try:
            read = json.loads(Path(path).read_text(encoding="utf-8"))
            root = Path(read["root"])
            songs = tuple(
                Song(song["name"], song["subset"], root / song["path"]) for song in read["songs"]
            )
            dataset = cls(read["name"], root, songs, read["source"], read["digest"])
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; {again}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path}: not a dataset.json ({error!r}); {again}") from None
        wrong = [song for song in songs if song.subset not in SUBSETS]
        if wrong:
            raise UserError(
                f"{path}: the subset of {wrong[0].name!r} is {wrong[0].subset!r}; "
                f"allowed are {' and '.join(SUBSETS)}; {again}"
            )
        if not root.is_dir():
            raise UserError(f"{path}: its folder {root} is gone; put it back or {again}")
        return dataset
