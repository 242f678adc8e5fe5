"""Songs of a user's own: folders of audio files with any stem names."""

from collections.abc import Sequence
from pathlib import Path

from mssbench.data.songs import SUBSETS, Song, check_names
from mssbench.errors import UserError

SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
MIXTURE = "mixture"


def find_own_songs(root: Path | str, sources: Sequence[str] = ()) -> list[Song]:
    """Find the songs under ``root``, sorted by subset and name.

    The layout is ``train|test/<song>/<stem>.wav``, or another ending of `SUFFIXES`. A song may
    hold ``mixture.wav``; the mixture of one without it is the sum of its sources. Hidden files
    and files of other kinds are passed over.

    Args:
        root: the folder.
        sources: the stems to use, in this order, beside the mixture; by default all that a song
            has, sorted, which must be the same for all songs.

    Raises:
        UserError: there is no song, a song lacks a stem or has others than the first one, one
            stem or one name twice.
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
    songs = [_song(folder, sources) for folder in folders]
    for song in songs:
        _check_like(song, songs[0])
    check_names(songs)
    return songs


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


def _check_like(song: Song, first: Song) -> None:
    lacks = [name for name in first.stems if name not in song.stems]
    more = [name for name in song.stems if name not in first.stems]
    if lacks or more:
        told = [f"lacks {', '.join(lacks)}"] if lacks else []
        told += [f"has {', '.join(more)}"] if more else []
        raise UserError(
            f"{song.path}: other stems than {first.path}: it {' and '.join(told)}; give all songs "
            "the same, or list the stems to use in the data set's entry"
        )
