import numpy as np
import pytest
from figure_data import RATE, check_bytes, config, write_separated

from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.report.excerpt import Signal, cut_excerpt, default_target, loudest, reference
from mssbench.report.figures.excerpt import COLUMNS, draw_excerpt, power

EXCERPT = {"title": "Excerpt", "kind": "excerpt", "seconds": 1.0}


@pytest.fixture
def separated(make_rendition, tmp_path):
    return write_separated(make_rendition, tmp_path)


def excerpt_of(separated, **changes):
    rendition, estimates = separated
    definition = EXCERPT | {"rows": ["poor", "good"]} | changes
    return cut_excerpt(definition, config(), rendition, estimates)


def test_excerpts_have_the_bytes_that_their_data_decide(separated, tmp_path):
    check_bytes(
        lambda: draw_excerpt(excerpt_of(separated, rows=["poor"]), config()),
        lambda: draw_excerpt(excerpt_of(separated, rows=["poor"], start=0.5), config()),
        tmp_path,
    )


def test_the_excerpt_is_the_loudest_part_of_the_first_test_song(separated):
    rendition, _ = separated
    excerpt = excerpt_of(separated)
    assert (excerpt.song, excerpt.start) == ("test b", 2.0)
    truth, *estimates = excerpt.signals
    stems = rendition.audio(rendition.by_name("test b"))
    np.testing.assert_array_equal(truth.samples, stems[4, 0, 2 * RATE : 3 * RATE])
    for estimate in estimates:
        assert np.std(estimate.samples - truth.samples) == pytest.approx(0.05, rel=0.1)


def test_the_excerpt_can_be_chosen(separated):
    excerpt = excerpt_of(separated, song="test c", start=0.25, seconds=0.5)
    assert (excerpt.song, excerpt.start) == ("test c", 0.25)
    assert {len(signal.samples) for signal in excerpt.signals} == {RATE // 2}


def test_an_excerpt_longer_than_the_song_is_the_whole_song(separated):
    excerpt = excerpt_of(separated, seconds=60.0)
    assert excerpt.start == 0.0
    assert {len(signal.samples) for signal in excerpt.signals} == {4 * RATE}


def test_the_spectrogram_of_a_whole_song_leaves_no_moment_out():
    # A tone of a tenth of a second: where one frame in many were drawn, it could be missed.
    rate, hop = 8000, 92
    begin, end = 13000 * hop, 13000 * hop + 800
    samples = np.zeros(240 * rate, np.float32)
    samples[begin:end] = np.sin(np.arange(end - begin) * 2 * np.pi * 1000 / rate)
    whole = power(Signal("song", samples, rate))
    part = power(Signal("part", samples[begin - 100 * hop : end + rate], rate))
    assert COLUMNS <= whole.shape[1] < 2 * COLUMNS
    assert np.argmax(whole.sum(axis=0)) / whole.shape[1] == pytest.approx(
        begin / len(samples), abs=0.001
    )
    frames = len(samples) // hop + 1
    assert whole.sum() * (frames // whole.shape[1]) == pytest.approx(part.sum())


def test_excerpts_name_signals_seeds_song_and_units(separated):
    figure = draw_excerpt(excerpt_of(separated), config())
    panels = figure.axes
    titles = [panel.get_title(loc="left") for panel in panels]
    assert [title for title in titles if title] == ["True vocals", "Poor", "Good (seed 0)"]
    labels = {panel.get_ylabel() for panel in panels} | {panel.get_xlabel() for panel in panels}
    assert {"amplitude (full scale = 1)", "frequency (kHz)", "time in the song (s)"} <= labels
    assert any("(dB)" in label for label in labels)
    assert "test b" in figure.get_supxlabel()


def test_a_silent_excerpt_can_be_drawn(separated):
    excerpt = excerpt_of(separated)
    for signal in excerpt.signals:
        signal.samples[:] = 0
    draw_excerpt(excerpt, config()).draw_without_rendering()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "voice"}, "unknown target 'voice'; allowed are mixture, drums"),
        ({"target": "drums"}, "no drums of 'test b'"),
        ({"song": "test d"}, "no song 'test d'"),
        ({"start": 9.0}, r"start is 9 s, but 'test b' lasts 4\.0 s"),
        ({"rows": ["mixture"]}, "none called 'mixture-sNone', but good-s0, poor-s0"),
    ],
)
def test_excerpts_that_cannot_be_cut_are_refused(separated, changes, message):
    with pytest.raises(UserError, match=message):
        excerpt_of(separated, **changes)


def test_the_loudest_part_is_the_one_with_the_greatest_energy():
    audio = np.zeros((2, 1000), np.float32)
    audio[1, 420:520] = -0.5
    assert loudest(audio, length=100, step=10) == 420
    audio[0, 100] = 6.0
    assert loudest(audio, length=100, step=10) == 10, "the earliest part that holds the peak"
    assert loudest(audio, length=5000, step=10) == 0


def test_the_true_accompaniment_is_the_mixture_without_vocals():
    stems = np.arange(10.0).reshape(5, 1, 2)
    np.testing.assert_array_equal(reference(stems, STEMS, "accompaniment"), stems[0] - stems[4])
    names = ("mixture", "vocals", "accompaniment")
    np.testing.assert_array_equal(reference(stems, names, "accompaniment"), stems[2])


def test_without_vocals_the_first_source_is_shown_and_there_is_no_accompaniment():
    assert default_target(STEMS) == "vocals"
    names = ("mixture", "piano", "violin")
    assert default_target(names) == "piano"
    with pytest.raises(UserError, match=r"'accompaniment'; allowed are mixture, piano, violin$"):
        reference(np.zeros((3, 1, 2)), names, "accompaniment")
