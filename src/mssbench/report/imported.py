"""Others' scores: folders and archives of museval's JSON, such as a SiSEC 2018 submission."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from mssbench.data.songs import SUBSETS
from mssbench.errors import UserError
from mssbench.report.museval_json import Frame, parse_frames, tidy

ALL = "all"

VERSION = "BSSEval v4 (museval, as imported)"
"""What a score table says of the metrics; museval's files need not name their version."""

UNSTATED = "unstated"
"""What a score table says of how its references entered, where nobody can know."""

BROKEN = (tarfile.TarError, zipfile.BadZipFile, RuntimeError, EOFError, zlib.error, LZMAError)
GIVE = "give a folder, .zip or .tar (.gz, .bz2, .xz) of museval's JSON files, one a song"


def import_scores(run: str, path: Path, subset: str = "test") -> pd.DataFrame:
    """Return the scores in a folder or archive of museval's JSON as a score table.

    A file bears its song's name. Archives are read in memory; nothing of them is written.

    Args:
        run: what to call the system in the table.
        path: folder, zip or tar (also compressed).
        subset: ``train``, ``test`` or ``all``. Files in a folder called train or test, at any
            depth, are of that subset; where there are no such folders all files are read.

    Returns:
        The columns run, track, target, metric, window_start (s) and score (dB), sorted by them.
        ``.attrs["protocol"]`` says what is known of how they were made.

    Raises:
        UserError: there is no such file, it is no archive, holds no JSON of the subset, one song
            twice or JSON of another kind, or its windows are not alike.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such folder or archive; {GIVE}")
    songs: dict[str, list[Frame]] = {}
    files: dict[str, PurePosixPath] = {}
    try:
        for name, text in of_subset(contents(path), path, subset):
            if name.stem in files:
                raise UserError(
                    f"{path}: {files[name.stem]} and {name} are of one song; choose a subset or "
                    "keep one of them"
                )
            files[name.stem] = name
            songs[name.stem] = parse_frames(text, f"{path}: {name}")
    except BROKEN as error:
        raise UserError(f"{path}: damaged or locked archive ({error}); get it again") from None
    window, hop = windows_of(songs, path)
    table = tidy(run, songs)
    table = table.sort_values(list(table.columns[:-1]), ignore_index=True)
    table.attrs["protocol"] = {
        "version": VERSION,
        "window": window,
        "hop": hop,
        "references": UNSTATED,
        "si_sdr": "none",
    }
    return table


def of_subset(
    files: Iterable[tuple[PurePosixPath, bytes]], path: Path, subset: str
) -> list[tuple[PurePosixPath, bytes]]:
    """Return the files of a subset.

    Raises:
        UserError: there is none.
    """
    found = list(files)
    if not found:
        raise UserError(f"{path}: found no .json file; {GIVE}")
    subsets = [set(name.parent.parts) & set(SUBSETS) for name, _ in found]
    if subset == ALL or not any(subsets):
        return found
    chosen = [file for file, where in zip(found, subsets, strict=True) if subset in where]
    if not chosen:
        there = ", ".join(sorted(set.union(*subsets)))
        raise UserError(f"{path}: found no .json file of the subset {subset}, but of {there}")
    return chosen


def contents(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield name and content of each JSON file, sorted by name where ``path`` is a folder.

    Raises:
        UserError: it is neither a folder nor an archive.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            name = PurePosixPath(file.relative_to(path).as_posix())
            if is_scores(name):
                yield name, file.read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            for entry in zipped.infolist():
                if is_scores(PurePosixPath(entry.filename)):
                    yield PurePosixPath(entry.filename), zipped.read(entry)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tarred:
            for member in tarred:
                opened = tarred.extractfile(member) if member.isfile() else None
                if opened and is_scores(PurePosixPath(member.name)):
                    yield PurePosixPath(member.name), opened.read()
    else:
        raise UserError(f"{path} is neither a folder nor a zip or tar archive; {GIVE}")


def is_scores(name: PurePosixPath) -> bool:
    """Return whether a file may be a song's: JSON, not hidden, no leftover of a Mac's archiver."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return name.suffix == ".json" and not hidden


def windows_of(songs: dict[str, list[Frame]], path: Path) -> tuple[float, float]:
    """Return length and distance (s) of the windows that all songs share.

    Raises:
        UserError: there are several.
    """
    durations = sorted({frame.duration for frames in songs.values() for frame in frames})
    if len(durations) != 1:
        lengths = " and ".join(f"{duration:g} s" for duration in durations) or "no length"
        raise UserError(f"{path}: its windows are of {lengths}; they must be of one length")
    starts = [np.unique([frame.start for frame in frames]) for frames in songs.values()]
    steps = np.unique(np.round(np.concatenate([np.diff(each) for each in starts]), 6))
    if len(steps) > 1:
        raise UserError(
            f"{path}: its windows begin {steps[0]:g} s and {steps[1]:g} s after each other; they "
            "must have one distance"
        )
    return float(durations[0]), float(steps[0] if len(steps) else durations[0])
