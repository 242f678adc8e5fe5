"""Labels beside points that hide neither each other nor a point or line."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath

from mssbench.report.figures.style import DARK_GREY, GREY

SIZE = 6.5  # of labels, in points, as all lengths here
POINT, LINE = 3.0, 0.6  # half the width of a point's mark and of a line
STEP = 2.0  # from one to the next of the small squares that stand for a line
PADDING = 1.5  # around a label
# Where a label may stand: as near as it can, to the right and above rather than left and below.
DISTANCES = (5.0, 8.0, 12.0, 17.0, 23.0, 30.0, 38.0, 48.0, 60.0, 75.0)
ANGLES = np.deg2rad((0, 30, -30, 180, 150, 210, 60, -60, 90, -90, 120, 240, 15, -15, 165, 195))
LEADER_FROM = 9.0  # a label this far away is tied to its point by a line
# How bad it is to hide a point or label and to be outside the panel, both by area, for the line to
# cross anything, and to be far away, by length; to lie on a line counts once by area.
HIDING, CROSSING, DISTANCE = 10.0, 5.0, 0.4


def label_points(
    panel: Axes,
    points: np.ndarray,
    texts: Sequence[str],
    others: np.ndarray | None = None,
    lines: Sequence[np.ndarray] = (),
) -> None:
    """Write a label beside each point where it hides nothing.

    Labels are placed one after the other, from the top, each at the place that is least bad: near,
    in the panel, and on nothing else. Call it when all else is drawn: labels hold for the layout at
    that time.

    Args:
        panel: where the points are.
        points: (points, 2), in data units.
        texts: one a point.
        others: (others, 2), further points that no label may hide.
        lines: (vertices, 2) each, lines that no label should lie on.
    """
    figure = panel.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # lays the panels out
    scale = 72 / figure.dpi

    def to_points(data: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.asarray(panel.transData.transform(data)) * scale
        return found

    places = to_points(points)
    frame = np.asarray(panel.get_window_extent().extents) * scale
    drawn = [np.empty((0, 4)), *(squares(along(to_points(line)), LINE) for line in lines)]
    taken = [squares(places, POINT)]
    if others is not None:
        taken.append(squares(to_points(others), POINT))
    for number in np.lexsort((places[:, 0], -places[:, 1])):
        width, height = extent(texts[number])
        offsets = candidates(width, height)
        boxes = rectangles(places[number] + offsets, width, height)
        leaders = [leader(places[number], offset, width, height) for offset in offsets]
        marks, strokes = np.concatenate(taken), np.concatenate(drawn)
        obstacles = np.concatenate([marks, strokes])
        crossed = [overlap(squares(each, LINE), obstacles).sum() for each in leaders]
        costs = HIDING * (overlap(boxes, marks) + outside(boxes, frame)) + overlap(boxes, strokes)
        costs += CROSSING * np.array(crossed) + DISTANCE * np.repeat(DISTANCES, len(ANGLES))
        best = int(np.argmin(costs))  # the first of equals
        taken.append(boxes[best : best + 1])
        drawn.append(squares(leaders[best], LINE))
        point = (float(points[number][0]), float(points[number][1]))
        write(panel, texts[number], point, offsets[best], tied=len(leaders[best]) > 0)


def extent(text: str) -> tuple[float, float]:
    """Return width and height of a label with its padding."""
    box = TextPath((0, 0), text, size=SIZE).get_extents()
    return box.width + 2 * PADDING, SIZE + 2 * PADDING


def candidates(width: float, height: float) -> np.ndarray:
    """Return where a label's centre may stand from its point, (places, 2), the best first."""
    # The label's side, not its centre, keeps the distance.
    return np.array(
        [
            (np.cos(angle) * (distance + width / 2), np.sin(angle) * (distance + height / 2))
            for distance in DISTANCES
            for angle in ANGLES
        ]
    )


def rectangles(centres: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return left, low, right and high end of rectangles around ``centres``: (centres, 4)."""
    half = np.array([width, height]) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def squares(centres: np.ndarray, half: float) -> np.ndarray:
    """Return squares around ``centres``, (centres, 4); ``half`` is half their width."""
    return rectangles(centres.reshape(-1, 2), 2 * half, 2 * half)


def along(vertices: np.ndarray) -> np.ndarray:
    """Return points on a line, (points, 2), no further than ``STEP`` apart."""
    parts = [
        np.linspace(start, end, 2 + int(np.hypot(*(end - start)) / STEP))
        for start, end in pairwise(vertices)
    ]
    return np.concatenate(parts) if parts else vertices


def leader(place: np.ndarray, offset: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return points on the line that ties a label to its point, (points, 2); none where near."""
    if distance_of(offset, width, height) <= LEADER_FROM:
        return np.empty((0, 2))
    line = along(np.array([place, place + offset]))
    away = np.abs(line - place - offset)
    outside_label = (away[:, 0] > width / 2) | (away[:, 1] > height / 2)
    outside_point = np.abs(line - place).max(axis=1) > POINT + LINE
    return line[outside_label & outside_point]


def distance_of(offset: np.ndarray, width: float, height: float) -> float:
    """Return how far the nearest side of a label is from its point."""
    return float(max(abs(offset[0]) - width / 2, abs(offset[1]) - height / 2))


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area that each of ``boxes`` shares with all ``others``: (boxes,)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared: np.ndarray = np.maximum(high - low, 0).prod(axis=2).sum(axis=1)
    return shared


def outside(boxes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return the area of each of ``boxes`` that is outside ``frame``: (boxes,)."""
    area: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return area - overlap(boxes, frame[None])


def write(
    panel: Axes, text: str, point: tuple[float, float], offset: np.ndarray, tied: bool
) -> None:
    """Write one label at an offset from its point, with a line between them where ``tied``."""
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": POINT}
    note = panel.annotate(
        text,
        point,
        (float(offset[0]), float(offset[1])),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=SIZE,
        color=DARK_GREY,
        arrowprops=line if tied else None,
        zorder=5,
    )
    note.set_in_layout(False)  # the layout that it was placed in shall stay


def spread(heights: Sequence[float], gap: float) -> np.ndarray:
    """Return heights that keep at least ``gap`` and stay in order and near the given ones.

    Neighbours that are too close are moved apart around their mean.

    Args:
        heights: in any order.
        gap: the least distance of neighbours.
    """
    values = np.asarray(heights, dtype=float)
    order = np.argsort(values, kind="stable")
    groups: list[tuple[float, int]] = []  # mean and number of labels that touch
    for value in values[order]:
        groups.append((float(value), 1))
        while len(groups) > 1:
            (low, below), (high, above) = groups[-2:]
            if high - low >= gap * (below + above) / 2:
                break
            mean = (low * below + high * above) / (below + above)
            groups[-2:] = [(mean, below + above)]
    apart = [
        mean + gap * (place - (count - 1) / 2) for mean, count in groups for place in range(count)
    ]
    found = np.empty(len(values))
    found[order] = apart
    return found
