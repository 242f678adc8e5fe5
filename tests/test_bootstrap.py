import itertools

import numpy as np
import pytest
import scipy.stats

from mssbench.report.statistics.bootstrap import bootstrap

NAN = float("nan")


def windows(songs=12, seed=0):
    """Values of five windows a song, which are alike within a song, and their songs."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(songs), 5)
    return rng.normal(size=songs)[owners] + 0.1 * rng.normal(size=5 * songs), owners


@pytest.mark.parametrize("statistic", ["median", "mean"])
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_over_songs_are_near_scipys(statistic, method):
    values = np.random.default_rng(0).gamma(2.0, size=40)
    found = bootstrap(values, statistic=statistic, method=method, resamples=9000)
    name = {"bca": "BCa"}.get(method, method)
    function = getattr(np, statistic)
    expected = scipy.stats.bootstrap(
        (values,), function, method=name, n_resamples=9000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.value == pytest.approx(function(values))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.05)


def test_all_draws_of_three_songs_give_the_interval():
    values = np.array([0.0, 1.0, 5.0])
    medians = [np.median(values[list(draw)]) for draw in itertools.product(range(3), repeat=3)]
    # 7 of 27 draws have the median 0, and 7 have 5.
    assert np.mean(np.array(medians) == 0) == pytest.approx(7 / 27)
    found = bootstrap(values, confidence=0.6)
    assert (found.low, found.high) == (0.0, 5.0)
    narrow = bootstrap(values, confidence=0.4)
    assert (narrow.low, narrow.high) == (1.0, 1.0)


def test_the_windows_of_a_song_are_drawn_together():
    values, owners = windows()
    whole = bootstrap(values, owners)
    apart = bootstrap(values)
    assert whole.songs == 12
    assert whole.value == apart.value == np.median(values)
    assert whole.high - whole.low > 1.5 * (apart.high - apart.low)


def test_one_window_a_song_is_the_interval_of_songs():
    values = np.random.default_rng(0).normal(size=15)
    assert bootstrap(values, np.arange(15)[::-1]) == bootstrap(values)


def test_every_window_twice_changes_no_interval_of_medians():
    values, owners = windows()
    assert bootstrap(np.tile(values, 2), np.tile(owners, 2)) == bootstrap(values, owners)


def test_a_constant_moves_the_interval_and_a_factor_widens_it():
    values, owners = windows()
    first = bootstrap(values, owners, statistic="mean")
    other = bootstrap(3 * values + 2, owners, statistic="mean")
    ends = (other.value, other.low, other.high)
    assert ends == pytest.approx([3 * end + 2 for end in (first.value, first.low, first.high)])


def test_the_seed_decides_the_draws():
    values, owners = windows()
    first = bootstrap(values, owners, statistic="mean", seed=1)
    assert bootstrap(values, owners, statistic="mean", seed=1) == first
    assert bootstrap(values, owners, statistic="mean", seed=2) != first


def test_equal_values_have_an_interval_without_width():
    for method in ("percentile", "bca"):
        found = bootstrap(np.full(6, 2.5), method=method)
        assert (found.low, found.value, found.high) == (2.5, 2.5, 2.5)


def test_intervals_hold_the_true_median_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = bootstrap(rng.normal(size=25), resamples=400)
        held += found.low <= 0 <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_nan_enters_nothing_and_too_few_songs_have_no_interval():
    found = bootstrap([1.0, NAN, 3.0], [0, 1, 2])
    assert (found.songs, found.value, found.low, found.high) == (2, 2.0, None, None)
    nothing = bootstrap([NAN, NAN])
    assert (nothing.songs, nothing.low) == (0, None)
    assert np.isnan(nothing.value)
    values, owners = windows()
    silent = np.append(values, [NAN, NAN])
    assert bootstrap(silent, np.append(owners, [99, 0])) == bootstrap(values, owners)


def test_infinite_values_have_a_median():
    found = bootstrap([1.0, 2.0, 3.0, float("inf"), float("inf")])
    assert found.value == 3.0
    assert found.high == float("inf")


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="one song a value"):
        bootstrap([1.0, 2.0], [0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap([1.0, 2.0], confidence=95)
