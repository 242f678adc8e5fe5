import numpy as np
import pytest
from figure_data import RATE, check_bytes, config, remark_of, write_separated

from mssbench.errors import UserError
from mssbench.report.excerpt import Signal, cut_excerpt
from mssbench.report.figures.excerpt import FLOOR, power
from mssbench.report.figures.tempo import at_tempo, draw, draw_tempo
from mssbench.report.sources import Sources


@pytest.fixture
def rendition(make_rendition, tmp_path):
    return write_separated(make_rendition, tmp_path)[0]


@pytest.fixture
def excerpt(rendition):
    return cut_excerpt({"seconds": 1.0, "rows": []}, config(), rendition, {})


def panels_of(figure):
    return [panel for panel in figure.axes if panel.images and panel.get_title(loc="left")]


def test_the_figure_has_the_bytes_that_its_data_decide(excerpt, tmp_path):
    check_bytes(
        lambda: draw_tempo(excerpt, [1, 2], config()),
        lambda: draw_tempo(excerpt, [1, 1.5], config()),
        tmp_path,
    )


def test_each_factor_has_a_panel_the_slowest_first_on_one_axis_of_time(excerpt):
    figure = draw_tempo(excerpt, [2, 0.5, 1], config())
    panels = panels_of(figure)
    labels = [panel.get_title(loc="left") for panel in panels]
    assert labels == ["0.5 times the tempo", "As it is", "2 times the tempo"]
    assert {panel.get_xlim() for panel in panels} == {(0.0, 2.0)}
    assert [panel.images[0].get_extent()[1] for panel in panels] == [2.0, 1.0, 0.5]
    assert {panel.images[0].get_clim() for panel in panels} == {(FLOOR, 0.0)}


def test_by_default_the_loudest_seconds_at_the_factors_of_ra(rendition):
    figure = draw({"seconds": 0.5}, config(), Sources(manifest=rendition.folder / "manifest.json"))
    assert len(panels_of(figure)) == 7
    assert "Vocals of test b, 0.5 s from 2." in remark_of(figure)


def test_pitches_stay():
    wave = np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE)).astype(np.float32)
    for factor in (0.5, 2):
        spectrum = power(at_tempo(Signal("", wave, RATE), factor)).mean(axis=1)
        highest = np.argmax(spectrum) * RATE / 2 / (len(spectrum) - 1)
        assert highest == pytest.approx(1000, abs=15)


def test_a_factor_that_no_tempo_has_is_refused(excerpt):
    with pytest.raises(UserError, match="factors has -1"):
        draw_tempo(excerpt, [1, -1], config())
