"""Splits of a cross-validation: which songs each fold holds out, and which train."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssbench.commands.separate import chosen_songs
from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.data.splits import Split, split_songs
from mssbench.errors import UserError


def song(name, subset="train", sha256=None, origin=None):
    digest = sha256 or f"audio of {name}"
    return RenditionSong(name, subset, 1000, "000.npy", digest, (1.0,) * 5, origin=origin)


def rendition_of(*songs):
    return Rendition(Path("somewhere"), 22050, "mono", songs, {})


def spec(folds, fold, seed=0):
    return {"kind": "folds", "folds": folds, "fold": fold, "seed": seed}


def names(songs):
    return [each.name for each in songs]


SONGS = [song(f"Song - {number}") for number in range(10)]
TESTS = [song("Test - 1", "test"), song("Test - 2", "test")]


@settings(max_examples=50, deadline=None)
@given(
    count=st.integers(2, 20),
    data=st.data(),
    seed=st.integers(0, 2**32),
    order=st.randoms(use_true_random=False),
)
def test_every_training_song_is_held_out_once_and_trains_in_all_other_folds(
    count, data, seed, order
):
    titles = [f"Song - {number}" for number in range(count)]
    folds = data.draw(st.integers(2, count))
    songs = [*TESTS, *map(song, titles)]
    splits = [split_songs(rendition_of(*songs), spec(folds, n, seed)) for n in range(folds)]
    assert sorted(name for split in splits for name in names(split.held_out)) == sorted(titles)
    sizes = [len(split.held_out) for split in splits]
    assert max(sizes) - min(sizes) <= 1
    order.shuffle(songs)
    for number, split in enumerate(splits):
        assert set(names(split.train)) == set(titles) - set(names(split.held_out))
        assert (split.valid, names(split.test)) == ((), names(TESTS))
        again = split_songs(rendition_of(*songs), spec(folds, number, seed))
        assert set(names(again.held_out)) == set(names(split.held_out))


def test_the_seed_decides_which_songs_share_a_fold():
    found = {
        frozenset(names(split_songs(rendition_of(*SONGS), spec(2, 0, seed)).held_out))
        for seed in range(5)
    }
    assert len(found) == 5


@pytest.mark.parametrize("fold", range(5))
def test_a_changed_copy_follows_its_original_and_is_scored_nowhere(fold):
    copies = [song(f"{each.name} x0.9", origin=each.name) for each in SONGS]
    plain, more = rendition_of(*SONGS, *TESTS), rendition_of(*SONGS, *copies, *TESTS)
    split, stretched = (split_songs(each, spec(5, fold)) for each in (plain, more))
    assert stretched.held_out == split.held_out
    held = set(names(split.held_out))
    assert {each.origin or each.name for each in stretched.train} == set(names(SONGS)) - held
    assert len(stretched.train) == 2 * len(split.train)


def test_no_held_out_song_trains_under_another_name():
    twins = [song("A - 1", sha256="x"), song("B - 2", sha256="x")]
    with pytest.raises(UserError, match=r"\(train\) and .* \(held_out\) have the same audio"):
        split_songs(rendition_of(*twins), spec(2, 0))
    with pytest.raises(UserError, match="same origin"):
        Split((song("A - 1 x0.9", origin="A - 1"),), (), (), (song("A - 1"),))
    with pytest.raises(UserError, match="'Test - 1' belongs to the data set's test songs"):
        Split((song("A - 1"),), (), (), (TESTS[0],))


def test_no_song_is_held_out_that_is_a_test_song_too():
    leaking = [*SONGS, song("Test - 1", "test", sha256="audio of Song - 3")]
    for fold in range(2):
        with pytest.raises(UserError, match=r"\(test\).*same audio|\(test\) and .*same audio"):
            split_songs(rendition_of(*leaking), spec(2, fold))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (spec(1, 0), "split.folds: found 1; allowed is an integer of 2 or more"),
        (spec(2.0, 0), "split.folds: found 2.0; allowed is an integer"),
        (spec(True, 0), "split.folds: found True"),
        (spec(11, 0), "split.folds: found 11; the data set has 10 training songs"),
        (spec(5, 5), "split.fold: found 5; of 5 folds, allowed are 0 to 4"),
        (spec(5, -1), "split.fold: found -1; allowed is an integer of 0 or more"),
        (spec(5, 0, "x"), "split.seed: found 'x'"),
        ({"kind": "folds", "folds": 5, "seed": 0}, "takes folds, fold, seed; found folds, seed"),
        ({**spec(5, 0), "train_share": 0.5}, "takes folds, fold, seed; found folds, fold, seed, t"),
    ],
)
def test_folds_that_cannot_be_are_refused_in_one_line(wrong, words):
    with pytest.raises(UserError) as error:
        split_songs(rendition_of(*SONGS), wrong)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def chosen(songs=None, **parts):
    config = {"separation": {} if songs is None else {"songs": songs}, **parts}
    copy = song("Song - 1 x0.9", origin="Song - 1")
    return names(chosen_songs(rendition_of(*SONGS, copy, *TESTS), config, Path("manifest.json")))


def test_a_model_separates_what_its_fold_holds_out_unless_test_songs_are_asked_for():
    held = [chosen(split=spec(2, fold)) for fold in range(2)]
    assert sorted(held[0] + held[1]) == names(SONGS)
    assert chosen("held_out", split=spec(2, 0)) == held[0]
    assert chosen("test", split=spec(2, 0)) == chosen(split={"kind": "all"}) == names(TESTS)


def test_what_is_not_trained_may_be_scored_on_all_training_songs():
    assert chosen() == names(TESTS)
    assert chosen("held_out") == names(SONGS)


def test_a_split_that_holds_nothing_out_has_no_such_songs():
    with pytest.raises(UserError, match=r"songs is held_out, but split.kind is 'all'"):
        chosen("held_out", split={"kind": "all"})
