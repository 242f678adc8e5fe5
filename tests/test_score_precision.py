import numpy as np
import pytest
import soundfile

from mssbench.errors import UserError
from mssbench.scoring.estimates import SongEstimates
from mssbench.scoring.measures import MEASURES
from mssbench.scoring.problems import PAIR, Problem
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.song import references_of, score_song
from mssbench.scoring.tracks import Tracks, as_narrow, gathered, together

RATE = 8000
SOURCES = ("drums", "bass", "other", "vocals")
STEMS = ("mixture", *SOURCES)
POSED = (Problem(PAIR, PAIR), Problem(SOURCES, SOURCES[:3]))
WANTED = (*SOURCES, "accompaniment")


def stems(seconds=3):
    wave = 0.1 * np.random.default_rng(0).standard_normal((4, 2, seconds * RATE))
    wave[0, :, :RATE] = 0
    return np.concatenate([wave.sum(axis=0, keepdims=True), wave]).astype(np.float32)


def narrow_and_wide(grid):
    """The same song as it is held, and in float64 throughout."""
    references = references_of(stems(), STEMS, WANTED, grid)
    noise = 0.05 * np.random.default_rng(1).standard_normal((5, 2, 3 * RATE))
    made = [
        (references[name] + each).astype(np.float32)
        for name, each in zip(WANTED, noise, strict=True)
    ]
    estimates = gathered(WANTED, iter(made))
    wide = [{n: t[n].astype(np.float64) for n in WANTED} for t in (references, estimates)]
    return (references, estimates), wide


@pytest.mark.parametrize("grid", ["pcm16", "float"])
@pytest.mark.parametrize("engine", ["bss_eval", "museval"])
def test_scores_of_float32_are_those_of_float64(grid, engine):
    narrow, wide = narrow_and_wide(grid)
    measures = tuple(name for name in MEASURES if not name.startswith("HTMD"))
    how = Protocol(1.0, 1.0, grid, engine, measures=measures)
    mixture = stems()[0]
    one, other = (
        score_song("song", POSED, *both, rate=RATE, protocol=how, mixture=mixture)
        for both in (narrow, wide)
    )
    assert one.silent == other.silent
    for target, metrics in one.windows.items():
        for metric, values in metrics.items():
            np.testing.assert_allclose(values, other.windows[target][metric], rtol=0, atol=1e-9)
        for metric, value in one.song[target].items():
            np.testing.assert_allclose(value, other.song[target][metric], rtol=0, atol=1e-9)


def test_references_on_the_grid_of_16_bits_are_held_in_float32():
    found = references_of(stems(), STEMS, WANTED, "pcm16")
    assert {found[name].dtype for name in WANTED} == {np.dtype(np.float32)}
    exact = stems().astype(np.float64)
    wanted = np.round((exact[0] - exact[4]) * 2**15) / 2**15
    np.testing.assert_array_equal(found["accompaniment"], wanted)


def test_what_float32_would_change_is_held_in_float64():
    found = references_of(stems(), STEMS, WANTED, "float")
    exact = stems().astype(np.float64)
    np.testing.assert_array_equal(found["accompaniment"], exact[0] - exact[4])
    np.testing.assert_array_equal(found["drums"], exact[1])
    assert as_narrow(np.array([1 / 3])).dtype == np.float64
    assert as_narrow(np.array([1e300])).dtype == np.float64
    assert as_narrow(np.array([0.25])).dtype == np.float32


def test_neighbours_are_taken_together_without_a_copy_and_others_with_their_values():
    tracks = references_of(stems(), STEMS, WANTED, "pcm16")
    assert isinstance(tracks, Tracks)
    for problem in POSED:
        both = tracks.together(problem.sources)
        assert np.shares_memory(both, tracks["vocals"])
        np.testing.assert_array_equal(both, together(dict(tracks), problem.sources))
    apart = tracks.together(("vocals", "drums"))
    np.testing.assert_array_equal(apart, np.stack([tracks["vocals"], tracks["drums"]]))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_estimates_are_read_without_loss(tmp_path, subtype):
    wave = np.random.default_rng(2).uniform(-1, 1, (400, 2))
    files = {name: tmp_path / f"{name}.wav" for name in PAIR}
    for name, kind in zip(PAIR, (subtype, "PCM_16"), strict=True):
        soundfile.write(files[name], wave, RATE, subtype=kind)
    read = SongEstimates("song", files).read(PAIR, RATE, 2, 400)
    for name, file in files.items():
        np.testing.assert_array_equal(read[name], soundfile.read(file, dtype="float64")[0].T)


def test_estimate_with_a_sample_that_is_no_number_is_refused(tmp_path):
    wave = np.zeros((400, 2))
    wave[7] = np.nan
    soundfile.write(tmp_path / "vocals.wav", wave, RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"vocals\.wav: 2 of 800 samples are NaN"):
        SongEstimates("song", {"vocals": tmp_path / "vocals.wav"}).read(["vocals"], RATE, 2, 400)
