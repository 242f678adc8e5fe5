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

from mssbench.report.aggregate import require, song_medians
from mssbench.report.captions import data_line, span, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.style import COLOURS, GREY, PAGE, new_figure, remark
from mssbench.report.scores import Scoring, require_runs
from mssbench.scoring.measures import measure

# The scores that decide the order of the systems, where there are any.
ORDER_BY = ("vocals", "SDR")
LEARNED, BOUND = COLOURS[0], GREY
GAP = 0.35  # between learned systems and bounds, in boxes


def draw_boxes(
    definition: Mapping[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Figure:
    """Draw a grid of panels: a row a target, a column a metric, a horizontal box a system.

    Learned systems stand above by falling median vocals SDR over songs, bounds apart below. Boxes
    reach from quartile to quartile, whiskers at most 1.5 times as far beyond. Each point is a
    song: its median over windows, averaged over seeds.

    Args:
        definition: targets (default vocals), metrics (default SDR) and rows (default all).
        config: the study.
        scores: tidy score table of all runs.
        protocol: how the scores were made.

    Raises:
        UserError: a row, target or metric is unknown, or a run has no scores.
    """
    experiments = config.experiments(definition.get("rows"))
    runs = [row.id for each in experiments for row in each.rows]
    require_runs(scores, runs)
    scores = scores[scores["run"].isin(runs)]
    targets, metrics = definition.get("targets", ["vocals"]), definition.get("metrics", ["SDR"])
    require("targets", targets, scores["target"].unique())
    require("metrics", metrics, scores["metric"].unique())
    songs = song_values(scores, experiments, (*targets, ORDER_BY[0]), (*metrics, ORDER_BY[1]))
    systems = ordered(experiments, songs, (targets[0], metrics[0]))
    figure = new_figure(PAGE, 0.6 + len(targets) * (0.35 + 0.27 * len(systems)))
    panels = figure.subplots(len(targets), len(metrics), sharex="col", sharey=True, squeeze=False)
    for row, target in zip(panels, targets, strict=True):
        row[0].set_title(target.capitalize(), loc="left", fontweight="bold")
        for panel, metric in zip(row, metrics, strict=True):
            draw_panel(panel, systems, [finite(songs, each, target, metric) for each in systems])
    for panel, metric in zip(panels[-1], metrics, strict=True):
        panel.set_xlabel(f"{metric} ({measure(metric).unit})")
    shown = is_in(songs, "target", targets) & is_in(songs, "metric", metrics)
    remark(figure, explanation(config, protocol, systems, songs[shown]))
    return figure


def song_values(
    scores: pd.DataFrame,
    experiments: Sequence[Experiment],
    targets: Sequence[str],
    metrics: Sequence[str],
) -> pd.Series:
    """Return each song's median over windows, averaged over the seeds of an experiment.

    The index is (experiment, target, metric, track), sorted; songs without a value are NaN.
    """
    owners = {row.id: each.name for each in experiments for row in each.rows}
    chosen = scores[scores["target"].isin(targets) & scores["metric"].isin(metrics)]
    medians = song_medians(chosen).rename("score").reset_index()
    medians["experiment"] = medians["run"].map(owners)
    return medians.groupby(["experiment", "target", "metric", "track"])["score"].mean()


def finite(songs: pd.Series, experiment: Experiment, target: str, metric: str) -> np.ndarray:
    """Return the finite values of one system, target and metric, in ascending order."""
    chosen = is_in(songs, "experiment", [experiment.name])
    values = songs[
        chosen & is_in(songs, "target", [target]) & is_in(songs, "metric", [metric])
    ].to_numpy()
    return np.sort(values[np.isfinite(values)])


def is_in(songs: pd.Series, level: str, names: Sequence[str]) -> np.ndarray:
    """Return which entries have one of ``names`` at ``level`` of their index."""
    found: np.ndarray = songs.index.get_level_values(level).isin(names)
    return found


def ordered(
    experiments: Sequence[Experiment], songs: pd.Series, otherwise: tuple[str, str]
) -> list[Experiment]:
    """Return learned systems by falling median vocals SDR over songs, then bounds likewise.

    Args:
        experiments: the systems.
        songs: what ``song_values`` returns.
        otherwise: the target and metric to order by where there is no vocals SDR.
    """
    there = zip(*(songs.index.get_level_values(name) for name in ("target", "metric")), strict=True)
    target, metric = ORDER_BY if ORDER_BY in there else otherwise

    def rank(system: Experiment) -> tuple[bool, float]:
        values = finite(songs, system, target, metric)
        return system.kind == "bound", -float(np.median(values)) if len(values) else np.inf

    return sorted(experiments, key=rank)


def draw_panel(panel: Axes, systems: Sequence[Experiment], values: Sequence[np.ndarray]) -> None:
    """Draw one box a system with its songs as points; the first system stands at the top."""
    bounds = [system.kind == "bound" for system in systems]
    places = np.arange(len(systems)) + GAP * np.array(bounds)
    colours = [BOUND if bound else LEARNED for bound in bounds]
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
    config: ReportConfig, protocol: Scoring, systems: Sequence[Experiment], songs: pd.Series
) -> str:
    """Return what points and boxes are, on which data, and how many songs cannot be drawn."""
    several = max(len(system.rows) for system in systems) > 1
    tracks = span([songs.index.get_level_values("track").nunique()], "song")
    missing = int((~np.isfinite(songs)).sum())
    parts = [
        f"Points: {tracks}, each its median over windows{', averaged over seeds' * several}; ",
        "boxes: quartiles and median; whiskers: at most 1.5 interquartile ranges; ",
        "grey: not learned. ",
        f"{protocol}; {data_line(config)}. ",
        f"{span([missing], 'value')} without a finite median not drawn. " if missing else "",
        warning(config, protocol),
    ]
    return "".join(parts)
