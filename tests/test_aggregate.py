import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mssbench.errors import UserError
from mssbench.report.aggregate import AGGREGATIONS, aggregate
from mssbench.report.museval_json import read_museval_json

STL1 = Path(__file__).parents[2] / "shared" / "data" / "sisec18" / "STL1.tar.xz"
ALL = ["song-wise median", "segment-wise median", "segment-wise mean"]


def table(songs, metric="SDR", run="run", target="vocals"):
    """One row a score; ``songs`` maps a song to its windows' scores."""
    rows = [
        (run, song, target, metric, float(start), score)
        for song, scores in songs.items()
        for start, score in enumerate(scores)
    ]
    columns = ["run", "track", "target", "metric", "window_start", "score"]
    return pd.DataFrame(rows, columns=columns)


def whole_song(songs, metric="song SI-SDR"):
    found = table({song: [score] for song, score in songs.items()}, metric)
    return found.assign(window_start=np.nan)


def values(scores, metric="SDR"):
    found = aggregate(scores, ["vocals"], [metric], ALL)
    return dict(zip(found["aggregation"], found["value"], strict=True))


def test_three_aggregations_of_one_table_match_hand_computed_values():
    # Song medians: 2, 10 and 4; pool: 1 2 3 4 4 9 10 11 (two songs of three, one of two windows).
    scores = table({"a": [1, 2, 3], "b": [11, 9, 10], "c": [4, 4]})
    assert values(scores) == {
        "song-wise median": 4.0,
        "segment-wise median": 4.0,
        "segment-wise mean": 5.5,
    }
    scores = table({"a": [0, 0, 0, 0, 0], "b": [6], "c": [8]})
    assert values(scores) == {
        "song-wise median": 6.0,
        "segment-wise median": 0.0,
        "segment-wise mean": 2.0,
    }


def test_each_name_says_what_is_pooled_first():
    # Song medians 2, 10, 4; song means 3, 10, 4.
    scores = table({"a": [1, 2, 6], "b": [11, 9, 10], "c": [4, 4]})
    found = aggregate(scores, ["vocals"], ["SDR"], list(AGGREGATIONS))
    assert dict(zip(found["aggregation"], found["value"], strict=True)) == pytest.approx(
        {
            "song-wise median": 4.0,
            "mean of song medians": 16 / 3,
            "median of song means": 4.0,
            "mean of song means": 17 / 3,
            "segment-wise median": 5.0,
            "segment-wise mean": 47 / 8,
            # Distances to 5: 4 3 1 6 4 5 1 1.
            "segment-wise MAD": 3.5,
            "segment-wise SD": np.std([1, 2, 6, 11, 9, 10, 4, 4]),
        }
    )


def test_songs_of_many_windows_weigh_no_more_than_others_but_in_a_pool():
    scores = table({"a": [0] * 9, "b": [6]})
    found = aggregate(scores, ["vocals"], ["SDR"], ["mean of song means", "segment-wise mean"])
    assert found["value"].tolist() == pytest.approx([3, 0.6])


def test_spread_does_not_move_with_the_scores():
    rng = np.random.default_rng(0)
    songs = {str(song): rng.normal(size=9 + song) for song in range(6)}
    names = ["segment-wise MAD", "segment-wise SD"]

    def spread(shift, factor):
        moved = table({song: factor * scores + shift for song, scores in songs.items()})
        return aggregate(moved, ["vocals"], ["SDR"], names)["value"].to_numpy()

    assert spread(5, -2) == pytest.approx(2 * spread(0, 1))


def test_one_song_makes_both_medians_equal():
    found = values(table({"a": [3.0, 1.0, 8.0, 2.0]}))
    assert found["song-wise median"] == found["segment-wise median"] == 2.5


def test_one_window_a_song_makes_both_medians_equal():
    found = values(table({"a": [3.0], "b": [1.0], "c": [8.0]}))
    assert found["song-wise median"] == found["segment-wise median"] == 3.0


def test_adding_a_constant_to_all_scores_adds_it_to_every_aggregation():
    rng = np.random.default_rng(0)
    songs = {str(song): rng.normal(size=9 + song) for song in range(6)}
    before = values(table(songs))
    after = values(table({song: scores + 3.0 for song, scores in songs.items()}))
    assert after == pytest.approx({name: value + 3.0 for name, value in before.items()})


def test_nan_windows_are_counted_and_enter_no_value():
    nan = float("nan")
    scores = table({"a": [nan, 2, 4], "b": [nan, nan], "c": [5, nan]})
    found = aggregate(scores, ["vocals"], ["SDR"], ALL).set_index("aggregation")
    assert found["value"].to_dict() == pytest.approx(
        {"song-wise median": 4.0, "segment-wise median": 4.0, "segment-wise mean": 11 / 3}
    )
    counts = found[["songs", "windows", "nan_windows", "nan_songs"]]
    assert (counts == [3, 7, 4, 1]).all(axis=None)


