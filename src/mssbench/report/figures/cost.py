"""What quality costs: a point a system, and the systems that no other one beats."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from mssbench.errors import UserError
from mssbench.report.aggregate import require
from mssbench.report.captions import data_line, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.costs import COSTS, Cost, cost_of, pareto
from mssbench.report.figures.labelling import label_points
from mssbench.report.figures.style import (
    DARK_GREY,
    PAGE,
    colour_of_kind,
    kinds_line,
    new_figure,
    remark,
)
from mssbench.report.scores import Scoring
from mssbench.report.song_values import finite, require_scores, song_values
from mssbench.report.sources import Sources
from mssbench.scoring.measures import measure

HEIGHT = 3.6  # inches
MARGIN = 0.06  # of the axis, on either side
FEW = 300.0  # largest over smallest cost up to which decades alone are too few marks
FREE = "none"  # what the axis calls the cost of what is not learned


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_cost``."""
    systems = systems_of(definition, config)
    kind = definition.get("cost", "parameters")
    costs = {each.name: cost_of(each, kind, sources) for each in systems}
    return draw_cost(definition, config, costs, *sources.scores_of(systems))


def systems_of(definition: Mapping[str, Any], config: ReportConfig) -> list[Experiment]:
    """Return the systems of the figure.

    Bounds cost nothing that a system could save, so they are left out.

    Raises:
        UserError: a row is unknown, or all are bounds.
    """
    systems = [each for each in config.experiments(definition.get("rows")) if not each.is_bound]
    if not systems:
        raise UserError("figures: cost needs at least one row that is no bound, but there is none")
    return systems


def draw_cost(
    definition: Mapping[str, Any],
    config: ReportConfig,
    costs: Mapping[str, Cost],
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Figure:
    """Draw cost to the right, on a logarithmic axis, and the median over songs up.

    Filled points and the line through them are the Pareto front: no other system is as cheap and
    as good. What has no such cost, since nothing is learned, stands apart on the left.

    Args:
        definition: cost (a key of ``COSTS``, default ``parameters``), target (default vocals),
            metric (default SDR) and rows (default all).
        config: the study.
        costs: each system's cost by name.
        scores: tidy score table of all runs.
        protocol: how the scores were made.

    Raises:
        UserError: a target, metric or cost is unknown, or a run has no scores.
    """
    target, metric = definition.get("target", "vocals"), definition.get("metric", "SDR")
    kind, systems = definition.get("cost", "parameters"), systems_of(definition, config)
    require("costs", [kind], COSTS)
    require_scores(scores, systems, [target], [metric])
    values = song_values(scores, systems, target, metric)
    found = {each.name: finite(values, each) for each in systems}
    drawn = [each for each in systems if len(found[each.name])]
    if not drawn:
        raise UserError(f"figures: no row has a finite {metric} of {target}; choose another one")
    quality = np.array([float(np.median(found[each.name])) for each in drawn])
    prices = np.array([costs[each.name].value or 0.0 for each in drawn])
    figure = new_figure(PAGE, HEIGHT)
    panel = figure.subplots()
    places, border = scale_axis(panel, prices)
    points = np.column_stack([places, quality])
    steps = draw_points(panel, drawn, points, prices)
    panel.set_xlabel(COSTS[kind])
    panel.set_ylabel(f"{metric} of {target}, median over songs ({measure(metric).unit})")
    panel.grid()
    devices = sorted(set().union(*(costs[each.name].devices for each in drawn)))
    remark(figure, explanation(drawn, devices, len(systems) - len(drawn), config, protocol))
    lines = [steps]
    if border is not None:
        lines.append(np.array([(border, height) for height in panel.get_ylim()]))
    label_points(panel, points, [each.label for each in drawn], lines=lines)
    return figure


def scale_axis(panel: Axes, prices: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Make the axis of costs logarithmic.

    Returns:
        Where each price stands, and where the line is that sets apart what costs nothing, left
        of all others; None where all cost something or nothing.
    """
    paid = prices[prices > 0]
    if not len(paid):
        panel.set_xticks([1.0], [FREE])
        panel.set_xlim(0.5, 1.5)
        return np.ones_like(prices), None
    low, high = float(paid.min()), float(paid.max())
    margin = max(high / low, 10.0) ** MARGIN
    first, last = low / margin, high * margin
    marks, names = ticks(first, last)
    panel.set_xscale("log")
    border = None
    if len(paid) < len(prices):
        border, free = first, first / margin**1.5
        panel.axvline(border, color=DARK_GREY, linewidth=0.6, linestyle=(0, (4, 3)))
        marks, names = [free, *marks], [FREE, *names]
        prices, first = np.where(prices > 0, prices, free), free / margin
    panel.set_xlim(first, last)
    panel.set_xticks(marks, names)
    panel.xaxis.set_minor_locator(NullLocator())
    return prices, border


def ticks(first: float, last: float) -> tuple[list[float], list[str]]:
    """Return the marks of a logarithmic axis: decades, or 1, 2 and 5 of each where these are few.

    Where even of these there is no second, as prices are all alike, they are those of a linear one.

    Args:
        first: where the axis begins.
        last: where it ends.
    """
    decades = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
    few = last / first < FEW
    steps = (1, 2, 5) if few else (1,)
    found = [
        float(f"{step}e{decade}")
        for decade in decades
        for step in steps
        if first < step * 10.0**decade < last
    ]
    if len(found) < 2:
        linear = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(first, last)
        found = [float(value) for value in linear if first < value < last]
    return found, [brief(value) for value in found]


def brief(value: float) -> str:
    """Return a large number as thousands (k) or millions (M)."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= 10 * size or (unit == "M" and value >= size):
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def draw_points(
    panel: Axes, systems: Sequence[Experiment], points: np.ndarray, prices: np.ndarray
) -> np.ndarray:
    """Draw the systems, those of the Pareto front filled and joined by steps; return the steps."""
    front = pareto(list(zip(prices.tolist(), points[:, 1].tolist(), strict=True)))
    corners = [points[front[0]]]
    for place in front[1:]:
        corners += [np.array([points[place][0], corners[-1][1]]), points[place]]
    steps = np.array(corners)
    panel.plot(*steps.T, color=DARK_GREY, linewidth=0.8, zorder=2, alpha=0.6)
    for place, system in enumerate(systems):
        colour = colour_of_kind(system.kind)
        panel.plot(
            *points[place],
            marker="o",
            markersize=5,
            markerfacecolor=colour if place in front else "white",
            markeredgecolor=colour,
            zorder=3,
        )
    panel.margins(y=0.12)
    return steps


def explanation(
    systems: Sequence[Experiment],
    devices: Sequence[str],
    lost: int,
    config: ReportConfig,
    protocol: Scoring,
) -> str:
    """Return what points and line are, and what the cost was measured on."""
    parts = [
        "Filled, on the line: no other system is as cheap and as good. ",
        f"{kinds_line(systems).capitalize()}. ",
        f"Times on {' and '.join(devices)}. " if devices else "",
        f"{span([lost], 'system')} without a finite value not drawn. " if lost else "",
        f"{protocol}; {data_line(config)}. {warning(config)}",
    ]
    return "".join(parts)
