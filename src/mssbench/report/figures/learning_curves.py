"""Training and validation loss over the epochs."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mssbench.errors import UserError
from mssbench.report.captions import data_line
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.figures.style import COLOURS, DARK_GREY, PAGE, colour_of, new_figure, remark
from mssbench.report.sources import Sources

PANELS_IN_A_ROW = {1: 1, 2: 2, 4: 2}  # otherwise 3
# Letters of a label that a third of the page has room for, and of a line of one in half of it.
SHORT, LINE = 20, 30
LABEL = 24  # characters of a loss in a line
LOG_FROM = 20.0  # largest over smallest loss from which the axis is logarithmic
# Column -> its name, dashes and width.
CURVES = {
    "train_loss": ("training", (0, (3, 1.5)), 0.9),
    "valid_loss": ("validation", "-", 1.3),
}


def draw(definition: Mapping[str, Any], config: ReportConfig, sources: Sources) -> Figure:
    """Draw the figure from files; see ``draw_learning_curves``."""
    return draw_learning_curves(definition, config, sources.histories)


def draw_learning_curves(
    definition: Mapping[str, Any], config: ReportConfig, histories: Mapping[str, Path]
) -> Figure:
    """Draw the losses of each learned experiment, with the epoch whose weights are used.

    Experiments share a panel where the study says that their losses are alike; otherwise each has
    a panel of its own, since different losses have no common scale. With several seeds, lines are
    their means and bands reach from the lowest to the highest; where one has stopped, the others
    go on as thin lines of their own.

    Args:
        definition: rows (default: all).
        config: the study.
        histories: the ``history.csv`` of each row by its ``trained``.

    Raises:
        UserError: a row is unknown, none is learned, or a history is missing or no history.
    """
    systems = [each for each in config.experiments(definition.get("rows")) if each.rows[0].trained]
    if not systems:
        raise UserError("figures: learning curves need at least one trained row, but there is none")
    read = {system.name: read_histories(system, histories) for system in systems}
    groups = by_loss(systems)
    columns = PANELS_IN_A_ROW.get(len(groups), 3)
    if max(len(system.label) for system in systems) > SHORT:
        columns = min(columns, 2)
    rows = -(-len(groups) // columns)
    names = max(len(group) for group in groups)
    figure = new_figure(PAGE, (1.8 + 0.15 * names) * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, group in zip(panels, groups, strict=False):
        for system in group:
            draw_system(panel, read[system.name], colour_of(group.index(system)))
        label_panel(panel, group)
    for unused in panels[len(groups) :]:
        unused.remove()
    explain_lines(figure)
    remark(figure, explanation(systems, config))
    return figure


def by_loss(systems: Sequence[Experiment]) -> list[list[Experiment]]:
    """Return the systems in groups of the same loss; where none is stated, each alone.

    No group has more systems than there are colours.
    """
    groups: dict[str, list[Experiment]] = {}
    for system in systems:
        groups.setdefault(system.rows[0].loss or f" {system.name}", []).append(system)
    most = len(COLOURS)
    return [
        group[first : first + most]
        for group in groups.values()
        for first in range(0, len(group), most)
    ]


def read_histories(system: Experiment, files: Mapping[str, Path]) -> list[pd.DataFrame]:
    """Return the history of each seed: train_loss, valid_loss and the best score by epoch.

    Raises:
        UserError: one is missing or is no history.
    """
    found = []
    for row in system.rows:
        name = row.trained or ""
        if name not in files:
            there = ", ".join(sorted(files)) or "none"
            raise UserError(
                f"--histories: there is none called {name!r}, but {there}; give the history.csv "
                "of every trained row, in a folder of its name or as NAME=PATH"
            )
        try:
            read = pd.read_csv(files[name]).set_index("epoch")[[*CURVES, "best"]]
            found.append(read.astype(float))
        except (FileNotFoundError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{files[name]} is no history of a training ({reason}); it needs the columns "
                f"epoch, {', '.join(CURVES)}, best"
            ) from None
    return found


def best_epoch(history: pd.DataFrame) -> tuple[int, float]:
    """Return the epoch whose weights were kept, and its loss.

    It is the one with the best score, the first of equals. The loss is that of validation, or of
    training where there was no validation.
    """
    losses = history["valid_loss"]
    if losses.isna().all():
        losses = history["train_loss"]
    place = int((history["best"] == history["best"].iloc[-1]).argmax())
    return int(losses.index[place]), float(losses.iloc[place])


def draw_system(panel: Axes, seeds: Sequence[pd.DataFrame], colour: str) -> None:
    """Draw one system's losses and the best epoch of each seed."""
    for column, (_, dashes, width) in CURVES.items():
        losses = pd.concat([seed[column] for seed in seeds], axis=1)
        common = losses.dropna()  # a mean would leap where a seed stops
        look: dict[str, Any] = {"color": colour, "linestyle": dashes}
        # A single epoch makes no line.
        dot = "." if len(common) == 1 else None
        panel.plot(common.index, common.mean(axis=1), linewidth=width, marker=dot, **look)
        if len(seeds) > 1 and len(common):
            low, high = common.min(axis=1), common.max(axis=1)
            panel.fill_between(common.index, low, high, color=colour, alpha=0.2, linewidth=0)
            for seed in seeds:
                alone = seed[column].loc[common.index[-1] :]
                panel.plot(alone.index, alone, linewidth=width / 2, **look)
    for seed in seeds:
        panel.plot(*best_epoch(seed), **best_marker(colour))


def best_marker(colour: str) -> dict[str, Any]:
    """Return the look of the mark at a best epoch."""
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.6}
    return {"marker": "o", "markersize": 5, "color": colour, "linestyle": "none", **edge}


def label_panel(panel: Axes, group: Sequence[Experiment]) -> None:
    """Name the axes and systems of a panel, and choose its scale."""
    panel.set_xlabel("epoch")
    loss = group[0].rows[0].loss
    panel.set_ylabel(textwrap.fill(f"loss: {loss}", LABEL) if loss else "loss")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    low, high = panel.dataLim.intervaly
    if low > 0 and high / low > LOG_FROM:
        panel.set_yscale("log")
    panel.grid()
    if len(group) == 1:
        panel.set_title(group[0].label, loc="left", fontweight="bold")
        return
    lines = [Line2D([], [], color=colour_of(place)) for place in range(len(group))]
    panel.legend(
        lines,
        [textwrap.fill(system.label, LINE) for system in group],
        prop={"weight": "bold", "size": 8.0},
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.98),
        handlelength=1.2,
        handletextpad=0.5,
    )


def explain_lines(figure: Figure) -> None:
    """Say above the panels what dashes, lines and marks are."""
    entries = {
        name: Line2D([], [], color=DARK_GREY, linestyle=dashes, linewidth=width)
        for name, dashes, width in CURVES.values()
    }
    entries["best epoch"] = Line2D([], [], **best_marker(DARK_GREY))
    figure.legend(
        list(entries.values()), list(entries), loc="outside upper right", ncols=len(entries)
    )


def explanation(systems: Sequence[Experiment], config: ReportConfig) -> str:
    """Return what bands are, and on which data."""
    seeds = max(len(system.rows) for system in systems)
    what = "models" if any(row.fold is not None for s in systems for row in s.rows) else "seeds"
    bands = f"Lines: mean over {what}; bands: their range; thin: {what} that outlast another. "
    return f"{bands if seeds > 1 else ''}D{data_line(config)[1:]}."
