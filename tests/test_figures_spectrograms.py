import numpy as np
import pytest
from figure_data import RATE, check_bytes, config, remark_of, write_separated

from mssbench.errors import UserError
from mssbench.report.excerpt import Signal, cut_excerpt
from mssbench.report.figures.excerpt import FLOOR
from mssbench.report.figures.spectrograms import draw_spectrograms, error_of
from mssbench.report.figures.style import with_minus

DEFINITION = {"seconds": 1.0, "rows": ["poor", "good"]}


@pytest.fixture
def separated(make_rendition, tmp_path):
    return write_separated(make_rendition, tmp_path)


def excerpt_of(separated, **changes):
    rendition, estimates = separated
    return cut_excerpt(DEFINITION | changes, config(), rendition, estimates)


def titles(figure):
    found = [panel.get_title(loc="left") for panel in figure.axes]
    return [title for title in found if title]


def test_spectrograms_have_the_bytes_that_their_data_decide(separated, tmp_path):
    check_bytes(
        lambda: draw_spectrograms(excerpt_of(separated, rows=["poor"]), config()),
        lambda: draw_spectrograms(excerpt_of(separated, rows=["poor"], start=0.5), config()),
        tmp_path,
    )


def test_each_estimate_stands_beside_its_error_below_mixture_and_target(separated):
    figure = draw_spectrograms(excerpt_of(separated), config())
    mixture, truth, *pairs = titles(figure)
    assert (mixture, truth) == ("Mixture", "True vocals")
    assert pairs[::2] == ["Poor", "Good (seed 0)"]
    for title, label in zip(pairs[1::2], pairs[::2], strict=True):
        assert title.startswith(f"Error of {label} ({with_minus('-')}")
    assert "test b" in remark_of(figure)


def test_all_panels_share_one_scale_and_one_colour_bar(separated):
    figure = draw_spectrograms(excerpt_of(separated), config())
    images = [image for panel in figure.axes for image in panel.images]
    assert len(images) == 6
    assert {image.get_clim() for image in images} == {(FLOOR, 0.0)}
    assert float(np.max(images[0].get_array())) == 0.0, "the mixture's loudest point"
    bars = [panel for panel in figure.axes if "(dB)" in panel.get_ylabel()]
    assert len(bars) == 1


def test_the_mixture_is_cut_like_the_target(separated):
    excerpt = excerpt_of(separated)
    rendition, _ = separated
    stems = rendition.audio(rendition.by_name("test b"))
    part = stems[0, 0, 2 * RATE : 3 * RATE]
    np.testing.assert_array_equal(excerpt.mixture.samples, part)


def test_the_error_is_the_estimate_less_the_target_with_its_relative_energy():
    truth = Signal("True vocals", np.full(100, 2.0, np.float32), RATE)
    estimate = Signal("Half", np.full(90, 1.0, np.float32), RATE)
    error = error_of(estimate, truth)
    np.testing.assert_array_equal(error.samples, -np.ones(90))
    # A quarter of the energy, and a tenth of the samples less.
    assert error.label == with_minus(f"Error of Half ({10 * np.log10(90 / 400):.1f} dB)")
    assert error_of(truth, truth).label == "Error of True vocals"


def test_a_silent_target_can_be_drawn(separated):
    excerpt = excerpt_of(separated)
    for signal in (excerpt.mixture, *excerpt.signals):
        signal.samples[:] = 0
    draw_spectrograms(excerpt, config()).draw_without_rendering()


def test_errors_across_sampling_rates_are_refused():
    truth = Signal("True vocals", np.zeros(100, np.float32), RATE)
    with pytest.raises(UserError, match="'Half' has 4000 Hz, the true target 8000 Hz"):
        error_of(Signal("Half", np.zeros(50, np.float32), RATE // 2), truth)
