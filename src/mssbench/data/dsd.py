"""The layout of DSD100 and MSD100: the mixtures lie in one folder, their sources in another.

``Mixtures/Dev|Test/<NNN - Artist - Title>/mixture.wav`` and, under the same name,
``Sources/Dev|Test/<NNN - Artist - Title>/{bass,drums,other,vocals}.wav``. Systems are trained on
Dev and tested on Test, as the SiSEC campaigns of 2015 and 2016 did. The folders decide: the
website's list of songs says the opposite of them.

MSD100's mixtures are stereo and its sources mono or stereo. The rule for all songs of this
layout: a mono source is the same in each of the mixture's channels, at the gain it has in its
file.
"""

from pathlib import Path

from mssbench.errors import UserError

MIXTURES, SOURCES = "Mixtures", "Sources"

SUBSETS = {"Test": "test", "Dev": "train"}
"""A subset's folder -> its name, in the order of the names."""


def is_mixture_folder(path: Path) -> bool:
    """Return whether ``path`` is the folder of a mixture in this layout."""
    return path.parent.name in SUBSETS and path.parent.parent.name == MIXTURES


def source_folder(path: Path) -> Path:
    """Return the folder of the sources whose mixture's folder is ``path``."""
    return path.parents[2] / SOURCES / path.parent.name / path.name


def find_home(root: Path) -> Path | None:
    """Return the folder that holds ``Mixtures``: ``root``, or the one in it that does.

    Archives of this layout have a folder of their own on top.

    Returns:
        The folder, or None if there is none.

    Raises:
        UserError: several folders in ``root`` hold ``Mixtures``.
    """
    if (root / MIXTURES).is_dir():
        return root
    homes = sorted(path.parent for path in root.glob(f"*/{MIXTURES}") if path.is_dir())
    if len(homes) > 1:
        raise UserError(
            f"{root}: {len(homes)} folders in it hold {MIXTURES} "
            f"({', '.join(home.name for home in homes)}); give one of them"
        )
    return homes[0] if homes else None


def mixture_folders(home: Path) -> list[tuple[str, Path]]:
    """Return the subset and the mixture's folder of each song, sorted by subset and name.

    A song is there when one of the two folders knows its name; its files may be missing.

    Raises:
        UserError: there is no song.
    """
    songs = []
    for folder, subset in SUBSETS.items():
        parts = [home / part / folder for part in (MIXTURES, SOURCES)]
        paths = [path for part in parts if part.is_dir() for path in part.iterdir()]
        names = {path.name for path in paths if path.is_dir() and not path.name.startswith(".")}
        songs += [(subset, parts[0] / name) for name in sorted(names)]
    if not songs:
        raise UserError(
            f"{home / MIXTURES}: no song in the folders {' and '.join(SUBSETS)} of it; put "
            "each song's folder there"
        )
    return songs
