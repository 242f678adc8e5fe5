"""BSSEval of drawn songs, and in windows of seconds, by each backend against museval."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_bss_eval import assert_alike, museval_of, sources

from mssbench.scoring import bsseval
from mssbench.scoring.backends import NUMPY
from mssbench.scoring.bsseval import bss_eval
from mssbench.scoring.compiled_backend import CompiledBackend
from mssbench.scoring.compiled_fft import SIZE


class Counting(CompiledBackend):
    """Compiled code for songs of any length, and how often it is called."""

    def __init__(self):
        self.calls = 0

    def spectra(self, signals, segments, size):
        self.calls += size == SIZE
        return super().spectra(signals, segments, size)


def by(backend, *signals, **how):
    """Scores by a backend, however short the song is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bsseval, "backend_of", lambda device, samples: backend)
        return bss_eval(*signals, **how)


@st.composite
def cases(draw, *, compiled):
    """A song of a few windows, with silence, and how to score it.

    Compiled are the transforms of 501 to 512 taps in windows that are long enough for them.
    """
    J, C = draw(st.integers(1, 2 if compiled else 5)), draw(st.integers(1, 2))
    C = 1 if compiled and J == 2 else C  # museval takes seconds for four channels and 512 taps
    window = draw(st.integers(2060, 2700) if compiled else st.integers(2, 900))
    hop = draw(st.sampled_from([window, window / 2, max(1, window // 2), window * 0.7 + 1]))
    samples = draw(st.integers(window if compiled else 2, (2 if compiled else 4) * window + 50))
    references, estimates = sources(
        J,
        samples,
        C,
        seed=draw(st.integers(0, 99)),
        leak=draw(st.sampled_from([0, 0.01, 0.5, 2])),
        noise=draw(st.sampled_from([0, 1e-4, 0.01, 1])),
    )
    for signals in (references, estimates):
        if draw(st.booleans()):
            first = draw(st.integers(0, samples))
            signals[draw(st.integers(0, J - 1)), first : first + draw(st.integers(0, samples))] = 0
    return (
        references,
        estimates,
        {
            "window": window,
            "hop": hop,
            "compute_permutation": J < 4 and draw(st.booleans()),
            "framewise_filters": draw(st.booleans()),
            "filters_len": draw(st.sampled_from([501, 512] if compiled else [1, 2, 17, 40])),
        },
    )


@given(cases(compiled=False))
@settings(max_examples=60, deadline=None)
def test_any_song_has_musevals_scores_where_those_are_steady(case):
    assert_musevals_where_steady(NUMPY, *case)


@given(cases(compiled=True))
@settings(max_examples=8, deadline=None)
def test_any_song_has_musevals_scores_by_compiled_code(case):
    backend = Counting()
    assert_musevals_where_steady(backend, *case)
    assert backend.calls


def assert_musevals_where_steady(backend, references, estimates, how):
    found = by(backend, references, estimates, **how)
    if not (references.any(axis=(1, 2)) & estimates.any(axis=(1, 2))).all():
        with pytest.raises(ValueError, match="non-silent"):
            museval_of(references, estimates, **how)
        assert np.isnan(found[:4]).all()
        return
    # museval adds up the channels to tell silence.
    assume((references.sum(axis=2).any(axis=1) & estimates.sum(axis=2).any(axis=1)).all())
    backwards = slice(None, None, -1)
    try:
        expected = museval_of(references, estimates, **how)
        reordered = museval_of(references[backwards], estimates[backwards], **how)
        scaled = museval_of(0.7 * references, 0.7 * estimates, **how)
    except AttributeError:  # its fall-back, where a matrix is singular
        assume(False)
    assert found.SDR.shape == expected[0].shape
    assert found.permutation.shape == expected[4].shape
    np.testing.assert_array_equal(np.isnan(found.SDR), np.isnan(expected[0]))
    with np.errstate(invalid="ignore"):
        moved = np.maximum(abs(expected[2] - reordered[2][backwards]), abs(expected[2] - scaled[2]))
    if how["compute_permutation"] and not (moved < 1e-7).all():
        return  # noise may decide which order is best
    np.testing.assert_array_equal(found.permutation, expected[4])
    for own, one, two, three in zip(found[:4], expected, reordered, scaled, strict=False):
        with np.errstate(invalid="ignore"):
            steady = np.maximum(abs(one - two[backwards]), abs(one - three)) < 1e-7
        np.testing.assert_allclose(own[steady], one[steady], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("rate", "seconds", "window", "hop"),
    [(44100, 4.3, 1, 1), (8000, 9.5, 1, 1), (8000, 9.5, 2, 1.5), (8000, 61, 30, 15)],
)
def test_windows_of_seconds_have_musevals_scores(rate, seconds, window, hop):
    signals = sources(2, round(seconds * rate), 2 if rate == 44100 else 1)
    how = {"window": window * rate, "hop": hop * rate}
    expected = museval_of(*signals, **how)
    assert np.isfinite(expected[:4]).all()
    assert expected[0].shape[1] > 2
    for backend in (NUMPY, Counting()):
        assert_alike(by(backend, *signals, **how), expected)
    assert backend.calls
