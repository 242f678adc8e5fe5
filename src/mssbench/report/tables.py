"""A study's table: aggregated scores of its experiments, seeds pooled, published values beside."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mssbench.errors import UserError
from mssbench.report.aggregate import SPREADS, aggregate
from mssbench.report.config import Experiment, Published, ReportConfig
from mssbench.report.ranking import Ranking, ranked
from mssbench.report.scores import Scoring, require_runs
from mssbench.scoring.measures import measure

DECIMALS = 2


@dataclass(frozen=True)
class Cell:
    """An experiment's value of one metric.

    Attributes:
        value: mean over seeds of the aggregated scores, in dB.
        sd: their sample standard deviation in dB; None with one seed.
        seeds: how many seeds there are.
        songs: how many songs each seed's scores have.
        windows: how many windows there are, over all seeds; songs where ``whole_song``.
        nan_windows: how many of these are NaN and enter no value.
        nan_songs: songs, over all seeds, in which every window is NaN.
        whole_song: whether the metric has one value a song.
        published: the value of a source, or None.
        best: whether no learned experiment shows a better value; false for bounds.
    """

    value: float
    sd: float | None
    seeds: int
    songs: int
    windows: int
    nan_windows: int
    nan_songs: int
    whole_song: bool
    published: Published | None = None
    best: bool = False

    @property
    def difference(self) -> float | None:
        """Return our value less the published one, in dB."""
        return None if self.published is None else self.value - self.published.value


@dataclass(frozen=True)
class Line:
    """An experiment's cells by metric; None where its scores do not have the metric.

    ``rank`` is its place in a table that ranks, None for a bound.
    """

    experiment: Experiment
    cells: dict[str, Cell | None]
    rank: int | None = None


@dataclass(frozen=True)
class Block:
    """The lines of one target and aggregation: learned experiments, then bounds."""

    target: str
    aggregation: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """A table, ready to be written in any format."""

    name: str
    title: str
    metrics: tuple[str, ...]
    blocks: tuple[Block, ...]
    protocol: Scoring
    config: ReportConfig
    ranking: Ranking | None = None

    @property
    def cells(self) -> list[Cell]:
        """Return all cells that have a value, block by block and line by line."""
        lines = [line for block in self.blocks for line in block.lines]
        return [cell for line in lines for cell in line.cells.values() if cell is not None]

    @property
    def sources(self) -> list[Published]:
        """Return the published values in the order in which they stand."""
        return [cell.published for cell in self.cells if cell.published is not None]

    def has_published(self, metric: str) -> bool:
        """Return whether any block shows a published value of ``metric``."""
        return any(entry.metric == metric for entry in self.sources)


def make_table(
    name: str,
    definition: dict[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
) -> Table:
    """Make one table of a study.

    Args:
        name: the table's name.
        definition: title, targets, metrics, aggregations and, optionally, rows (experiments) and
            rank_by (the metric, target and aggregation that decide their order).
        config: the study.
        scores: tidy score table of all runs.
        protocol: how the scores were made.

    Raises:
        UserError: a row, target, metric or aggregation is unknown, a run has no scores, or two
            published values claim one cell.
    """
    experiments = config.experiments(definition.get("rows"))
    ids = [row.id for experiment in experiments for row in experiment.rows]
    require_runs(scores, ids)
    scores = scores[scores["run"].isin(ids)]
    ranking, ranks = None, dict[str, int]()
    if "rank_by" in definition:
        ranking = Ranking(**definition["rank_by"])
        experiments, ranks = ranked(experiments, scores, ranking)
    targets, metrics = definition["targets"], definition["metrics"]
    aggregations = definition["aggregations"]
    values = aggregate(scores, targets, metrics, aggregations)
    found = {
        (entry.run, entry.target, entry.metric, entry.aggregation): entry
        for entry in values.itertuples()
    }
    published = place(config.published, aggregations[0])

    def cell(experiment: Experiment, target: str, metric: str, aggregation: str) -> Cell | None:
        keys = ((row.id, target, metric, aggregation) for row in experiment.rows)
        entries = [found[key] for key in keys if key in found]
        beside = published.get((experiment.name, target, metric, aggregation))
        return over_seeds(entries, beside) if entries else None

    blocks = [
        Block(
            target,
            aggregation,
            tuple(
                Line(
                    each,
                    {metric: cell(each, target, metric, aggregation) for metric in metrics},
                    ranks.get(each.name),
                )
                for each in experiments
            ),
        )
        for target in targets
        for aggregation in aggregations
    ]
    return Table(
        name=name,
        title=definition["title"],
        metrics=tuple(metrics),
        blocks=tuple(mark_best(block, metrics) for block in blocks),
        protocol=protocol,
        config=config,
        ranking=ranking,
    )


def over_seeds(entries: list[Any], published: Published | None) -> Cell:
    """Return the cell of an experiment from its seeds' rows of ``aggregate``'s table."""
    values = [float(entry.value) for entry in entries]
    finite = all(math.isfinite(value) for value in values)
    several = len(values) > 1
    return Cell(
        value=sum(values) / len(values),
        sd=(statistics.stdev(values) if finite else math.nan) if several else None,
        seeds=len(values),
        songs=max(int(entry.songs) for entry in entries),
        windows=sum(int(entry.windows) for entry in entries),
        nan_windows=sum(int(entry.nan_windows) for entry in entries),
        nan_songs=sum(int(entry.nan_songs) for entry in entries),
        whole_song=all(bool(entry.whole_song) for entry in entries),
        published=published,
    )


def place(entries: Iterable[Published], first: str) -> dict[tuple[str, str, str, str], Published]:
    """Return published values by (experiment, target, metric, aggregation).

    A value whose source does not state the aggregation stands at ``first``, the table's first
    aggregation; a note says so.

    Raises:
        UserError: two values claim one cell.
    """
    places: dict[tuple[str, str, str, str], Published] = {}
    for entry in entries:
        key = (entry.experiment, entry.target, entry.metric, entry.aggregation or first)
        if key in places:
            raise UserError(
                f"published: {', '.join(key)} has two values, {places[key].value} and "
                f"{entry.value} dB; a cell has room for one (a value without an aggregation "
                f"stands at the table's first, {first!r}): remove one"
            )
        places[key] = entry
    return places


def mark_best(block: Block, metrics: Iterable[str]) -> Block:
    """Mark the best shown value of each metric among two or more learned experiments."""
    if block.aggregation in SPREADS:
        return block
    lines = list(block.lines)
    for metric in metrics:
        shown = {}
        for number, line in enumerate(lines):
            cell = line.cells[metric]
            if cell is not None and line.experiment.kind != "bound" and not math.isnan(cell.value):
                shown[number] = (cell, round(cell.value, DECIMALS))
        if len(shown) < 2:
            continue
        best = min if measure(metric).lower else max
        top = best(value for _, value in shown.values())
        for number, (cell, value) in shown.items():
            cells = lines[number].cells | {metric: replace(cell, best=value == top)}
            lines[number] = replace(lines[number], cells=cells)
    return replace(block, lines=tuple(lines))
