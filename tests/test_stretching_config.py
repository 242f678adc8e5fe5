import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from mssbench.commands import stretch as stretch_command
from mssbench.data.rendition import Rendition
from mssbench.data.songs import STEMS
from mssbench.data.splits import split_songs
from mssbench.errors import UserError
from mssbench.run_parts import stretch_options
from mssbench.runs import expand
from mssbench.stretching.config import StretchingConfig
from mssbench.stretching.need import needed_bytes
from mssbench.stretching.offline import stretch_songs
from mssbench.stretching.pitch import shift_pitch
from mssbench.stretching.tempos import Change, Tempos
from mssbench.study import Studies
from mssbench.training.structure import structure

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "workflow" / "schemas" / "study.schema.yaml"
WRITTEN = "stretching: {factors: [0.8, 1.25], copies: 1, semitones: [-1, 0, 1], keep: [drums]}"


@pytest.fixture(params=[1, 2], ids=["mono", "stereo"])
def rendition(make_rendition, request):
    random = np.random.default_rng(3)
    lengths = {"A - 1": 6000, "B - 2": 7001, "test - 3": 4000}
    return make_rendition(
        {name: 0.1 * random.standard_normal((5, request.param, n)) for name, n in lengths.items()}
    )


def config(**keys):
    return structure(StretchingConfig, keys)


def runs(tmp_path, stretching=WRITTEN, seeds=(0,)):
    """Return the runs of the miniature study of stretched songs, its ``stretching`` replaced."""
    text = (ROOT / "tests" / "miniature" / "stretched.yaml").read_text()
    assert WRITTEN in text
    every = text.replace("[stretched]", "[stretched, shared, plain]")
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "stretched.yaml").write_text(every.replace(WRITTEN, stretching))
    study = Studies(tmp_path, SCHEMA).load("stretched", "demo")
    return {run.experiment: run for run in expand(study, {"name": "synthetic"}, list(seeds))}


def test_stretching_is_part_of_what_decides_the_weights(tmp_path):
    found, other = runs(tmp_path), runs(tmp_path / "other", "stretching: {like: ra_paper}")
    assert (
        len({found["stretched"].trained, other["stretched"].trained, found["plain"].trained}) == 3
    )
    assert found["plain"].trained == other["plain"].trained
    assert {run.rendition for run in found.values()} == {"8000-mono"}


def test_null_is_as_good_as_no_stretching(tmp_path):
    found, without = runs(tmp_path), runs(tmp_path / "none", "")
    assert "stretching" not in found["plain"].config
    assert found["plain"].id == without["plain"].id == without["stretched"].id


def test_a_studys_keys_are_the_commands_options(tmp_path, rendition):
    run = runs(tmp_path)["stretched"]
    parser = argparse.ArgumentParser()
    stretch_command.add_arguments(parser)
    manifest, out = rendition.folder / "manifest.json", tmp_path / "out" / "manifest.json"
    words = [*stretch_options(run.config).split(), "--rendition", str(manifest), "--out", str(out)]
    stretch_command.run(parser.parse_args(words))
    made, asked = Rendition.open(out), config(**run.config["stretching"])
    again = stretch_songs(rendition, tmp_path / "again", asked.tempos(), copies=1, keep=asked.keep)
    assert made.digest == again.digest
    assert len(made.songs) == 5


@pytest.mark.parametrize(
    ("stretching", "message"),
    [
        ("{like: ra_papers}", "stretching.like is 'ra_papers'; allowed are ra_paper, ra_code"),
        ("{factors: [0.8], speed: 2}", "unknown key 'stretching.speed'; allowed are like, factors"),
        ("{factors: [9]}", "stretching.factors: found 9; allowed is 0.25 to 4"),
        ("{factors: [1]}", "stretching.factors: found none but 1"),
        ("{factors: []}", "stretching.factors: found none; give at least one"),
        ("{copies: 2}", "stretching.factors: found none; give like, factors or semitones"),
        ("{like: ra_code, factors: [0.8]}", "stretching.factors: does not go with like"),
        ("{factors: [0.8], probabilities: [1.0]}", "stretching.probabilities: goes with factors"),
        ("{like: ra_paper, copies: 8}", "stretching.copies: found 8; allowed is 1 to 7"),
        ("{semitones: [13]}", "stretching.semitones: found 13; allowed is -12 to 12"),
        ("{factors: [0.8], keep: [drums]}", "stretching.keep: goes with semitones only"),
        ("{semitones: [1], keep: [drum]}", "stretching.keep: found 'drum'; the songs have drums"),
        ("{factors: [0.8], seed: -1}", "stretching.seed is -1"),
    ],
)
def test_mistakes_are_one_line_that_names_experiment_and_key(tmp_path, stretching, message):
    with pytest.raises(UserError, match=f"experiment 'stretched': {message}") as caught:
        runs(tmp_path, f"stretching: {stretching}")
    assert "\n" not in str(caught.value)


