"""Folders of audio in the layout of MUSDB18-HQ: songs, and what is scored of them.

A song is a folder with an audio file for each stem, ``<song>/<stem>.wav``; the songs may lie in
folders called ``train`` and ``test``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mssbench.data.own_songs import MIXTURE, SUFFIXES
from mssbench.data.songs import SUBSETS
from mssbench.errors import UserError
from mssbench.scoring.accompaniment import ACCOMPANIMENT, has_accompaniment, sources_of

# What libsndfile or ffmpeg read. A file of another ending is no stem.
AUDIO = {*SUFFIXES, ".aac", ".au", ".caf", ".m4a", ".opus", ".rf64", ".w64", ".wma"}

LAYOUT = "a song is a folder, in it or in its train or test, that holds an audio file a stem"


@dataclass(frozen=True)
class SongFolder:
    """The audio of one song.

    Attributes:
        path: the folder; its name is the song's.
        subset: ``train`` or ``test``, or empty where the songs are not in such folders.
    """

    path: Path
    subset: str

    @property
    def files(self) -> dict[str, Path]:
        """The audio file of each stem, sorted by name.

        Raises:
            UserError: two files are one stem.
        """
        found: dict[str, Path] = {}
        for file in audio_files(self.path):
            if file.stem in found:
                raise UserError(
                    f"{self.path}: {found[file.stem].name} and {file.name} are one stem; keep one "
                    "of them"
                )
            found[file.stem] = file
        return found


@dataclass(frozen=True)
class Pairs:
    """Estimates and the references of the same songs.

    Attributes:
        files: song -> (subset, files of the references, files of the estimates to score).
        faults: song -> why it cannot be scored.
        remarks: what the scores will not cover.
    """

    files: dict[str, tuple[str, dict[str, Path], dict[str, Path]]]
    faults: dict[str, str]
    remarks: tuple[str, ...]


def pair(references: Path, estimates: Path) -> Pairs:
    """Find the estimates' songs and their references by name.

    All songs need estimates of the same targets: what is scored together decides SIR and SAR.

    Args:
        references: folder of true sources.
        estimates: folder of estimates, file by file named as the sources, or ``accompaniment``.

    Raises:
        UserError: a folder holds no song, or a song twice.
    """
    true, estimated = find_songs(references), find_songs(estimates)
    files: dict[str, tuple[str, dict[str, Path], dict[str, Path]]] = {}
    faults: dict[str, str] = {}
    nothing: dict[str, None] = {}
    for name, song in estimated.items():
        if name not in true:
            faults[name] = f"{references} has no song of this name"
            continue
        try:
            stems, made = true[name].files, song.files
        except UserError as error:
            faults[name] = str(error)
            continue
        allowed = targets_of(stems)
        nothing |= dict.fromkeys(stem for stem in made if stem not in (*allowed, MIXTURE))
        subset = true[name].subset or song.subset
        files[name] = subset, stems, {stem: made[stem] for stem in allowed if stem in made}
    everywhere = list(dict.fromkeys(target for *_, made in files.values() for target in made))
    for name, (_, stems, made) in list(files.items()):
        fault = lack(stems, made, everywhere)
        if fault:
            faults[name] = fault
            del files[name]
    true_targets = dict.fromkeys(
        source for _, stems, _ in files.values() for source in sources_of(stems)
    )
    left = [source for source in true_targets if source not in everywhere]
    if left and ACCOMPANIMENT in everywhere:
        left = []  # it holds them
    remarks = [
        *(f"{estimates}: {stem} has no reference and is not scored" for stem in nothing),
        *(
            [f"{estimates} has no estimates of {', '.join(left)}: no scores of them"]
            if left
            else []
        ),
        *songs_left_out(true, estimated, estimates),
    ]
    return Pairs(files, faults, tuple(remarks))


def find_songs(root: Path) -> dict[str, SongFolder]:
    """Return the songs under ``root`` by name, in the order of subset and name.

    Raises:
        UserError: there is none, or one twice.
    """
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; give a folder of songs")
    parents = {subset: root / subset for subset in sorted(SUBSETS) if (root / subset).is_dir()}
    songs: dict[str, SongFolder] = {}
    for subset, parent in (parents or {"": root}).items():
        for path in sorted(parent.iterdir()):
            if path.name.startswith(".") or not (path.is_dir() and audio_files(path)):
                continue
            if path.name in songs:
                raise UserError(
                    f"{path}: {songs[path.name].path} is a song of the same name; rename one"
                )
            songs[path.name] = SongFolder(path, subset)
    if not songs:
        raise UserError(f"{root}: found no song; {LAYOUT}")
    return songs


def audio_files(folder: Path) -> list[Path]:
    """Return the audio files in a folder, sorted by name; hidden ones are passed over."""
    return [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in AUDIO and not file.name.startswith(".") and file.is_file()
    ]


def targets_of(stems: Mapping[str, Path]) -> tuple[str, ...]:
    """Return what a song with these stems has a reference of."""
    sources = sources_of(stems)
    if ACCOMPANIMENT in sources or not has_accompaniment(stems):
        return sources
    return (*sources, ACCOMPANIMENT)


def lack(stems: Mapping[str, Path], made: Mapping[str, Path], targets: list[str]) -> str:
    """Return what a song lacks of the targets that the other songs have; empty if nothing."""
    missing = [target for target in targets if target not in made]
    if not missing:
        return ""
    unknown = [target for target in missing if target not in targets_of(stems)]
    if unknown:
        return f"it has no reference of {', '.join(unknown)}, which other songs have"
    return (
        f"it has no estimate of {', '.join(missing)}, which other songs have; its SIR and SAR "
        "would be of another kind"
    )


def songs_left_out(
    true: Mapping[str, SongFolder], estimated: Mapping[str, SongFolder], estimates: Path
) -> list[str]:
    """Return which songs lack estimates, of the subsets that any song has some of."""
    subsets = {true[name].subset for name in estimated if name in true}
    missing = [
        name for name, song in true.items() if song.subset in subsets and name not in estimated
    ]
    if not missing:
        return []
    return [
        f"{estimates} lacks {len(missing)} songs, which the scores do not cover: "
        + ", ".join(map(repr, missing))
    ]
