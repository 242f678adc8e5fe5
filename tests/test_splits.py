import importlib.util
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.data.splits import MUSDB14, Split, split_songs
from mssbench.errors import UserError


def song(name, subset="train", sha256=None):
    return RenditionSong(name, subset, 1000, "000.npy", sha256 or f"audio of {name}", (1.0,) * 5)


def rendition_of(train, test=("Test - 1", "Test - 2")):
    songs = [song(name, "test") for name in test] + [song(name) for name in train]
    return Rendition(Path("somewhere"), 22050, "mono", tuple(songs), {})


def names(songs):
    return [song.name for song in songs]


SMALL = rendition_of(["A - 1", "B - 2", "C - 3", "D - 4"])


def test_musdb14_is_the_list_of_the_musdb_package():
    package = Path(importlib.util.find_spec("musdb").origin).parent
    config = yaml.safe_load((package / "configs" / "mus.yaml").read_text(encoding="utf-8"))
    assert sorted(MUSDB14) == sorted(config["validation_tracks"])


def test_musdb14_validates_on_its_14_songs_and_trains_on_the_rest():
    split = split_songs(rendition_of([*MUSDB14, "A - 1", "B - 2"]), {"kind": "musdb14"})
    assert names(split.train) == ["A - 1", "B - 2"]
    assert sorted(names(split.valid)) == sorted(MUSDB14)
    assert names(split.test) == ["Test - 1", "Test - 2"]


@pytest.mark.parametrize("train", [["A - 1", "B - 2"], MUSDB14[:13]])
def test_musdb14_elsewhere_says_which_kinds_there_are(train):
    with pytest.raises(UserError, match=r"musdb14.*random, all"):
        split_songs(rendition_of(train), {"kind": "musdb14"})


def test_all_leaves_no_validation():
    split = split_songs(SMALL, {"kind": "all"})
    assert (len(split.train), split.valid, len(split.test)) == (4, (), 2)


@given(
    count=st.integers(2, 30),
    train_share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
    order=st.randoms(use_true_random=False),
)
def test_random_parts_every_song_once_whatever_the_order(count, train_share, seed, order):
    titles = [f"Song - {number}" for number in range(count)]
    spec = {"kind": "random", "train_share": train_share, "seed": seed}
    split = split_songs(rendition_of(titles), spec)
    assert sorted(names(split.train + split.valid)) == sorted(titles)
    assert split.train
    assert split.valid
    assert abs(len(split.train) - train_share * count) <= max(0.5, 1 - train_share * count, 1)
    order.shuffle(titles)
    other = split_songs(rendition_of(titles), spec)
    assert set(names(other.valid)) == set(names(split.valid))


def test_random_has_the_asked_share_and_follows_the_seed():
    titles = [f"Song - {number}" for number in range(100)]
    chosen = set()
    for seed in range(5):
        spec = {"kind": "random", "train_share": 0.75, "seed": seed}
        split = split_songs(rendition_of(titles), spec)
        assert (len(split.train), len(split.valid)) == (75, 25)
        chosen.add(tuple(names(split.valid)))
    assert len(chosen) == 5


def test_a_test_song_can_neither_train_nor_validate():
    intruder = song("Test - 1", "test")
    with pytest.raises(UserError, match="'Test - 1' belongs to the data set's test songs"):
        Split(train=(song("A - 1"), intruder), valid=(), test=())
    with pytest.raises(UserError, match="'Test - 1'"):
        Split(train=(song("A - 1"),), valid=(intruder,), test=())
    with pytest.raises(UserError, match="'B - 2' belongs to the data set's train songs"):
        Split(train=(song("A - 1"),), valid=(), test=(song("B - 2"),))


@pytest.mark.parametrize("other", ["valid", "test"])
def test_no_audio_is_in_two_parts_under_whatever_name(other):
    copy = song("Renamed", "test" if other == "test" else "train", sha256="audio of A - 1")
    parts = {"train": (song("A - 1"),), "valid": (), "test": (), other: (copy,)}
    with pytest.raises(UserError, match=rf"'A - 1' \(train\) and 'Renamed' \({other}\).*audio"):
        Split(**parts)


def test_validation_and_test_share_no_audio():
    with pytest.raises(UserError, match=r"\(valid\) and 'C - 3' \(test\).*same audio"):
        Split((song("A - 1"),), (song("B - 2", sha256="x"),), (song("C - 3", "test", "x"),))


@pytest.mark.parametrize("other", ["valid", "test"])
def test_no_name_is_in_two_parts_with_whatever_audio(other):
    twin = song("A - 1", "test" if other == "test" else "train", sha256="another take")
    parts = {"train": (song("A - 1"),), "valid": (), "test": (), other: (twin,)}
    with pytest.raises(UserError, match="same name"):
        Split(**parts)


def test_a_split_of_a_data_set_with_the_test_songs_audio_in_training_is_refused():
    leaking = rendition_of(["A - 1"], test=())
    songs = (*leaking.songs, song("Test - 1", "test", sha256="audio of A - 1"))
    with pytest.raises(UserError, match="same audio"):
        split_songs(Rendition(leaking.folder, 22050, "mono", songs, {}), {"kind": "all"})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"kind": "musdb15"}, "'musdb15'; allowed are musdb14, random, all"),
        ({}, "None; allowed are"),
        ({"kind": "all", "seed": 1}, "takes no other key; found seed"),
        ({"kind": "random", "seed": 1}, "takes train_share, seed; found seed"),
        ({"kind": "random", "train_share": 1.0, "seed": 1}, "train_share: found 1.0"),
        ({"kind": "random", "train_share": "half", "seed": 1}, "train_share: found 'half'"),
        ({"kind": "random", "train_share": 0.5, "seed": -1}, "seed: found -1"),
        ({"kind": "random", "train_share": 0.5, "seed": True}, "seed: found True"),
    ],
)
def test_a_wrong_split_is_named_with_what_is_allowed(spec, words):
    with pytest.raises(UserError) as error:
        split_songs(SMALL, spec)
    assert words in str(error.value)


def test_too_few_songs_are_told():
    spec = {"kind": "random", "train_share": 0.5, "seed": 0}
    with pytest.raises(UserError, match="one training song"):
        split_songs(rendition_of(["A - 1"]), spec)
    with pytest.raises(UserError, match="no song of the train subset"):
        split_songs(rendition_of([]), spec)