def test_int16_cannot_be_stretched(tmp_path):
    text = f"{WRITTEN}\n    rendition: {{format: int16}}"
    with pytest.raises(UserError, match=r"rendition\.format is 'int16'.*needs float32"):
        runs(tmp_path, text)


def test_the_need_is_what_the_copies_take(rendition, tmp_path):
    asked = config(factors=[0.8, 1.25], semitones=[0, 2], copies=3, seed=4)
    made = stretch_songs(rendition, tmp_path / "out", asked.tempos(), copies=3, seed=4)
    copies = [song for song in made.songs if song.origin]
    sizes = [(made.folder / song.file).stat().st_size for song in copies]
    assert len(copies) == 6
    assert needed_bytes(rendition.folder / "manifest.json", asked) == sum(sizes)
    with pytest.raises(FileNotFoundError):
        needed_bytes(rendition.folder / "nothing.json", asked)


def test_pitch_moves_in_all_sources_but_those_that_are_kept(rendition, tmp_path):
    tempos = Tempos(semitones=(0, 2))
    made = stretch_songs(rendition, tmp_path / "out", tempos, keep=("drums",))
    assert [song.name for song in made.songs[3:]] == ["A - 1 (pitch +2)", "B - 2 (pitch +2)"]
    for song in made.songs[3:]:
        stems, original = made.audio(song), rendition.audio(rendition.by_name(song.origin))
        for name, stem, source in zip(STEMS[1:], stems[1:], original[1:], strict=True):
            moved = shift_pitch(torch.from_numpy(np.array(source)), 0 if name == "drums" else 2)
            assert np.allclose(stem, moved.numpy(), atol=1e-6)
        assert np.allclose(stems[0], stems[1:].sum(axis=0), atol=1e-6)


def test_every_pitch_is_equally_likely_at_every_tempo():
    tempos = Tempos((0.8, 1.0), (0.25, 0.75), (-1, 0, 1))
    drawn = [tempos.drawn(f"song {n}", 1, seed=0) for n in range(3000)]
    for change in tempos.changes:
        share = (0.25 if change.factor == 0.8 else 0.75) / 3
        assert abs(drawn.count((change,)) / 3000 - share) < 5 * (share * (1 - share) / 3000) ** 0.5
    assert Change(1.0) not in tempos.changes
    assert len(tempos.changes) == 5


@pytest.mark.parametrize("kind", [{"kind": "random", "train_share": 0.5, "seed": 0}])
def test_only_originals_validate(rendition, tmp_path, kind):
    made = stretch_songs(rendition, tmp_path / "out", Tempos((0.5, 2.0)))
    split = split_songs(made, kind)
    assert split.valid
    assert all(song.origin is None for song in (*split.valid, *split.test))
    assert {song.origin for song in split.train} == {None, split.train[0].name}


def test_a_missing_stretched_array_is_made_again_by_stretch(rendition, tmp_path):
    made = stretch_songs(rendition, tmp_path / "out", Tempos((0.5,)))
    for song in (made.songs[0], made.songs[-1]):
        (made.folder / song.file).rename(tmp_path / "away")
        with pytest.raises(UserError, match="is missing; run 'mssbench stretch' again"):
            Rendition.open(made.folder / "manifest.json")
        (tmp_path / "away").rename(made.folder / song.file)
    (rendition.folder / rendition.songs[0].file).unlink()
    with pytest.raises(UserError, match="is missing; run 'mssbench prepare' again"):
        Rendition.open(rendition.folder / "manifest.json")
