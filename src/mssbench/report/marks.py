"""Marks in a table: the best values, and those that differ by more than chance."""

import math
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from mssbench.report.aggregate import SPREADS
from mssbench.report.cells import DECIMALS, Block, Cell, Line
from mssbench.report.significance import BEST, WITHIN_SONG, Significance, outcomes
from mssbench.scoring.measures import measure


def mark_best(block: Block, metrics: Iterable[str]) -> Block:
    """Mark the best shown value of each metric among two or more experiments that are no bounds.

    They are bold, too. Of measures of spread no value is the best.
    """
    if block.aggregation in SPREADS:
        return block
    lines = list(block.lines)
    for metric in metrics:
        shown = {
            number: round(cell.value, DECIMALS)
            for number, cell in ranked_cells(block, metric).items()
        }
        if len(shown) < 2:
            continue
        top = (min if measure(metric).lower else max)(shown.values())
        for number, value in shown.items():
            lines[number] = changed(lines[number], metric, best=value == top, bold=value == top)
    return replace(block, lines=tuple(lines))


def mark_tested(
    block: Block, metrics: Iterable[str], scores: pd.DataFrame, asked: Significance
) -> Block:
    """Add the outcome of each value's test; leave bold only what the test allows.

    Args:
        block: with the best values marked.
        metrics: the metrics.
        scores: tidy score table of the table's runs.
        asked: how values are tested.
    """
    if block.aggregation not in WITHIN_SONG:
        return block
    lines = list(block.lines)
    for metric in metrics:
        of_metric = (scores["metric"] == metric) & (scores["target"] == block.target)
        systems = ranked_cells(block, metric)
        if not systems or not of_metric.any():
            continue
        reference = asked.against
        if reference == BEST:
            best = min if measure(metric).lower else max
            number = best(systems, key=lambda place: systems[place].value)
            reference = lines[number].experiment.name
        compared = [
            line.experiment
            for number, line in enumerate(lines)
            if number in systems or line.experiment.name == reference
        ]
        within = WITHIN_SONG[block.aggregation]
        found = outcomes(scores[of_metric], compared, reference, asked, within)
        alone = bool(found) and all(each.differs for each in found.values())
        for number in systems:
            name = lines[number].experiment.name
            lines[number] = changed(lines[number], metric, outcome=found.get(name))
            if asked.bold and not (name == reference and alone):
                lines[number] = changed(lines[number], metric, bold=False)
    return replace(block, lines=tuple(lines))


def ranked_cells(block: Block, metric: str) -> dict[int, Cell]:
    """Return the cells that have a value and are no bound's, by the number of their line."""
    return {
        number: cell
        for number, line in enumerate(block.lines)
        if (cell := line.cells[metric]) is not None
        and not line.experiment.is_bound
        and not math.isnan(cell.value)
    }


def changed(line: Line, metric: str, **changes: object) -> Line:
    """Return ``line`` with changes to its cell of ``metric``."""
    cell = line.cells[metric]
    assert cell is not None
    return replace(line, cells=line.cells | {metric: replace(cell, **changes)})  # type: ignore[arg-type]
