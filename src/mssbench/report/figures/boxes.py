"""Box plots of scores over songs, one box a system.

After the box plots of the SiSEC 2018 report (Stöter, Liutkus, Ito, LVA/ICA 2018), with the songs
shown as points and the bounds set apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mssbench.report.captions import data_line, fold_notes, imported_notes, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.style import (
    GREY,
    PAGE,
    colour_of_kind,
    kinds_line,
    new_figure,
    remark,
)
from mssbench.report.scores import Scoring
from mssbench.report.song_values import finite, ordered, require_scores, song_values
from mssbench.report.sources import Sources
from mssbench.scoring.measures import measure

GAP = 0.35  # between systems and bounds, in boxes


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_boxes``."""
    experiments = config.experiments(definition.get("rows"))
    return draw_boxes(definition, config, *sources.scores_of(experiments))


def draw_boxes(
    definition: Mapping[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Figure:
    """Draw a grid of panels: a row a target, a column a metric, a horizontal box a system.

    Systems stand above by falling median vocals SDR over songs, bounds apart below. Boxes reach
    from quartile to quartile, whiskers at most 1.5 times as far beyond. Each point is a song: its
    median over windows, averaged over seeds.

    Args:
        definition: targets (default vocals), metrics (default SDR) and rows (default all).
        config: the study.
        scores: tidy score table of all runs.
        protocol: how the scores were made.

    Raises:
        UserError: a row, target or metric is unknown, or a run has no scores.
    """
    experiments = config.experiments(definition.get("rows"))
    targets, metrics = definition.get("targets", ["vocals"]), definition.get("metrics", ["SDR"])
    require_scores(scores, experiments, targets, metrics)
    systems = ordered(experiments, scores, (targets[0], metrics[0]))
    figure = new_figure(PAGE, 0.6 + len(targets) * (0.35 + 0.27 * len(systems)))
    panels = figure.subplots(len(targets), len(metrics), sharex="col", sharey=True, squeeze=False)
    shown = []
    for row, target in zip(panels, targets, strict=True):
        row[0].set_title(target.capitalize(), loc="left", fontweight="bold")
        for panel, metric in zip(row, metrics, strict=True):
            values = song_values(scores, systems, target, metric)
            draw_panel(panel, systems, [finite(values, each) for each in systems])
            shown.append(values)
    for panel, metric in zip(panels[-1], metrics, strict=True):
        panel.set_xlabel(f"{metric} ({measure(metric).unit})")
    remark(figure, explanation(config, protocol, systems, shown))
    return figure


def draw_panel(panel: Axes, systems: Sequence[Experiment], values: Sequence[np.ndarray]) -> None:
    """Draw one box a system with its songs as points; the first system stands at the top."""
    bounds = [system.is_bound for system in systems]
    places = np.arange(len(systems)) + GAP * np.array(bounds)
    colours = [colour_of_kind(system.kind) for system in systems]
    drawn = panel.boxplot(
        values,
        positions=places,
        orientation="horizontal",
        widths=0.6,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.4, "solid_capstyle": "butt"},
    )
    for place, colour in enumerate(colours):
        drawn["boxes"][place].set(facecolor=(colour, 0.25), edgecolor=colour, linewidth=0.8)
        for part in ("whiskers", "caps"):
            for line in drawn[part][2 * place : 2 * place + 2]:
                line.set(color=colour, linewidth=0.8)
        # Neighbours in value are set apart, so that no point hides another.
        lanes = 0.09 * (np.arange(len(values[place])) % 5 - 2)
        panel.scatter(
            values[place], places[place] + lanes, s=5, color=colour, linewidths=0, zorder=3
        )
    if any(bounds) and not all(bounds):
        edge = bounds.index(True) - 0.5 + GAP / 2
        panel.axhline(edge, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    panel.set_yticks(places, [system.label for system in systems])
    panel.set_ylim(places[-1] + 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x")


def explanation(
    config: ReportConfig,
    protocol: Scoring,
    systems: Sequence[Experiment],
    shown: Sequence[pd.DataFrame],
) -> str:
    """Return what points and boxes are, on which data, and how many songs cannot be drawn."""
    several = max(len(system.scored) for system in systems) > 1
    tracks = span([len(set().union(*(values.index for values in shown)))], "song")
    missing = sum(int((~np.isfinite(values.to_numpy())).sum()) for values in shown)
    parts = [
        f"Points: {tracks}, each its median over windows{', averaged over seeds' * several}; ",
        "boxes: quartiles and median; whiskers: at most 1.5 interquartile ranges; ",
        f"{kinds_line(systems)}. ",
        *(f"{sentence} " for sentence in [*imported_notes(systems), *fold_notes(systems)]),
        f"{protocol}; {data_line(config)}. ",
        f"{span([missing], 'value')} without a finite median not drawn. " if missing else "",
        warning(config, protocol),
    ]
    return "".join(parts)
