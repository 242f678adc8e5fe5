"""Two systems against each other: a point a song, and the line on which both are equal."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssbench.errors import UserError
from mssbench.report.captions import data_line, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.labelling import label_points
from mssbench.report.figures.style import (
    COLOURS,
    COLUMN,
    DARK_GREY,
    GREY,
    PAGE,
    new_figure,
    remark,
    with_minus,
)
from mssbench.report.scores import Scoring
from mssbench.report.song_values import require_scores, song_values
from mssbench.report.sources import Sources
from mssbench.report.statistics.bootstrap import bootstrap
from mssbench.report.statistics.effect_size import rank_biserial
from mssbench.report.statistics.pairs import MIN_SONGS, pair
from mssbench.report.statistics.wilcoxon import wilcoxon
from mssbench.scoring.measures import measure

NAMED = 3  # songs, those furthest from the line
LONGEST = 26  # characters of a song's name
MARGIN = 0.08  # of the range of values
REASON = 26  # characters of a line in an empty panel


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_scatter``."""
    return draw_scatter(definition, config, *sources.scores_of(two_systems(definition, config)))


def draw_scatter(
    definition: Mapping[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Figure:
    """Draw a panel a target: the first system's value of each song to the right, the second's up.

    A value is a song's median over windows, averaged over seeds. Where no song has a finite value
    of both, the panel is empty and says so.

    Args:
        definition: rows (two), targets (default vocals) and metric (default SDR).
        config: the study.
        scores: tidy score table of all runs.
        protocol: how the scores were made.

    Raises:
        UserError: there are not two rows, or a row, target or metric is unknown or has no scores.
    """
    systems = two_systems(definition, config)
    targets, metric = definition.get("targets", ["vocals"]), definition.get("metric", "SDR")
    require_scores(scores, systems, targets, [metric])
    side = COLUMN if len(targets) == 1 else PAGE / len(targets)
    figure = new_figure(side * len(targets), side + 0.75)
    panels = figure.subplots(1, len(targets), squeeze=False)[0]
    findings = []
    for panel, target in zip(panels, targets, strict=True):
        values = song_values(scores, systems, target, metric)
        values = values.reindex(columns=[each.name for each in systems])
        draw_panel(
            panel, values, systems, f"{target.capitalize()}, {metric} ({measure(metric).unit})"
        )
        findings.append(finding(values, target))
    notes = f"Points: songs, each its median over windows. {' '.join(findings)} "
    remark(figure, f"{notes}{protocol}; {data_line(config)}. {warning(config)}")
    for panel, target in zip(panels, targets, strict=True):
        values = song_values(scores, systems, target, metric)
        name_songs(panel, common(values.reindex(columns=[each.name for each in systems])))
    return figure


def two_systems(definition: Mapping[str, Any], config: ReportConfig) -> list[Experiment]:
    """Return the two systems in the order of the definition's rows.

    Raises:
        UserError: there are not two, or one is unknown.
    """
    names = definition.get("rows", ())
    systems = config.experiments(names) if names else []
    # The name of one that sweeps stands for several.
    if not len(set(names)) == len(systems) == 2:
        raise UserError(
            f"figures: rows are {', '.join(names) or 'not given'}; a scatter plot needs two, each "
            "an experiment of the study"
        )
    return sorted(systems, key=lambda each: names.index(each.name))


def common(values: pd.DataFrame) -> pd.DataFrame:
    """Return the songs that both systems have a finite value for."""
    return values[np.isfinite(values.to_numpy(dtype=float)).all(axis=1)]


def draw_panel(panel: Axes, values: pd.DataFrame, systems: list[Experiment], title: str) -> None:
    """Draw the songs of one target and the line of equal values, or why there is none."""
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_xlabel(systems[0].label)
    panel.set_ylabel(systems[1].label)
    shared = common(values).to_numpy()
    if not len(shared):
        draw_reason(panel, values)
        return
    low, high = float(shared.min()), float(shared.max())
    edge = MARGIN * (high - low) or 1.0
    limits = (low - edge, high + edge)
    panel.plot(limits, limits, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    first, second = shared.T
    panel.scatter(
        first, second, s=14, color=COLOURS[0], edgecolors="white", linewidths=0.4, zorder=3
    )
    panel.set_xlim(limits)
    panel.set_ylim(limits)
    panel.set_aspect("equal")
    panel.set_yticks([tick for tick in panel.get_xticks() if limits[0] <= tick <= limits[1]])
    panel.set_xticks(panel.get_yticks())
    panel.grid()


def draw_reason(panel: Axes, values: pd.DataFrame) -> None:
    """Say in an empty panel why it is empty: of which systems no song has a finite value."""
    lacking = ~np.isfinite(values.to_numpy(dtype=float)).any(axis=0)
    of = "both together" if not lacking.any() else "either" if lacking.all() else "one of them"
    text = f"no song has a finite value of {of}"
    panel.set(xticks=[], yticks=[], aspect="equal")
    at: dict[str, Any] = {"ha": "center", "va": "center", "transform": panel.transAxes}
    panel.text(0.5, 0.5, textwrap.fill(text, REASON), color=DARK_GREY, **at)


def name_songs(panel: Axes, values: pd.DataFrame) -> None:
    """Name the songs that are furthest from the line."""
    if values.empty:
        return
    first, second = values.to_numpy().T
    furthest = np.argsort(-np.abs(first - second), kind="stable")[:NAMED]
    chosen = values.iloc[furthest]
    names = [short(str(name)) for name in chosen.index]
    ends = np.asarray(panel.get_xlim())
    line = np.column_stack([ends, ends])
    label_points(panel, chosen.to_numpy(), names, others=values.to_numpy(), lines=[line])


def short(name: str) -> str:
    """Return a name that is not too long for a label."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"


def finding(values: pd.DataFrame, target: str) -> str:
    """Return how the systems differ over songs, as a sentence."""
    if common(values).empty:
        return f"{target.capitalize()}: no common song with a finite value."
    second, first = values.iloc[:, 1].to_numpy(), values.iloc[:, 0].to_numpy()
    pairs = pair(second, first)
    interval = bootstrap(pairs.differences)
    ends = (
        with_minus(f" (95 % interval over songs {interval.low:z.2f} to {interval.high:z.2f})")
        if interval.low is not None and interval.high is not None
        else ""
    )
    test, effect = wilcoxon(second, first), rank_biserial(second, first)
    tested = (
        f"no test with fewer than {MIN_SONGS} songs"
        if test.p is None
        else f"Wilcoxon signed-rank p = {test.p:.2g}, rank-biserial effect "
        + with_minus(f"{effect.value:z.2f}")
    )
    above = int((pairs.differences > 0).sum())
    return (
        f"{target.capitalize()}: {above} of {span([pairs.songs], 'common song')} above the line, "
        f"median difference {with_minus(f'{pairs.median:z.2f}')} dB{ends}; {tested}."
    )
