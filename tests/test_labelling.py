import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from mssbench.report.figures.labelling import POINT, label_points, spread
from mssbench.report.figures.style import style


def labelled(points, texts, **options):
    """Label points of a panel of 7 x 3.6 inches; return the panel."""
    with style():
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        panel = figure.subplots()
        panel.set_xlim(0, 1)
        panel.set_ylim(0, 1)
        label_points(panel, np.asarray(points), texts, **options)
        figure.draw_without_rendering()
        return panel


def text_boxes(panel):
    """Return left, low, right and high end of each label without its line, in points."""
    scale = 72 / panel.figure.dpi
    return [Text.get_window_extent(text).extents * scale for text in panel.texts]


def shared(one, other):
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_many_points_hide_neither_each_other_nor_a_point(seed):
    points = np.random.default_rng(seed).uniform(0.05, 0.95, size=(23, 2))
    panel = labelled(points, [f"Some separator {place}" for place in range(23)])
    boxes = text_boxes(panel)
    assert max(shared(*pair) for pair in itertools.combinations(boxes, 2)) == 0
    places = panel.transData.transform(points) * 72 / panel.figure.dpi
    for box in boxes:
        inside = (places > box[:2]) & (places < box[2:])
        assert not inside.all(axis=1).any()
    frame = panel.get_window_extent().extents * 72 / panel.figure.dpi
    for box in boxes:
        assert (box[:2] >= frame[:2] - 1).all()
        assert (box[2:] <= frame[2:] + 1).all()


def test_a_label_alone_stands_close_to_the_right_and_needs_no_line():
    (text,) = labelled([(0.5, 0.5)], ["A name"]).texts
    x, y = text.xyann
    assert x > POINT
    assert y == pytest.approx(0)
    assert text.arrow_patch is None


def test_labels_keep_off_other_points_and_lines():
    free = text_boxes(labelled([(0.5, 0.5)], ["A name"]))[0]
    others = np.array([(0.53, 0.5)])
    moved = labelled([(0.5, 0.5)], ["A name"], others=others)
    assert shared(free, text_boxes(moved)[0]) < shared(free, free)
    line = np.array([(0.5, 0.5), (1.0, 0.5)])
    panel = labelled([(0.5, 0.5)], ["A name"], lines=[line])
    (box,) = text_boxes(panel)
    height = panel.transData.transform((0.5, 0.5))[1] * 72 / panel.figure.dpi
    middle = panel.transData.transform((0.5, 0.5))[0] * 72 / panel.figure.dpi
    assert box[2] < middle or box[3] < height or box[1] > height


def test_points_at_one_place_get_labels_of_their_own_and_lines_to_them():
    panel = labelled([(0.5, 0.5)] * 9, [f"The same {place}" for place in range(9)])
    boxes = text_boxes(panel)
    assert max(shared(*pair) for pair in itertools.combinations(boxes, 2)) == 0
    assert any(text.arrow_patch is not None for text in panel.texts)


def test_spread_heights_keep_their_order_distance_and_mean():
    heights = np.random.default_rng(0).uniform(size=30)
    found = spread(heights, 0.1)
    assert np.diff(np.sort(found)).min() == pytest.approx(0.1)
    assert (np.argsort(found, kind="stable") == np.argsort(heights, kind="stable")).all()
    assert found.mean() == pytest.approx(heights.mean())


def test_heights_that_are_apart_stay():
    assert spread([3.0, 1.0, 2.0], 0.5).tolist() == [3.0, 1.0, 2.0]
    assert spread([1.0, 1.0, 5.0], 1.0).tolist() == [0.5, 1.5, 5.0]
    assert spread([], 1.0).tolist() == []
