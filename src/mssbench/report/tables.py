"""A study's table: aggregated scores of its experiments, seeds pooled, published values beside."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pandas as pd

from mssbench.report.aggregate import aggregate
from mssbench.report.cells import Block, Cell, Line, Table
from mssbench.report.config import Experiment, Published, ReportConfig
from mssbench.report.costs import costs_of
from mssbench.report.intervals import confidence_of, interval_of
from mssbench.report.literature import CellKey, place, with_literature
from mssbench.report.marks import mark_best, mark_tested
from mssbench.report.origins import Origin
from mssbench.report.parts import part_costs
from mssbench.report.ranking import Ranking, ranked
from mssbench.report.scores import Scoring, require_runs
from mssbench.report.significance import Significance
from mssbench.report.sources import Sources


def make_table(
    name: str,
    definition: dict[str, Any],
    config: ReportConfig,
    scores: pd.DataFrame,
    protocol: Scoring,
    *,
    sources: Sources | None = None,
    origins: Mapping[str, Origin] | None = None,
) -> Table:
    """Make one table of a study.

    Args:
        name: the table's name.
        definition: title, targets, metrics, aggregations and, optionally, rows (experiments),
            literature (systems of the published values that the study does not run), rank_by (the
            metric, target and aggregation that decide their order), interval (true, or the share
            of intervals that hold the true value), test (the keys of ``Significance``), columns
            (keys of ``COSTS``) and parts (of the trained rows' models).
        config: the study.
        scores: tidy score table of its runs by the names in ``Experiment.scored``, others may be
            among them.
        protocol: how the scores were made.
        sources: files that the costs are read from.
        origins: where scores are from, by run.

    Raises:
        UserError: a row, target, metric, aggregation or system of the literature is unknown, a run
            has no scores, a cost is in no file, a model lacks a part, a test is impossible, or two
            published values claim one cell.
    """
    experiments = config.experiments(definition.get("rows"))
    ids = [name for experiment in experiments for name in experiment.scored]
    require_runs(scores, ids)
    scores = scores[scores["run"].isin(ids)]
    ranking, ranks = None, dict[str, int]()
    if "rank_by" in definition:
        ranking = Ranking(**definition["rank_by"])
        experiments, ranks = ranked(experiments, scores, ranking)
    targets, metrics = definition["targets"], definition["metrics"]
    found = cells_of(definition, experiments, scores, config.published)
    confidence = confidence_of(definition.get("interval", False))
    if confidence is not None:
        found = add_intervals(found, experiments, scores, confidence)
    sources = sources or Sources()
    costs = costs_of(experiments, definition.get("columns", ()), sources)
    for each, counts in part_costs(experiments, definition.get("parts", ()), sources).items():
        costs[each] |= counts
    lines = [Line(each, {}, ranks.get(each.name), costs[each.name]) for each in experiments]
    blocks = [
        Block(target, aggregation, filled(lines, found, (target, aggregation), metrics))
        for target in targets
        for aggregation in definition["aggregations"]
    ]
    blocks = [mark_best(block, metrics) for block in blocks]
    significance = None
    if "test" in definition:
        significance = Significance(**definition["test"])
        significance.require(name, experiments)
        blocks = [mark_tested(block, metrics, scores, significance) for block in blocks]
    blocks = with_literature(blocks, definition, config.published)
    return Table(
        name=name,
        title=definition["title"],
        metrics=tuple(metrics),
        blocks=tuple(blocks),
        protocol=protocol,
        config=config,
        ranking=ranking,
        confidence=confidence,
        significance=significance,
        costs=tuple(next(iter(costs.values()), ())),
        origins=origins or {},
    )


def cells_of(
    definition: Mapping[str, Any],
    experiments: Iterable[Experiment],
    scores: pd.DataFrame,
    published: Iterable[Published],
) -> dict[CellKey, Cell]:
    """Return the cells by (experiment, target, metric, aggregation); those without scores lack."""
    targets, metrics = definition["targets"], definition["metrics"]
    aggregations = definition["aggregations"]
    values = aggregate(scores, targets, metrics, aggregations)
    found = {
        (entry.run, entry.target, entry.metric, entry.aggregation): entry
        for entry in values.itertuples()
    }
    beside = place([entry for entry in published if not entry.system], aggregations[0])
    cells = {}
    for target, metric, aggregation in product(targets, metrics, aggregations):
        for each in experiments:
            keys = ((run, target, metric, aggregation) for run in each.scored)
            entries = [found[key] for key in keys if key in found]
            key = each.name, target, metric, aggregation
            if entries:
                cells[key] = over_seeds(entries, beside.get(key))
    return cells


def add_intervals(
    cells: Mapping[CellKey, Cell],
    experiments: Iterable[Experiment],
    scores: pd.DataFrame,
    confidence: float,
) -> dict[CellKey, Cell]:
    """Return ``cells`` with their confidence intervals over songs."""
    runs = {each.name: each.scored for each in experiments}
    parts = dict(list(scores.groupby(["target", "metric"], observed=True)))
    return {
        (name, target, metric, aggregation): replace(
            cell,
            interval=interval_of(parts[target, metric], runs[name], aggregation, confidence),
        )
        for (name, target, metric, aggregation), cell in cells.items()
    }


def filled(
    lines: Iterable[Line],
    cells: Mapping[CellKey, Cell],
    of: tuple[str, str],
    metrics: Iterable[str],
) -> tuple[Line, ...]:
    """Return ``lines`` with their cells of one target and aggregation, which ``of`` names."""
    target, aggregation = of
    return tuple(
        replace(
            line,
            cells={
                metric: cells.get((line.experiment.name, target, metric, aggregation))
                for metric in metrics
            },
        )
        for line in lines
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
