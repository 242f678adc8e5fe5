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

FOLDS = "folds"
"""The kind of split of a cross-validation."""

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
        held_out: songs of the training subset that neither train nor validate, so that the model
            can be scored on them; empty but for a fold of a cross-validation.

    Raises:
        UserError: a test song would train or validate (or the other way round), or two of the
            parts share a name, a song and a changed copy of it or, under whatever name, the same
            audio.
    """

    train: Songs
    valid: Songs
    test: Songs
    held_out: Songs = ()

    def __post_init__(self) -> None:
        parts = {
            "train": self.train,
            "valid": self.valid,
            "test": self.test,
            "held_out": self.held_out,
        }
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
            least one song trains and one validates), ``{"kind": "all"}`` (no validation) or
            ``{"kind": "folds", "folds": 10, "fold": 0, "seed": 1337}`` (the training songs are
            drawn into folds whose sizes differ by one at most; this one, counted from 0, is held
            out and the others train, without validation).

    Raises:
        UserError: an unknown kind or key, a value out of range, songs too few or not there, or
            what ``Split`` refuses.
    """
    check_split(spec)
    given = {key: value for key, value in spec.items() if key != "kind"}
    choose, _ = _KINDS[spec["kind"]]
    candidates = tuple(song for song in rendition.songs if song.subset == "train")
    songs = tuple(song for song in candidates if song.origin is None)
    if not songs:
        raise UserError(
            f"{rendition.folder}: no song of the train subset, so nothing can be trained; "
            "use a data set with a train folder"
        )
    chosen = choose(songs, **given)
    trained = {song.name for song in songs} - chosen
    kept = tuple(song for song in songs if song.name in chosen)
    is_fold = spec["kind"] == FOLDS
    return Split(
        train=tuple(song for song in candidates if _original(song) in trained),
        valid=() if is_fold else kept,
        test=tuple(song for song in rendition.songs if song.subset == "test"),
        held_out=kept if is_fold else (),
    )


def check_split(spec: Mapping[str, Any], dataset: str = "") -> None:
    """Check what can be checked of a split before there are songs.

    Args:
        spec: as `split_songs` takes it.
        dataset: name of the data set, if it is known.

    Raises:
        UserError: an unknown kind or key, a number of folds, a fold or their seed out of range, or
            a data set of the catalogue that has not the songs which the split names.
    """
    kind = spec.get("kind")
    if kind not in _KINDS:
        raise UserError(f"split.kind: found {kind!r}; allowed are {', '.join(_KINDS)}")
    _, keys = _KINDS[kind]
    given = {key: value for key, value in spec.items() if key != "kind"}
    if set(given) != set(keys):
        raise UserError(
            f"split: kind {kind} takes {', '.join(keys) or 'no other key'}; "
            f"found {', '.join(map(str, given)) or 'none'}"
        )
    if kind == "musdb14" and dataset in CATALOGUE and not dataset.startswith("musdb18"):
        raise UserError(
            f"split.kind musdb14 names songs of MUSDB18, and the data set is {dataset}; take "
            f"{', '.join(name for name in CATALOGUE if name.startswith('musdb18'))} or another "
            f"split: {', '.join(kind for kind in _KINDS if kind != 'musdb14')}"
        )
    if kind == FOLDS:
        _require_whole("folds", given["folds"], 2)
        _require_whole("fold", given["fold"], 0)
        _require_whole("seed", given["seed"], 0)
        if given["fold"] >= given["folds"]:
            raise UserError(
                f"split.fold: found {given['fold']}; of {given['folds']} folds, allowed are 0 to "
                f"{given['folds'] - 1}"
            )


def _require_whole(key: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"split.{key}: found {value!r}; allowed is an integer of {least} or more")


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
    _require_whole("seed", seed, 0)
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


def _folds(songs: Songs, folds: int, fold: int, seed: int) -> set[str]:
    names = _names(songs)
    if folds > len(names):
        raise UserError(
            f"split.folds: found {folds}; the data set has {len(names)} training songs, and each "
            "fold needs one: give fewer folds"
        )
    shuffled = np.random.default_rng(seed).permutation(names).tolist()
    return set(shuffled[fold::folds])


_KINDS: dict[str, tuple[Callable[..., set[str]], tuple[str, ...]]] = {
    "musdb14": (_musdb14, ()),
    "random": (_random, ("train_share", "seed")),
    "all": (_all, ()),
    FOLDS: (_folds, ("folds", "fold", "seed")),
}
