"""Which songs train, which validate and which test; test songs can never reach training."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mssbench.data.catalogue import CATALOGUE
from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError

Songs = tuple[RenditionSong, ...]

# The validation songs that MUSDB18's authors chose among its 100 training songs
# (the musdb package, configs/mus.yaml).
MUSDB14 = (
    "Actions - One Minute Smile",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Johnny Lokke - Promises & Lies",
    "Patrick Talbot - A Reason To Leave",
    "Triviul - Angelsaint",
    "Alexander Ross - Goodbye Bolero",
    "Fergessen - Nos Palpitants",
    "Leaf - Summerghost",
    "Skelpolu - Human Mistakes",
    "Young Griffo - Pennies",
    "ANiMAL - Rockshow",
    "James May - On The Line",
    "Meaxic - Take A Step",
    "Traffic Experiment - Sirens",
)


@dataclass(frozen=True)
class Split:
    """A rendition's songs by their use.

    Args:
        train: songs whose audio trains.
        valid: songs of the training subset that choose the epoch; may be empty.
        test: songs of the test subset.

    Raises:
        UserError: a test song would train or validate (or the other way round), or two of the
            parts share a name, a song and a changed copy of it or, under whatever name, the same
            audio.
    """

    train: Songs
    valid: Songs
    test: Songs

    def __post_init__(self) -> None:
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        for part, songs in parts.items():
            subset = "test" if part == "test" else "train"
            for song in songs:
                if song.subset != subset:
                    raise UserError(
                        f"split: {song.name!r} belongs to the data set's {song.subset} songs and "
                        f"must not be used as a {part} song; only its {subset} songs may"
                    )
        for first, second in combinations(parts, 2):
            for twin, other, what in _twins(parts[first], parts[second]):
                raise UserError(
                    f"split: {twin.name!r} ({first}) and {other.name!r} ({second}) have the same "
                    f"{what}; a song may be in one part only: remove one of them from the data set"
                )


def _twins(songs: Songs, others: Songs) -> Iterator[tuple[RenditionSong, RenditionSong, str]]:
    """Yield the pairs of equal name, origin or audio across two parts, and what is equal."""
    by_name = {song.name: song for song in songs}
    by_origin = {_original(song): song for song in songs}
    by_audio = {song.sha256: song for song in songs}
    for other in others:
        if other.name in by_name:
            yield by_name[other.name], other, "name"
        if _original(other) in by_origin:
            yield by_origin[_original(other)], other, "origin"
        if other.sha256 in by_audio:
            yield by_audio[other.sha256], other, "audio"


def _original(song: RenditionSong) -> str:
    return song.origin or song.name


def split_songs(rendition: Rendition, spec: Mapping[str, Any]) -> Split:
    """Split ``rendition`` as ``spec`` says; its test songs are always the test part.

    Only songs of the data set are chosen among, so that a rendition with changed copies is split
    as the one without. A copy trains if its original does; copies of other songs are left out.

    Args:
        rendition: an opened rendition.
        spec: ``{"kind": "musdb14"}`` (MUSDB18's 14 validation songs), ``{"kind": "random",
            "train_share": 0.75, "seed": 1337}`` (that share of the training songs trains, at
            least one song trains and one validates) or ``{"kind": "all"}`` (no validation).

    Raises:
        UserError: an unknown kind or key, a value out of range, songs too few or not there, or
            what ``Split`` refuses.
    """
    kind = spec.get("kind")
    if kind not in _KINDS:
        raise UserError(f"split.kind: found {kind!r}; allowed are {', '.join(_KINDS)}")
    choose, keys = _KINDS[kind]
    given = {key: value for key, value in spec.items() if key != "kind"}
    if set(given) != set(keys):
        raise UserError(
            f"split: kind {kind} takes {', '.join(keys) or 'no other key'}; "
            f"found {', '.join(map(str, given)) or 'none'}"
        )
    candidates = tuple(song for song in rendition.songs if song.subset == "train")
    songs = tuple(song for song in candidates if song.origin is None)
    if not songs:
        raise UserError(
            f"{rendition.folder}: no song of the train subset, so nothing can be trained; "
            "use a data set with a train folder"
        )
    valid = choose(songs, **given)
    trained = {song.name for song in songs} - valid
    return Split(
        train=tuple(song for song in candidates if _original(song) in trained),
        valid=tuple(song for song in songs if song.name in valid),
        test=tuple(song for song in rendition.songs if song.subset == "test"),
    )


def check_songs(spec: Mapping[str, Any], dataset: str) -> None:
    """Check that a data set of the catalogue has the songs that ``spec`` names, before it is there.

    Raises:
        UserError: the data set is known and not one of MUSDB18's, whose songs ``spec`` asks for.
    """
    if spec.get("kind") == "musdb14" and dataset in CATALOGUE and not dataset.startswith("musdb18"):
        raise UserError(
            f"split.kind musdb14 names songs of MUSDB18, and the data set is {dataset}; take "
            f"{', '.join(name for name in CATALOGUE if name.startswith('musdb18'))} or another "
            f"split: {', '.join(kind for kind in _KINDS if kind != 'musdb14')}"
        )


def _names(songs: Iterable[RenditionSong]) -> list[str]:
    return sorted(song.name for song in songs)


def _musdb14(songs: Songs) -> set[str]:
    missing = sorted(set(MUSDB14) - set(_names(songs)))
    if missing:
        raise UserError(
            f"split.kind musdb14: {len(missing)} of MUSDB18's 14 validation songs are not in "
            f"this data set, such as {missing[0]!r}; use one of the other kinds: "
            f"{', '.join(kind for kind in _KINDS if kind != 'musdb14')}"
        )
    return set(MUSDB14)


def _random(songs: Songs, train_share: Any, seed: Any) -> set[str]:
    is_share = isinstance(train_share, int | float) and 0 < train_share < 1
    if not is_share:
        raise UserError(f"split.train_share: found {train_share!r}; allowed is 0 < share < 1")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UserError(f"split.seed: found {seed!r}; allowed is an integer of 0 or more")
    names = _names(songs)
    if len(names) < 2:
        raise UserError(
            "split.kind random: the data set has one training song, which cannot both train and "
            "validate; use kind all"
        )
    shuffled = np.random.default_rng(seed).permutation(names).tolist()
    trained = min(max(round(train_share * len(names)), 1), len(names) - 1)
    return set(shuffled[trained:])


def _all(songs: Songs) -> set[str]:
    return set()


_KINDS: dict[str, tuple[Callable[..., set[str]], tuple[str, ...]]] = {
    "musdb14": (_musdb14, ()),
    "random": (_random, ("train_share", "seed")),
    "all": (_all, ()),
}
