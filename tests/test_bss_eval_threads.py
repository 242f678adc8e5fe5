import numpy as np
import pytest
from cut_signals import cutting
from hypothesis import given, settings
from hypothesis import strategies as st
from museval.metrics import bss_eval as museval

from mssbench.scoring.bsseval import bss_eval, evaluate
from mssbench.scoring.correlations import correlate, song_correlations, window_correlations
from mssbench.scoring.framing import frames
from mssbench.scoring.references import References


def song(J=2, samples=9000, C=1, seed=0):
    random = np.random.default_rng(seed)
    references = np.round(3000 * random.standard_normal((J, samples, C))) / 2**15
    estimates = references + 0.3 * np.roll(references, 1, axis=0)
    return references, estimates + 0.002 * random.standard_normal(references.shape)


def assert_same(found, expected):
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("framewise", [False, True])
@pytest.mark.parametrize("hop", [1000, 500])
def test_scores_do_not_hang_on_the_number_of_threads(hop, framewise):
    references, estimates = song(3, C=2)
    estimates[1, 2000:3000] = 0
    how = {"framewise_filters": framewise, "compute_permutation": True, "filters_len": 40}
    alone = bss_eval(references, estimates, 1000, hop, **how)
    assert np.isnan(alone.SDR).any()
    assert np.isfinite(alone.SDR).any()
    for threads in (2, 5):
        assert_same(bss_eval(references, estimates, 1000, hop, threads=threads, **how), alone)


def test_threads_are_at_least_one():
    with pytest.raises(ValueError, match="threads is 0"):
        bss_eval(*song(), 3000, 3000, threads=0)


def test_error_in_a_thread_is_the_callers():
    references, estimates = song()
    estimates[0, 5000] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        bss_eval(references, estimates, 1000, 1000, threads=2)


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3000),
    st.sampled_from([1, 2, 40, 300]),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_correlations_of_any_parts_are_sums(P, Q, samples, L, data):
    random = np.random.default_rng(samples)
    x, y = random.standard_normal((P, samples)), random.standard_normal((Q, samples))
    starts = [data.draw(st.integers(0, samples - 1)) for _ in range(2)]
    of_x, of_y = (slice(start, data.draw(st.integers(start + 1, samples))) for start in starts)
    found = correlate(cutting(x), cutting(y), L, of_y, of_x)
    inside = [np.zeros_like(x), np.zeros_like(y)]
    inside[0][:, of_x], inside[1][:, of_y] = x[:, of_x], y[:, of_y]
    for lag in data.draw(st.lists(st.integers(0, L - 1), max_size=5)):
        delayed = np.pad(inside[0], ((0, 0), (lag, 0)))[:, :samples]
        np.testing.assert_allclose(found[:, :, lag], delayed @ inside[1].T, atol=1e-10)


@given(st.integers(1, 9000), st.integers(1, 4000), st.sampled_from([1, 2, 64, 700]))
@settings(max_examples=40, deadline=None)
def test_whatever_the_windows_the_song_is_the_same(samples, window, L):
    signals = np.random.default_rng(0).standard_normal((2, samples))
    cut = cutting(signals)
    expected = correlate(cut, cut, L, slice(0, samples))
    for hop in (window, -(-window // 2), 2 * window):
        windows = frames(samples, window, hop)
        parts = window_correlations(cut, cut, L, windows)
        found = song_correlations(cut, cut, windows, parts, samples)
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("level", [1e-6, 1e-3, 1e6])
def test_a_song_at_any_level_has_musevals_scores(level):
    references, estimates = (level * signals for signals in song())
    found = bss_eval(references, estimates, 3000, 3000)
    expected = museval(references, estimates, 3000, 3000)
    for own, other in zip(found[:4], expected, strict=False):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", [1e-200, 1e-300, 5e-324])
def test_samples_whose_squares_are_zero_are_no_silence(level):
    references, estimates = song()
    references[1, :3000] = 0
    references[1, 17] = level
    prepared = References(references.swapaxes(1, 2), 3000, 3000)
    assert not prepared.silent.any()
    (scores,) = evaluate(prepared, [estimates.swapaxes(1, 2)])
    assert not np.isnan(scores.SDR).any()


@pytest.mark.parametrize("kind", [np.float32, np.int16])
def test_signals_of_other_types_are_scored_as_they_are_in_float64(kind):
    references, estimates = (np.round(2**15 * signals) for signals in song())
    found = bss_eval(references.astype(kind), estimates.astype(kind), 3000, 3000)
    assert_same(found, bss_eval(references, estimates, 3000, 3000))
