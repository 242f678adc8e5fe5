"""A heat map of every pair of systems: how far apart they are, and whether more than by chance.

After the pairwise plots of the SiSEC 2018 report (Stöter, Liutkus, Ito, LVA/ICA 2018).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mssbench.report.aggregate import require
from mssbench.report.captions import data_line, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.style import (
    COLUMN,
    DARK_GREY,
    GREY,
    PAGE,
    new_figure,
    remark,
    with_minus,
)
from mssbench.report.scores import Scoring
from mssbench.report.song_values import ordered, require_scores, song_values
from mssbench.report.sources import Sources
from mssbench.report.statistics.comparisons import TESTS, Comparison, compare
from mssbench.report.statistics.pairs import MIN_SONGS
from mssbench.scoring.measures import measure

MARKS = ((0.01, "●"), (0.05, "○"))  # p below -> mark
NAMES = {"wilcoxon": "Wilcoxon signed-rank tests", "conover": "Conover's comparisons"}
LARGEST_CELL, BAR = 0.42, 0.75  # inches: a cell, and what the colour bar takes
LETTER = 0.062  # inches of a name's letter, about
LEAST_LIMIT = 0.5  # dB, the end of the colours


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_significance``."""
    experiments = config.experiments(definition.get("rows"))
    return draw_significance(definition, config, *sources.scores_of(experiments))


def draw_significance(
    definition: Mapping[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Figure:
    """Draw a matrix of systems by falling median, bounds last.

    Colours are the median over songs of the row's value less the column's; above the diagonal it
    stands as a number, below it a mark says that the p-value, corrected for the number of pairs,
    is below 0.01 or 0.05.

    Args:
        definition: target (default vocals), metric (default SDR), test (``wilcoxon``, the
            default, or ``conover``) and rows (default all).
        config: the study.
        scores: tidy score table of all runs.
        protocol: how the scores were made.

    Raises:
        UserError: a row, target, metric or test is unknown, or a run has no scores.
    """
    experiments = config.experiments(definition.get("rows"))
    target, metric = definition.get("target", "vocals"), definition.get("metric", "SDR")
    test = definition.get("test", "wilcoxon")
    require("tests", [test], TESTS)
    require_scores(scores, experiments, [target], [metric])
    values = song_values(scores, experiments, target, metric)
    ranked = ordered(experiments, scores, (target, metric))
    systems = [each for each in ranked if each.name in values.columns]
    values = values[[each.name for each in systems]]
    found = compare(values, test)
    labels = 0.35 + LETTER * max(len(each.label) for each in systems)
    size = min(LARGEST_CELL * len(systems), PAGE - labels - BAR)
    figure = new_figure(max(labels + size + BAR, COLUMN), size + 0.9)
    panel = figure.subplots()
    image = draw_matrix(panel, systems, found)
    bar = figure.colorbar(image, ax=panel, extend=ends(image), shrink=0.8, aspect=30, pad=0.02)
    bar.set_label(f"{metric} of {target}: row less column ({measure(metric).unit})")
    bar.outline.set_linewidth(0.6)
    remark(figure, explanation(found, metric, test, config, protocol))
    return figure


def draw_matrix(
    panel: Axes, systems: Sequence[Experiment], found: Sequence[Comparison]
) -> AxesImage:
    """Draw colours, numbers and marks; return the image that a colour bar needs."""
    places = {system.name: number for number, system in enumerate(systems)}
    matrix = np.full((len(systems), len(systems)), np.nan)
    bounds = {system.name for system in systems if system.is_bound}
    sizes = [LEAST_LIMIT]
    for each in found:
        if each.difference is None:
            continue
        row, column = places[each.first], places[each.second]
        matrix[row, column], matrix[column, row] = each.difference, -each.difference
        # The distance to a bound says nothing of how systems differ among themselves.
        if len(bounds) == len(systems) or not {each.first, each.second} & bounds:
            sizes.append(abs(each.difference))
    limit = max(size for size in sizes if np.isfinite(size))
    image = panel.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
    small = len(systems) > 12
    for each in found:
        if each.difference is None:
            continue
        row, column = places[each.first], places[each.second]
        ink = "white" if abs(each.difference) > 0.65 * limit else "black"
        at: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
        panel.text(column, row, number(each.difference), fontsize=4.8 if small else 6.5, **at)
        panel.text(row, column, mark(each.p), fontsize=6.0 if small else 8.0, **at)
    draw_frame(panel, systems)
    return image


def ends(image: AxesImage) -> str:
    """Return whether values lie beyond the ends of the colours, as a colour bar shows it."""
    values, limit = image.get_array(), image.norm.vmax
    assert values is not None
    assert limit is not None
    return "both" if np.abs(values).max() > limit else "neither"


def draw_frame(panel: Axes, systems: Sequence[Experiment]) -> None:
    """Name the rows, number the columns and set bounds apart."""
    count = len(systems)
    panel.set_yticks(
        range(count), [f"{system.label}  {place}" for place, system in enumerate(systems, 1)]
    )
    panel.set_xticks(range(count), [str(place) for place in range(1, count + 1)])
    panel.xaxis.tick_top()
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    for edge in np.arange(1, count) - 0.5:
        panel.axhline(edge, color="white", linewidth=0.6)
        panel.axvline(edge, color="white", linewidth=0.6)
    first = next((place for place, system in enumerate(systems) if system.is_bound), 0)
    if first:
        for line in (panel.axhline, panel.axvline):
            line(first - 0.5, color=DARK_GREY, linewidth=0.8)
    for label, system in zip(panel.get_yticklabels(), systems, strict=True):
        if system.is_bound:
            label.set_color(GREY)


def number(difference: float) -> str:
    """Return a difference in as few characters as say it."""
    return with_minus(f"{difference:.0f}" if abs(difference) >= 9.95 else f"{difference:z.1f}")


def mark(p: float | None) -> str:
    """Return the mark of a p-value; none where it is large or there is no test."""
    return next((sign for limit, sign in MARKS if p is not None and p < limit), "")


def explanation(
    found: Sequence[Comparison],
    metric: str,
    test: str,
    config: ReportConfig,
    protocol: Scoring,
) -> str:
    """Return what numbers and marks are, over how many songs, and why there may be none."""
    songs = span({each.songs for each in found}, "common song")
    made = sum(each.p is not None for each in found)
    signs = ", ".join(f"{sign} p < {limit:g}" for limit, sign in reversed(MARKS))
    tests = f"{NAMES[test]} over {songs}, corrected for {made} pairs (Holm)"
    if made:
        marks = f"marks below it: {signs} by {tests}"
    elif max((each.songs for each in found), default=0) < MIN_SONGS:
        marks = f"no tests: there are {songs}, and a test needs {MIN_SONGS}"
    else:
        marks = f"no marks: over {songs}, Friedman's test finds no system that differs"
    return (
        f"Numbers above the diagonal: median difference over songs ({measure(metric).unit}); "
        f"{marks}. "
        f"Grey names: bounds. {protocol}; {data_line(config)}. {warning(config)}"
    )
