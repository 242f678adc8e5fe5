import argparse
import json
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch

from mssbench.commands import stretch as stretch_command
from mssbench.data.rendition import Rendition
from mssbench.data.splits import Split, split_songs
from mssbench.errors import UserError
from mssbench.stretching.offline import stretch_songs
from mssbench.stretching.phase_vocoder import stretch
from mssbench.stretching.tempos import KNOWN, Change, Tempos

LENGTHS = {"A - 1": 6000, "B - 2": 7001, "C - 3": 5000, "test - 4": 4000}
TWO = Tempos((0.8, 1.0, 1.25))


@pytest.fixture(params=[1, 2], ids=["mono", "stereo"])
def rendition(make_rendition, request):
    random = np.random.default_rng(3)
    arrays = {
        name: 0.1 * random.standard_normal((5, request.param, samples))
        for name, samples in LENGTHS.items()
    }
    return make_rendition(arrays)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "stretched"


def names(songs):
    return [song.name for song in songs]


def times(folder):
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*-x*.npy")}


def test_the_rendition_holds_the_originals_and_the_training_songs_at_each_tempo(rendition, folder):
    made = stretch_songs(rendition, folder, TWO)
    assert Rendition.open(folder / "manifest.json") == made
    assert made.songs[:4] == rendition.songs
    copies = {song.name: song for song in made.songs[4:]}
    assert len(copies) == 6
    assert not any(name.startswith("test") for name in copies)
    for original in rendition.songs[:3]:
        for factor, written in ((0.8, "0.80"), (1.25, "1.25")):
            copy = copies[f"{original.name} (tempo x{written})"]
            assert (copy.origin, copy.subset) == (original.name, "train")
            assert copy.samples == round(original.samples / factor)
            stems, source = made.audio(copy), np.array(rendition.audio(original)[1:])
            expected = stretch(torch.from_numpy(source), factor).numpy()
            assert np.allclose(stems[1:], expected, atol=1e-6)
            assert np.allclose(stems[0], stems[1:].sum(axis=0), atol=1e-6)
            assert copy.peak == tuple(np.abs(stems).max(axis=(1, 2)))


def test_originals_are_linked_and_not_copied(rendition, folder):
    made = stretch_songs(rendition, folder, TWO)
    for song in rendition.songs:
        assert (folder / song.file).samefile(rendition.folder / song.file)
        assert np.array_equal(made.audio(song), rendition.audio(song))


def test_originals_on_another_disk_are_pointed_to(rendition, folder, monkeypatch):
    def refuse(*paths):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    stretch_songs(rendition, folder, TWO)
    parent = folder.parent
    moved = parent.rename(parent.with_name(f"moved {parent.name}")) / folder.name
    opened = Rendition.open(moved / "manifest.json")
    assert (moved / opened.songs[0].file).is_symlink()
    assert opened.audio(opened.songs[0]).shape[-1] == LENGTHS["A - 1"]


def test_a_repeated_run_makes_only_what_is_missing_or_spoilt(rendition, folder):
    made = stretch_songs(rendition, folder, TWO)
    before = times(folder)
    (folder / "000-x0.80.npy").unlink()
    (folder / "001-x1.25.npy").write_bytes(b"spoilt")
    (folder / "manifest.json").unlink()
    (folder / ".002-x0.80.77.partial.npy").write_bytes(b"of a killed run")
    assert stretch_songs(rendition, folder, TWO) == made
    after = times(folder)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"000-x0.80.npy", "001-x1.25.npy"}
    assert not list(folder.glob(".*"))


def test_a_changed_original_is_stretched_again(rendition, folder):
    stretch_songs(rendition, folder, TWO)
    before = times(folder)
    first = replace(rendition.songs[0], sha256="of other audio")
    stretch_songs(replace(rendition, songs=(first, *rendition.songs[1:])), folder, TWO)
    after = times(folder)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"000-x0.80.npy", "000-x1.25.npy"}


def test_workers_make_the_same_songs(rendition, folder, tmp_path):
    alone = stretch_songs(rendition, folder, TWO)
    assert stretch_songs(rendition, tmp_path / "other", TWO, workers=2).songs == alone.songs


def test_the_need_is_told_and_checked_before_anything_is_written(
    rendition, folder, monkeypatch, caplog
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 100))
    caplog.set_level("INFO")
    with pytest.raises(UserError, match=r"stretching 6 songs needs .* only 100 bytes are free"):
        stretch_songs(rendition, folder, TWO)
    assert "6 of 6 stretched songs are to be made" in caplog.text
    assert not list(folder.iterdir())


def test_copies_stay_on_the_side_of_their_original(rendition, folder):
    made = stretch_songs(rendition, folder, TWO)
    spec = {"kind": "random", "train_share": 0.67, "seed": 4}
    plain, split = split_songs(rendition, spec), split_songs(made, spec)
    assert (split.valid, split.test) == (plain.valid, plain.test)
    assert len(split.valid) == 1
    trained = set(names(plain.train))
    assert {song.name for song in split.train if song.origin is None} == trained
    copies = [song for song in split.train if song.origin is not None]
    assert {song.origin for song in copies} == trained
    assert len(copies) == 4
    assert len(split_songs(made, {"kind": "all"}).train) == 9


