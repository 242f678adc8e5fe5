"""Songs on disk: the layouts of MUSDB18 and DSD100, the ``dataset.json`` that lists the songs.

Folders with stems of any names are found by `mssbench.data.own_songs`.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mssbench.atomic import write_json
from mssbench.data import dsd
from mssbench.errors import UserError

SOURCES = ("drums", "bass", "other", "vocals")
"""The sources of a song, in the order of MUSDB18's audio streams."""

STEMS = ("mixture", *SOURCES)
"""The tracks of a song of MUSDB18, in the order of its arrays of stems."""

SUBSETS = ("train", "test")
STEM_MP4 = ".stem.mp4"


@dataclass(frozen=True)
class Song:
    """One song of a data set.

    Args:
        name: ``Artist - Title``, unique in the data set; DSD100's begin with a number,
            ``005 - Artist - Title``.
        subset: ``train`` or ``test``.
        path: a folder of one file a stem, one ``.stem.mp4`` file, or, in the layout of DSD100,
            the mixture's folder.
        stems: names of the tracks in the order of the song's array, the mixture first.
        suffix: ending of the files in a folder.
        is_summed: whether the song has no file of its mixture, which is the sum of its sources.
    """

    name: str
    subset: str
    path: Path
    stems: tuple[str, ...] = STEMS
    suffix: str = ".wav"
    is_summed: bool = False

    @property
    def is_stem_mp4(self) -> bool:
        """Whether the song is one ``.stem.mp4`` file (else a folder of files)."""
        return self.path.name.endswith(STEM_MP4)

    @property
    def is_dsd(self) -> bool:
        """Whether mixture and sources lie in two folders, as in DSD100 and MSD100."""
        return dsd.is_mixture_folder(self.path)

    @property
    def tracks(self) -> tuple[str, ...]:
        """The stems that are read: all of them, or the sources of a song without a mixture."""
        return self.stems[1:] if self.is_summed else self.stems

    @property
    def files(self) -> tuple[Path, ...]:
        """The song's audio files: the ``.stem.mp4``, or a file for each of ``tracks``."""
        if self.is_stem_mp4:
            return (self.path,)
        sources = dsd.source_folder(self.path) if self.is_dsd else self.path
        return tuple(
            (self.path if track == "mixture" else sources) / f"{track}{self.suffix}"
            for track in self.tracks
        )


Refuse = Callable[[Song, str], None]
"""Gets a song at fault, and one line that says what is wrong with it."""


def raising(song: Song, fault: str) -> None:
    """Refuse a song at fault, and the whole data set with it.

    Raises:
        UserError: always, with ``fault``.
    """
    raise UserError(fault)


def find_songs(root: Path | str, refuse: Refuse = raising) -> list[Song]:
    """Find the songs under ``root``, sorted by subset and name.

    Three layouts are known: MUSDB18's ``train|test/<name>.stem.mp4``, MUSDB18-HQ's
    ``train|test/<name>/{mixture,drums,bass,other,vocals}.wav``, and that of DSD100 and MSD100,
    ``Mixtures/Dev|Test/<name>/mixture.wav`` with
    ``Sources/Dev|Test/<name>/{drums,bass,other,vocals}.wav``, in ``root`` or in the one folder
    of it that has them, as DSD100's archive does. Hidden files and files of other kinds (a
    README) are passed over.

    Args:
        root: the folder.
        refuse: gets each song that lacks a stem; such a song is among those returned.

    Raises:
        UserError: no folder of a subset, one without a song, two layouts at once, one name
            twice, or see ``refuse``.
    """
    root = Path(root).absolute()
    subsets = [subset for subset in sorted(SUBSETS) if (root / subset).is_dir()]
    if subsets and (root / dsd.MIXTURES).is_dir():
        raise UserError(
            f"two layouts in one data set: {root} holds {subsets[0]} and {dsd.MIXTURES}; "
            "keep only one of the layouts"
        )
    if subsets:
        songs = [song for subset in subsets for song in _songs_of(root / subset)]
    elif home := dsd.find_home(root):
        songs = [Song(path.name, subset, path) for subset, path in dsd.mixture_folders(home)]
    else:
        raise UserError(
            f"{root}: found neither a train nor a test folder, nor {dsd.MIXTURES}; give the "
            "folder that holds them"
        )
    for song in songs:
        if not song.is_stem_mp4:
            _check_stems(song, refuse)
    _check_one_layout(songs)
    check_names(songs)
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
    if not songs:
        raise UserError(
            f"{folder}: no song in this folder; put {STEM_MP4} files or folders of WAV files "
            "there, or remove it"
        )
    return sorted(songs, key=lambda song: song.name)


def _check_stems(song: Song, refuse: Refuse) -> None:
    home = song.path.parents[2] if song.is_dsd else song.path
    missing = [str(file.relative_to(home)) for file in song.files if not file.is_file()]
    if missing:
        refuse(
            song,
            f"{song.path}: this song has no {', '.join(missing)}; a song needs "
            f"{', '.join(f'{stem}.wav' for stem in STEMS)}",
        )


def _check_one_layout(songs: Iterable[Song]) -> None:
    layouts = {song.is_stem_mp4: song for song in songs}
    if len(layouts) > 1:
        raise UserError(
            f"two layouts in one data set: {layouts[True].path} is a {STEM_MP4} file and "
            f"{layouts[False].path} a folder of WAV files; keep only one of the layouts"
        )


def check_names(songs: Iterable[Song]) -> None:
    """Check that no two songs have one name.

    Raises:
        UserError: two have.
    """
    seen: dict[str, Song] = {}
    for song in songs:
        if song.name in seen:
            raise UserError(
                f"{song.path}: the name {song.name!r} is taken by {seen[song.name].path}; "
                "a song may appear only once in a data set"
            )
        seen[song.name] = song


@dataclass(frozen=True)
class Dataset:
    """A data set as ``dataset.json`` describes it.

    Args:
        name: as the pipeline calls it, such as ``synthetic``.
        root: absolute path of the folder that ``find_songs`` was given.
        songs: its songs, with paths under ``root``; all have the same stems.
        source: how it was made: parameters, an archive's checksum or a link.
        digest: changes when the audio does.
    """

    name: str
    root: Path
    songs: tuple[Song, ...]
    source: dict[str, Any]
    digest: str

    @property
    def stems(self) -> tuple[str, ...]:
        """The stems of every song, the mixture first."""
        return self.songs[0].stems if self.songs else STEMS

    def save(self, path: Path | str) -> None:
        """Write ``dataset.json`` to ``path``; the songs' paths become relative to ``root``."""
        root = self.root.absolute()
        songs = [
            {
                "name": song.name,
                "subset": song.subset,
                "path": song.path.absolute().relative_to(root).as_posix(),
                "suffix": song.suffix,
                "is_summed": song.is_summed,
            }
            for song in self.songs
        ]
        write_json(
            path,
            {
                "name": self.name,
                "root": str(root),
                "stems": self.stems,
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
            stems = tuple(read.get("stems", STEMS))
            songs = tuple(
                Song(**{**song, "path": root / song["path"], "stems": stems})
                for song in read["songs"]
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
