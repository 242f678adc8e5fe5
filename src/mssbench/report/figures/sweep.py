"""A metric against the values of a swept key, a line an experiment that sweeps it."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssbench.errors import UserError
from mssbench.report.captions import data_line, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.style import GREY, PAGE, colour_of, new_figure, remark
from mssbench.report.scores import Scoring
from mssbench.report.song_values import require_scores, song_values
from mssbench.report.sources import Sources
from mssbench.scoring.measures import measure

HEIGHT = 2.9  # inches
LABEL_CHARACTERS = 75  # of axes' names, in all panels together
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Sweep:
    """An experiment at the values of one key, in ascending order.

    Attributes:
        label: what it is called, without the value.
        is_bound: whether it is a bound.
        points: value of the key -> the experiment with it.
    """

    label: str
    is_bound: bool
    points: dict[float, Experiment]


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_sweep``."""
    experiments = config.experiments(definition.get("rows"))
    return draw_sweep(definition, config, *sources.scores_of(experiments))


def draw_sweep(
    definition: Mapping[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Figure:
    """Draw a panel a metric: the median over sources and songs at each value, with quartiles.

    A source of a song counts once, with its median over windows.

    Args:
        definition: key, the swept one as in ``params.N``; name, what the axis calls it (default
            the key); targets (default all that there are scores of), metrics (default SDR) and
            rows (default all).
        config: the study.
        scores: tidy score table of all runs.
        protocol: how the runs were scored.

    Raises:
        UserError: no row sweeps the key, its values are no numbers, a row, target or metric is
            unknown, or a run has no scores.
    """
    experiments = config.experiments(definition.get("rows"))
    key = definition.get("key")
    if not key:
        raise UserError("figures: a sweep needs a key, as in key: training.optimiser.lr")
    lines = sweeps_of(experiments, key)
    shown = [each for line in lines for each in line.points.values()]
    metrics = definition.get("metrics", ["SDR"])
    there = scores[scores["run"].isin([name for each in shown for name in each.scored])]
    targets = definition.get("targets") or sorted(there["target"].unique())
    require_scores(scores, shown, targets, metrics)
    figure = new_figure(PAGE, HEIGHT)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    songs: list[int] = []
    for panel, metric in zip(panels, metrics, strict=True):
        for place, line in enumerate(lines):
            values = {
                x: pooled(scores, each, targets, metric, songs) for x, each in line.points.items()
            }
            draw_line(panel, line, values, place, len(lines))
        # In lines that fit the panel: those beside each other must not touch.
        name = definition.get("name", key)
        panel.set_xlabel(textwrap.fill(name, LABEL_CHARACTERS // len(metrics)))
        panel.set_ylabel(f"{metric} ({measure(metric).unit})")
        panel.set_xticks(sorted({x for line in lines for x in line.points}))
        panel.grid(axis="y")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=min(len(names), 6))
    remark(
        figure,
        f"Lines: medians over {', '.join(targets)} of {span(songs, 'song')}, each its median over "
        f"windows; bars: quartiles. {protocol}; {data_line(config)}. {warning(config, protocol)}",
    )
    return figure


def sweeps_of(experiments: Sequence[Experiment], key: str) -> list[Sweep]:
    """Return the experiments that sweep ``key``, in their order.

    Raises:
        UserError: there is none, one also sweeps another key, or a value is no number.
    """
    found: dict[str, Sweep] = {}
    for each in experiments:
        row = each.rows[0]
        if row.sweep is None or key not in row.swept:
            continue
        if len(row.swept) > 1:
            raise UserError(
                f"figures: {row.sweep!r} sweeps {', '.join(row.swept)}; a figure needs one key: "
                "choose rows that sweep it alone"
            )
        value = row.swept[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"figures: {row.sweep!r} has {key} = {value!r}; it must be a number")
        label = each.label.rpartition(", ")[0]
        found.setdefault(row.sweep, Sweep(label, each.is_bound, {})).points[float(value)] = each
    if not found:
        raise UserError(
            f"figures: no row sweeps {key!r}; name a key of an experiment's sweep, or other rows"
        )
    return [
        Sweep(line.label, line.is_bound, dict(sorted(line.points.items())))
        for line in found.values()
    ]


def pooled(
    scores: pd.DataFrame,
    experiment: Experiment,
    targets: Sequence[str],
    metric: str,
    songs: list[int],
) -> np.ndarray:
    """Return the finite song medians of all targets, and add the number of songs to ``songs``."""
    tables = [song_values(scores, [experiment], target, metric) for target in targets]
    songs.append(max(len(table) for table in tables))
    values = np.concatenate([table.to_numpy(dtype=float).ravel() for table in tables])
    found: np.ndarray = values[np.isfinite(values)]
    return found


def draw_line(
    panel: Axes, line: Sweep, values: Mapping[float, np.ndarray], place: int, lines: int
) -> None:
    """Draw one experiment: its medians, joined, with quartiles beside those of the others."""
    xs = np.array([x for x, found in values.items() if found.size])
    quartiles = np.array(
        [np.quantile(found, (0.25, 0.5, 0.75)) for found in values.values() if found.size]
    )
    if not xs.size:
        return
    apart = np.diff(sorted(line.points)).min(initial=np.ptp(xs) or 1.0)
    colour = GREY if line.is_bound else colour_of(place)
    panel.errorbar(
        xs + 0.04 * apart * (place - (lines - 1) / 2),
        quartiles[:, 1],
        yerr=np.abs(quartiles[:, [0, 2]] - quartiles[:, [1]]).T,
        label=line.label,
        color=colour,
        marker=MARKERS[place % len(MARKERS)],
        markersize=4,
        linewidth=1,
        elinewidth=0.6,
    )
