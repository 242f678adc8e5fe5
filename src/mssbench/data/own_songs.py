"""Songs of a user's own: folders of audio files with any stem names."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mssbench.data.songs import SUBSETS, Refuse, Song, check_names, raising
from mssbench.errors import UserError

SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
MIXTURE = "mixture"


def find_own_songs(
    root: Path | str, sources: Sequence[str] = (), refuse: Refuse = raising
) -> list[Song]:
    """Find the songs under ``root``, sorted by subset and name.

    The layout is ``train|test/<song>/<stem>.wav``, or another ending of `SUFFIXES`. A song may
    hold ``mixture.wav``; the mixture of one without it is the sum of its sources. Hidden files
    and files of other kinds are passed over.

    Args:
        root: the folder.
        sources: the stems to use, in this order, beside the mixture; by default all that a song
            has, sorted, which must be the same for all songs.
        refuse: gets each song that lacks a stem, has one twice, has files of different kinds or
            has other stems than most; such a song is left out.

    Raises:
        UserError: there is no song, one name twice, or see ``refuse``.
    """
    root = Path(root).absolute()
    folders = [
        path
        for subset in sorted(SUBSETS)
        if (root / subset).is_dir()
        for path in sorted((root / subset).iterdir())
        if path.is_dir() and not path.name.startswith(".")
    ]
    if not folders:
        raise UserError(
            f"{root}: found no song; a song is a folder in {' or '.join(SUBSETS)} that holds an "
            "audio file for each stem"
        )
    songs = []
    for folder in folders:
        try:
            songs.append(_song(folder, sources))
        except UserError as error:
            refuse(Song(folder.name, folder.parent.name, folder), str(error))
    alike = _alike(songs, refuse)
    check_names(alike)
    return alike


def _song(folder: Path, sources: Sequence[str]) -> Song:
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in SUFFIXES or file.name.startswith("."):
            continue
        if file.stem in files:
            raise UserError(
                f"{folder}: {files[file.stem].name} and {file.name} are one stem; keep one of them"
            )
        files[file.stem] = file
    chosen = list(sources) or [name for name in files if name != MIXTURE]
    missing = [name for name in chosen if name not in files]
    if missing:
        raise UserError(
            f"{folder}: this song has no {', '.join(missing)}; it has "
            f"{', '.join(files) or 'no audio file'}, and the data set's entry asks for "
            f"{', '.join(chosen)}"
        )
    is_summed = MIXTURE not in files
    if len(chosen) < 1 + is_summed:
        raise UserError(
            f"{folder}: found {', '.join(files) or 'no audio file'}; a song needs two stems, or "
            f"one and its {MIXTURE}"
        )
    used = [files[name] for name in ([] if is_summed else [MIXTURE]) + chosen]
    if len({file.suffix for file in used}) > 1:
        raise UserError(
            f"{folder}: files of different kinds ({', '.join(file.name for file in used)}); a "
            "song's files must have one ending: convert some of them"
        )
    stems = (MIXTURE, *chosen)
    return Song(folder.name, folder.parent.name, folder, stems, used[0].suffix, is_summed)


def _alike(songs: Sequence[Song], refuse: Refuse) -> list[Song]:
    """Return the songs that have the stems that most have; the others are refused."""
    most = Counter(song.stems for song in songs).most_common(1)
    usual = next((song for song in songs if song.stems == most[0][0]), None)
    alike = []
    for song in songs:
        if usual is None or set(song.stems) == set(usual.stems):
            alike.append(song)
        else:
            refuse(song, _difference(song, usual))
    return alike


def _difference(song: Song, usual: Song) -> str:
    lacks = [name for name in usual.stems if name not in song.stems]
    more = [name for name in song.stems if name not in usual.stems]
    told = [f"lacks {', '.join(lacks)}"] if lacks else []
    told += [f"has {', '.join(more)}"] if more else []
    return (
        f"{song.path}: other stems than {usual.path}: it {' and '.join(told)}; give all songs "
        "the same, or list the stems to use in the data set's entry"
    )
