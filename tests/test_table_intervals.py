"""Confidence intervals over songs, of one seed and of several, in tables."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from test_tables import NAN, SEGMENT_WISE, SONG_WISE, row, scores_of, table

from mssbench.errors import UserError
from mssbench.report.aggregate import AGGREGATIONS, SPREADS, aggregate
from mssbench.report.config import parse_config
from mssbench.report.formats import to_csv, to_html, to_latex, to_markdown
from mssbench.report.intervals import POOLS, interval_of
from mssbench.report.statistics.bootstrap import bootstrap
from mssbench.report.statistics.seeds import bootstrap_seeds

RNG = np.random.default_rng(0)
SONGS = [f"song {number:02}" for number in range(12)]
ROWS = [row("good", 0), row("good", 1), row("poor", 0)]


def songs_of(mean):
    return {song: mean + RNG.normal() + 0.3 * RNG.normal(size=5) for song in SONGS}


SCORES = pd.concat(
    [
        scores_of(f"{name}-s{seed}", songs_of(mean))
        for name, seed, mean in (("good", 0, 5), ("good", 1, 6), ("poor", 0, 1))
    ],
    ignore_index=True,
)


def made(scores=SCORES, rows=ROWS, **definition):
    return table({"interval": True, **definition}, scores, rows=rows)


def records(made_table):
    return list(csv.DictReader(io.StringIO(to_csv(made_table))))


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_one_seed_has_the_interval_of_the_plain_bootstrap(statistic):
    values, songs = RNG.normal(size=40), np.repeat(np.arange(8), 5)
    values[3] = NAN
    expected = bootstrap(values, songs, statistic=statistic, confidence=0.9)
    once = bootstrap_seeds([(values, songs)], statistic=statistic, confidence=0.9)
    assert once == expected
    twice = bootstrap_seeds([(values, songs)] * 2, statistic=statistic, confidence=0.9)
    assert (twice.low, twice.high) == pytest.approx((expected.low, expected.high))


def test_a_difference_of_seeds_alone_widens_no_interval():
    values, songs = RNG.normal(size=10), np.arange(10)
    one = bootstrap_seeds([(values, songs)])
    moved = bootstrap_seeds([(values, songs), (values + 10, songs)])
    assert moved.value == pytest.approx(one.value + 5)
    assert (moved.low, moved.high) == pytest.approx((one.low + 5, one.high + 5))


def test_a_song_that_one_seed_lacks_is_left_out_of_that_seed_alone():
    songs = np.arange(4)
    lacking = np.array([NAN, NAN, NAN, 2.0])
    found = bootstrap_seeds([(np.arange(4.0), songs), (lacking, songs)], statistic="mean")
    assert found.songs == 4
    assert 1 <= found.low < found.value == 1.75 < found.high <= 2.5


def test_too_few_songs_and_seeds_without_values_have_no_interval():
    few = bootstrap_seeds([(np.array([1.0, 2.0]), np.arange(2))])
    assert (few.value, few.low, few.high) == (1.5, None, None)
    none = bootstrap_seeds([(np.arange(5.0), np.arange(5)), (np.full(5, NAN), np.arange(5))])
    assert (none.low, none.high) == (None, None)
    with pytest.raises(ValueError, match="at least one seed"):
        bootstrap_seeds([])


@pytest.mark.parametrize("aggregation", POOLS)
def test_the_interval_is_one_of_the_value_that_stands_beside_it(aggregation):
    ids = ["good-s0", "good-s1"]
    values = aggregate(SCORES, ["vocals"], ["SDR"], [aggregation])
    value = values[values["run"].isin(ids)]["value"].mean()
    low, high = interval_of(SCORES, ids, aggregation, 0.95)
    assert low < value < high
    narrow = interval_of(SCORES, ids, aggregation, 0.2)
    assert low < narrow[0] < narrow[1] < high


def test_every_aggregation_but_those_of_spread_has_an_interval():
    assert {*POOLS, *SPREADS} == set(AGGREGATIONS)
    assert interval_of(SCORES, ["poor-s0"], SPREADS[0], 0.95) is None


def test_intervals_stand_beside_the_values_in_every_format():
    shown = made()
    low, high = (
        next(r for r in records(shown) if r["experiment"] == "good")[f"{end} (dB)"]
        for end in ("low", "high")
    )
    text = f"{float(low):.2f} to {float(high):.2f}"
    for page in (to_markdown(shown), to_latex(shown), to_html(shown)):
        assert text in page
        assert "whole songs" in page
    assert "| SDR (dB) | SDR 95 % interval | NaN" in to_markdown(shown)
    assert r"\multicolumn{2}{c}{SDR (dB)} & NaN / windows" in to_latex(shown)
    assert r"ours & 95 \% interval" in to_latex(shown)
    assert {r["confidence"] for r in records(shown)} == {"0.95"}
    assert "80 % interval" in to_markdown(made(interval=0.8))
    for off in (table({"interval": False}), table()):
        assert "interval" not in to_markdown(off).lower()
        assert "confidence" not in records(off)[0]


def test_values_without_an_interval_are_explained():
    spread = to_markdown(made(aggregations=["segment-wise MAD"]))
    assert "Measures of spread have none." in spread
    few = SCORES[SCORES["track"].isin(SONGS[:2])]
    assert "Values of fewer than 3 songs have none." in to_markdown(made(few))
    assert "fewer than" not in to_markdown(made(aggregations=[SONG_WISE, SEGMENT_WISE]))


@pytest.mark.parametrize("share", [0, 1, 95, "wide"])
def test_a_share_that_is_none_is_refused(share):
    entry = {"title": "t", "targets": ["v"], "metrics": ["SDR"], "aggregations": [SONG_WISE]}
    tables = {"main": {**entry, "interval": share}}
    with pytest.raises(UserError, match=r"tables\.main\.interval is"):
        parse_config(
            {"study": "s", "dataset": "d", "scale": "demo", "rows": ROWS, "tables": tables}
        )