@pytest.mark.parametrize("kept", ["original", "copy"])
def test_a_copy_cannot_train_while_its_song_validates(rendition, folder, kept):
    made = stretch_songs(rendition, folder, TWO)
    slow, fast = made.by_name("A - 1 (tempo x0.80)"), made.by_name("A - 1 (tempo x1.25)")
    valid = made.by_name("A - 1") if kept == "original" else fast
    with pytest.raises(UserError, match="same origin"):
        Split(train=(slow,), valid=(valid,), test=())


def test_a_draw_depends_on_the_seed_and_the_song_alone():
    tempos = Tempos((0.5, 0.9, 1.1, 1.5, 2.0))
    draws = {name: tempos.drawn(name, 2, seed=1) for name in map(str, range(30))}
    assert draws == {name: tempos.drawn(name, 2, seed=1) for name in reversed(draws)}
    assert draws != {name: tempos.drawn(name, 2, seed=2) for name in draws}
    assert len(set(draws.values())) > 5
    assert all(len(set(draw)) == 2 and draw == tuple(sorted(draw)) for draw in draws.values())


def test_factors_of_the_paper_are_drawn_with_its_probabilities():
    drawn = [KNOWN["ra_paper"].drawn(f"song {n}", 1, seed=0) for n in range(4000)]
    assert abs(drawn.count(()) / 4000 - 0.4) < 0.03
    for factor in (0.5, 0.75, 1.25, 1.5, 1.75, 2.0):
        assert abs(drawn.count((Change(factor),)) / 4000 - 0.1) < 0.02
    assert len(KNOWN["ra_code"].drawn("song", None, seed=0)) == 8


@pytest.mark.parametrize(
    ("factors", "probabilities", "words"),
    [
        ((0.0, 1.1), None, "factors: found 0"),
        ((float("nan"),), None, "factors: found nan"),
        ((8.0,), None, "allowed is 0.25 to 4"),
        ((1.1, 1.1), None, "twice"),
        ((1.0,), None, "changes nothing"),
        ((0.9, 1.1), (1.0,), "found 1 for 2 factors"),
        ((0.9, 1.1), (0.5, 0.6), "sum of 1.1"),
        ((0.9, 1.1), (1.5, -0.5), "the least -0.5"),
    ],
)
def test_wrong_factors_are_named_with_what_is_allowed(factors, probabilities, words):
    with pytest.raises(UserError) as error:
        Tempos(factors, probabilities)
    assert words in str(error.value)


def test_renditions_that_cannot_be_stretched_are_refused(rendition, folder, tmp_path):
    with pytest.raises(UserError, match="choose another"):
        stretch_songs(rendition, rendition.folder, TWO)
    with pytest.raises(UserError, match="copies: found 4; allowed is 1 to 3"):
        stretch_songs(rendition, folder, TWO, copies=4)
    with pytest.raises(UserError, match="no song of the train subset"):
        stretch_songs(replace(rendition, songs=rendition.songs[3:]), folder, TWO)
    made = stretch_songs(rendition, folder, TWO)
    with pytest.raises(UserError, match="has stretched songs already"):
        stretch_songs(made, tmp_path / "twice", TWO)


def test_int16_is_refused_before_anything_is_written(rendition, folder):
    stored = replace(rendition, sample_format="int16")
    with pytest.raises(UserError, match=r"holds int16.*stretch the float32 rendition"):
        stretch_songs(stored, folder, TWO)
    assert not folder.exists()


def run(*arguments):
    parser = argparse.ArgumentParser()
    stretch_command.add_arguments(parser)
    stretch_command.run(parser.parse_args([str(argument) for argument in arguments]))


def test_the_command_writes_the_manifest(rendition, folder):
    common = ("--rendition", rendition.folder / "manifest.json", "--out", folder / "manifest.json")
    run(*common, "--factors", 0.9, 1.125, "--copies", 1, "--seed", 3)
    songs = json.loads((folder / "manifest.json").read_text())["songs"]
    written = {"0.90", "1.125"}
    assert len(songs) == 7
    assert {song["name"].split("tempo x")[1][:-1] for song in songs[4:]} <= written
    run(*common, "--like", "ra_code")
    assert len(Rendition.open(folder / "manifest.json").songs) == 4 + 3 * 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--factors", 0.9, "--out", "other.json"), "must be called manifest.json"),
        (("--factors", 0.9, "--seed", -1), "--seed is -1"),
        (("--factors", 0.9, "--probabilities", 1), "goes with"),
        (("--like", "ra_code", "--copies", 1, "--probabilities", 1), "goes with"),
    ],
)
def test_options_that_do_not_go_together_are_told(rendition, folder, arguments, words):
    common = ("--rendition", rendition.folder / "manifest.json", "--out", folder / "manifest.json")
    with pytest.raises(UserError, match=words):
        run(*common, *arguments)
