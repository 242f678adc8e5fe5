import numpy as np
import pytest

from mssbench.data.songs import SOURCES
from mssbench.scoring.museval_engine import bsseval
from mssbench.scoring.problems import PAIR, Problem, problems, targets
from mssbench.scoring.protocol import METRICS, Protocol
from mssbench.scoring.song import score_song

RATE = 4000


@pytest.mark.parametrize(
    ("sources", "estimated", "reported"),
    [
        (SOURCES, PAIR, PAIR),
        (SOURCES, (*SOURCES, "accompaniment"), (*PAIR, "drums", "bass", "other")),
        (SOURCES, SOURCES, SOURCES),
        (SOURCES, ("vocals", "bass"), ("bass", "vocals")),
        (("piano", "violin"), ("piano", "violin"), ("piano", "violin")),
        (SOURCES, ("vocals",), ()),
        (("piano", "violin"), PAIR, ()),
    ],
)
def test_each_target_is_scored_once(sources, estimated, reported):
    assert targets(problems(sources, estimated)) == reported


def test_vocals_are_scored_against_the_accompaniment_and_other_sources_among_themselves():
    random = np.random.default_rng(0)
    waves = dict(zip(SOURCES, 0.1 * random.standard_normal((4, 1, 2 * RATE)), strict=True))
    waves["accompaniment"] = sum(waves[s] for s in SOURCES if s != "vocals")
    mixture = waves["accompaniment"] + waves["vocals"]
    estimates = {name: wave + 0.2 * mixture for name, wave in waves.items()}
    scores = score_song(
        "song",
        problems(SOURCES, estimates),
        waves,
        estimates,
        rate=RATE,
        protocol=Protocol(1.0, 1.0, "float", "museval"),
    )
    assert set(scores.windows) == set(estimates)
    for group, reported in [(PAIR, PAIR), (SOURCES, ("drums", "bass", "other"))]:
        truth, guess = (np.stack([of[name] for name in group]) for of in (waves, estimates))
        expected = bsseval(truth, guess, RATE, RATE)
        for name in reported:
            for metric in METRICS:
                found = scores.windows[name][metric]
                np.testing.assert_array_equal(found, expected[metric][group.index(name)])


def test_silence_of_one_source_leaves_the_other_problem_alone():
    random = np.random.default_rng(0)
    waves = {name: 0.1 * random.standard_normal((1, RATE)) for name in (*SOURCES, "accompaniment")}
    silent_bass = waves | {"bass": np.zeros((1, RATE))}
    posed = [Problem(PAIR, PAIR), Problem(SOURCES, ("drums", "bass", "other"))]
    noisy = {name: wave + 0.01 for name, wave in waves.items()}
    protocol = Protocol(1.0, 1.0, "float", "museval")
    scores = score_song("song", posed, silent_bass, noisy, rate=RATE, protocol=protocol)
    assert scores.silent == ("reference of bass",)
    assert np.isfinite(scores.windows["vocals"]["SDR"]).all()
    assert np.isnan(scores.windows["drums"]["SDR"]).all()
    assert np.isnan(scores.song["other"]["song SI-SDR"])
    assert np.isfinite(scores.song["vocals"]["song SI-SDR"])
