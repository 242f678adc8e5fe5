import numpy as np
import pytest
from figure_data import check_bytes, config, remark_of, row

from mssbench.models import filter_bands
from mssbench.report.figures.filters import BANDWIDTHS, CENTRES, FilterBands, draw_filters

STUDY = config([row("m1", 0, rendition="22050-stereo")])


def bands(label="M2", group="band 1", place=0, seed=0, count=16):
    random = np.random.default_rng(seed)
    return FilterBands(
        label, group, place, random.uniform(0, 11000, count), random.uniform(500, 3000, count)
    )


def drawn(found, centre="peak", bandwidth="noise"):
    return draw_filters(found, STUDY, centre, bandwidth)


FOUND = [bands("M1", "", 0), bands("M2", "band 1", 0, 1), bands("M2", "band 2", 1, 2)]


def test_filters_have_the_bytes_that_their_data_decide(tmp_path):
    check_bytes(lambda: drawn(FOUND), lambda: drawn(FOUND[:2]), tmp_path)


def test_each_filter_is_a_point_at_its_frequency_in_khz():
    figure = drawn(FOUND)
    for panel, name in zip(figure.axes, ("centre", "bandwidth"), strict=True):
        assert len(panel.collections) == len(FOUND)
        for points, group in zip(panel.collections, FOUND, strict=True):
            values = points.get_offsets().data[:, 0]
            np.testing.assert_allclose(values, getattr(group, name) / 1000)


def test_points_stay_beside_their_own_box():
    panel = drawn(FOUND).axes[0]
    for points, height in zip(panel.collections, panel.get_yticks(), strict=True):
        assert np.abs(points.get_offsets().data[:, 1] - height).max() < 0.35


def test_models_are_named_once_and_stand_apart_from_top_to_bottom():
    panel = drawn(FOUND).axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["M1", "M2: band 1", "band 2"]
    first, second, third = panel.get_yticks()
    assert second - first > third - second == 1
    bottom, top = panel.get_ylim()
    assert bottom > top


def test_bands_of_one_number_share_a_colour():
    panel = drawn([*FOUND, bands("M3", "band 1", 0), bands("M3", "band 2", 1)]).axes[0]
    colours = [tuple(points.get_facecolor()[0]) for points in panel.collections]
    assert colours[0] == colours[1] == colours[3]
    assert colours[2] == colours[4] != colours[0]


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_the_remark_says_how_bands_are_read(centre, bandwidth):
    remark = remark_of(drawn(FOUND, centre, bandwidth))
    assert f"Centre frequency: {CENTRES[centre]}; bandwidth: {BANDWIDTHS[bandwidth]}" in remark
    assert "16 filters" in remark


def test_every_reading_is_explained():
    assert set(CENTRES) == set(filter_bands.CENTRES)
    assert set(BANDWIDTHS) == set(filter_bands.BANDWIDTHS)
