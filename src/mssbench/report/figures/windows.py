"""A metric against the length of the windows that it is computed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mssbench.errors import UserError
from mssbench.report.captions import data_line, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.labelling import SIZE, spread
from mssbench.report.figures.style import GREY, PAGE, colour_of, new_figure, remark
from mssbench.report.scores import Scoring
from mssbench.report.song_values import require_scores, song_values
from mssbench.report.sources import Sources
from mssbench.report.statistics.bootstrap import bootstrap
from mssbench.scoring.measures import measure

HEIGHT = 3.6  # inches
GAP = 1.3  # from one name to the next, in sizes of their letters
MARKERS = ("o", "s", "^", "D", "v", "P")
# Beyond as many systems, intervals of all would hide each other.
MOST_INTERVALS = 6


@dataclass(frozen=True)
class Series:
    """A system's values at several window lengths, in ascending order of these.

    Attributes:
        system: the first of the experiments that share their estimates.
        windows: lengths in seconds.
        values: median over songs, in dB.
        low: lower ends of the intervals over songs; NaN where there is none.
        high: upper ends.
        songs: how many songs each rests on.
    """

    system: Experiment
    windows: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    songs: tuple[int, ...]


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_windows``."""
    experiments = config.experiments(definition.get("rows"))
    return draw_windows(definition, config, *sources.windows_of(experiments))


def draw_windows(
    definition: Mapping[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocols: Mapping[str, Scoring],
) -> Figure:
    """Draw a line a system: the median over songs of song medians at each window length.

    Experiments are one system where their estimates are the same, so that they differ in nothing
    but ``scoring``. Of those with one window length there is nothing to draw.

    Args:
        definition: target (default vocals), metric (default SDR) and rows (default all).
        config: the study.
        scores: tidy score table of all runs.
        protocols: how each run was scored.

    Raises:
        UserError: no system has two window lengths, a row, target or metric is unknown, or a run
            has no scores.
    """
    experiments = config.experiments(definition.get("rows"))
    target, metric = definition.get("target", "vocals"), definition.get("metric", "SDR")
    require_scores(scores, experiments, [target], [metric])
    lines = [
        series(group, scores, protocols, target, metric) for group in by_estimates(experiments)
    ]
    lines = [line for line in lines if len(line.windows) > 1]
    if not lines:
        raise UserError(
            "figures: no row is scored with two window lengths; define experiments that differ in "
            "scoring.window alone (from: the other one)"
        )
    figure = new_figure(PAGE, HEIGHT)
    panel = figure.subplots()
    for place, line in enumerate(lines):
        draw_line(panel, line, place, with_interval=len(lines) <= MOST_INTERVALS)
    ticks = sorted({window for line in lines for window in line.windows})
    panel.set_xscale("log")
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("length of the windows (s)")
    panel.set_ylabel(f"{metric} of {target}, median over songs ({measure(metric).unit})")
    panel.grid()
    name_lines(panel, lines)
    remark(figure, explanation(lines, next(iter(protocols.values())), config))
    return figure


def by_estimates(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Return the experiments in groups of the same estimates."""
    groups: dict[tuple[str, ...], list[Experiment]] = {}
    for each in experiments:
        groups.setdefault(tuple(row.separated for row in each.rows), []).append(each)
    return list(groups.values())


def series(
    group: Sequence[Experiment],
    scores: pd.DataFrame,
    protocols: Mapping[str, Scoring],
    target: str,
    metric: str,
) -> Series:
    """Return the values of experiments that share their estimates, by window length."""
    values = song_values(scores, group, target, metric)
    lengths = {each.name: protocols[each.scored[0]].window for each in group}
    found = []
    for name in sorted(values.columns, key=lengths.__getitem__):
        interval = bootstrap(values[name].to_numpy(dtype=float))
        if np.isfinite(interval.value):
            ends = (np.nan if end is None else end for end in (interval.low, interval.high))
            found.append((lengths[name], interval.value, *ends, interval.songs))
    columns = list(zip(*found, strict=True)) or [()] * 5
    return Series(group[0], *columns)


def look_of(line: Series, place: int) -> dict[str, Any]:
    """Return the look of a system's line; colours return with other marks and dashes."""
    turn = place // len(MARKERS)
    return {
        "color": GREY if line.system.is_bound else colour_of(place),
        "marker": MARKERS[(place + turn) % len(MARKERS)],
        "linestyle": ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))[turn % 4],
    }


def draw_line(panel: Axes, line: Series, place: int, with_interval: bool) -> None:
    """Draw one system's values and, where asked for, their intervals over songs."""
    look = look_of(line, place)
    panel.plot(line.windows, line.values, markersize=4, **look)
    if with_interval:
        panel.fill_between(line.windows, line.low, line.high, color=look["color"], alpha=0.12, lw=0)


def name_lines(panel: Axes, lines: Sequence[Series]) -> None:
    """Write each system's name right of the panel, tied to the end of its line, none on another."""
    figure = panel.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # lays the panel out, so that it has a height
    low, high = panel.get_ylim()
    unit = (high - low) / (panel.get_window_extent().height * 72 / figure.dpi)  # dB a point
    heights = spread([line.values[-1] for line in lines], GAP * SIZE * unit)
    for place, (line, height) in enumerate(zip(lines, heights, strict=True)):
        colour = look_of(line, place)["color"]
        panel.annotate(
            line.system.label,
            (line.windows[-1], line.values[-1]),
            (1.03, height),
            textcoords=panel.get_yaxis_transform(),
            va="center",
            fontsize=SIZE,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.4, "shrinkA": 1},
            annotation_clip=False,
        )


def explanation(lines: Sequence[Series], protocol: Scoring, config: ReportConfig) -> str:
    """Return what lines and bands are, and on which data."""
    songs = span((count for line in lines for count in line.songs), "song")
    bands = "bands: 95 % intervals over songs; " if len(lines) <= MOST_INTERVALS else ""
    return (
        f"Lines: medians over {songs} of each song's median over windows; {bands}"
        f"{protocol.version}; {data_line(config)}. {warning(config)}"
    )
