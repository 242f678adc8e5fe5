import json

import numpy as np
import pytest
from museval.aggregate import TrackStore

from mssbench.scoring.protocol import METRICS
from mssbench.scoring.results import rounded, write_museval_json
from mssbench.scoring.song import SongScores


@pytest.fixture
def scores():
    """Two targets with any values, NaN and infinity among them."""
    values = np.random.default_rng(0).normal(scale=100, size=(2, len(METRICS), 7))
    values[0, :, 3], values[1, 2, 5], values[1, 0, 0] = np.nan, np.inf, -np.inf
    windows = {
        target: dict(zip(METRICS, each, strict=True))
        for target, each in zip(("vocals", "accompaniment"), values, strict=True)
    }
    return SongScores("song", window=1.5, hop=0.75, windows=windows, song={}, silent=())


def test_scores_are_written_as_musevals_own_class_writes_them(scores, tmp_path):
    write_museval_json(tmp_path / "song.json", scores)
    store = TrackStore("song", win=scores.window, hop=scores.hop)
    for target, metrics in scores.windows.items():
        store.add_target(target, {metric: metrics[metric].tolist() for metric in METRICS})
    # As text, in which NaN equals NaN; json brings the numbers into one form.
    written, expected = (
        json.dumps(json.loads(text), sort_keys=True)
        for text in ((tmp_path / "song.json").read_text(), store.json)
    )
    assert written == expected
    store.validate()


def test_numbers_near_a_half_are_rounded_as_museval_rounds_them():
    store = TrackStore("song")
    for step in range(-500, 500):
        score = (step + 0.5) * 1e-5
        assert rounded(score) == float(store._q(score))