def test_infinite_scores_are_values():
    inf = float("inf")
    assert values(table({"a": [1, inf, inf]})) == {
        "song-wise median": inf,
        "segment-wise median": inf,
        "segment-wise mean": inf,
    }
    assert values(table({"a": [1, 2, inf]}))["segment-wise median"] == 2.0
    assert values(table({"a": [-inf, 1, 2]}))["segment-wise mean"] == -inf
    assert np.isnan(values(table({"a": [-inf, 1, inf]}))["segment-wise mean"])


def test_whole_song_metrics_are_aggregated_over_songs():
    scores = whole_song({"a": 1.0, "b": 2.0, "c": 6.0, "d": float("nan")})
    assert values(scores, "song SI-SDR") == {
        "song-wise median": 2.0,
        "segment-wise median": 2.0,
        "segment-wise mean": 3.0,
    }
    found = aggregate(scores, ["vocals"], ["song SI-SDR"], ["song-wise median"]).iloc[0]
    assert found["whole_song"]
    assert (found["songs"], found["nan_windows"], found["nan_songs"]) == (4, 1, 1)


def test_windowed_metrics_are_not_called_whole_song():
    found = aggregate(table({"a": [1, 2]}), ["vocals"], ["SDR"], ["song-wise median"])
    assert not found["whole_song"].any()


def test_runs_targets_and_metrics_are_kept_apart():
    scores = pd.concat(
        [
            table({"a": [1, 1]}, run="one"),
            table({"a": [2, 2]}, run="two"),
            table({"a": [3, 3]}, run="one", target="accompaniment"),
            table({"a": [4, 4]}, run="one", metric="SIR"),
        ]
    )
    found = aggregate(scores, ["accompaniment", "vocals"], ["SIR", "SDR"], ["segment-wise mean"])
    rows = found[["run", "target", "metric", "value"]].to_numpy().tolist()
    assert rows == [
        ["one", "accompaniment", "SDR", 3.0],
        ["one", "vocals", "SIR", 4.0],
        ["one", "vocals", "SDR", 1.0],
        ["two", "vocals", "SDR", 2.0],
    ]


def test_results_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    scores = pd.concat(
        [table({str(s): rng.normal(size=5) for s in range(4)}), whole_song({"0": 1})]
    )
    shuffled = scores.sample(frac=1.0, random_state=0)
    pd.testing.assert_frame_equal(
        aggregate(scores, ["vocals"], ["song SI-SDR", "SDR"], ALL),
        aggregate(shuffled, ["vocals"], ["song SI-SDR", "SDR"], ALL),
    )


@pytest.mark.parametrize(
    ("targets", "metrics", "aggregations", "message"),
    [
        (["drums"], ["SDR"], ALL, "unknown targets 'drums'; allowed are vocals"),
        (["vocals"], ["SNR"], ALL, "unknown metrics 'SNR'; allowed are SDR"),
        (["vocals"], ["SDR"], ["median"], "unknown aggregations 'median'; allowed are song-wise"),
    ],
)
def test_unknown_names_are_refused_with_the_allowed_ones(targets, metrics, aggregations, message):
    with pytest.raises(UserError, match=message):
        aggregate(table({"a": [1.0]}), targets, metrics, aggregations)


def test_a_table_without_scores_is_refused():
    with pytest.raises(UserError, match="lacks the columns window_start, score"):
        aggregate(pd.DataFrame({"run": [], "track": [], "target": [], "metric": []}), [], [], [])


def test_wave_u_net_of_sisec_2018_has_its_known_vocals_sdr(tmp_path):
    if not STL1.exists():
        pytest.skip("the SiSEC 2018 scores of STL1 are not on this machine")
    with tarfile.open(STL1) as archive:
        # Written by hand: Python 3.11 has no safe extraction before its fourth release.
        for member in archive.getmembers():
            if member.isfile() and member.name.endswith(".json"):
                content = archive.extractfile(member).read()
                (tmp_path / Path(member.name).name).write_bytes(content)
    scores = read_museval_json("STL1", sorted(tmp_path.rglob("*.json")))
    found = aggregate(scores, ["vocals"], ["SDR"], ALL).set_index("aggregation")
    assert found["value"].to_dict() == pytest.approx(
        {"song-wise median": 4.97, "segment-wise median": 4.46, "segment-wise mean": 0.65}, abs=0.01
    )
    assert (found["songs"] == 50).all()
    assert (found["nan_windows"] > 0).all()


def test_museval_files_become_tidy_rows(tmp_path):
    file = tmp_path / "Artist - Title.json"
    file.write_text(
        '{"targets": [{"name": "vocals", "frames": ['
        '{"time": 0.0, "duration": 1.0, "metrics": {"SDR": 1.5, "SIR": NaN}},'
        '{"time": 1.0, "duration": 1.0, "metrics": {"SDR": 2.5, "SIR": 7}}]}]}'
    )
    found = read_museval_json("system", [file])
    assert list(found.columns) == ["run", "track", "target", "metric", "window_start", "score"]
    assert found.iloc[0].tolist() == ["system", "Artist - Title", "vocals", "SDR", 0.0, 1.5]
    assert found["score"].isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"targets": [{"name": "vocals"}]}'])
def test_files_of_others_than_museval_are_refused_by_name(tmp_path, text):
    file = tmp_path / "song.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"song\.json is not"):
        read_museval_json("system", [file])
