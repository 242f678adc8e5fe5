"""The columns of a table as readers see it, whatever the format."""

from dataclasses import dataclass
from typing import Literal

from mssbench.report.cells import Table
from mssbench.scoring.measures import measure

COST_TITLES = {
    "training": "training (h:min:s)",
    "separation": "separation (s a second)",
}
"""Cost -> the title of its column, where that is not what the cost is called."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        kind: what stands in it.
        title: its whole title.
        of: the metric or cost that it is of; empty of the others.
        part: its title below one of several columns of a metric.
    """

    kind: Literal["rank", "system", "cost", "value", "interval", "published", "nan"]
    title: str
    of: str = ""
    part: str = ""


def columns_of(table: Table) -> list[Column]:
    """Return the columns.

    They are the rank, in a table that ranks, the system, its costs, for each metric the value and,
    where the table has them, its interval and the published one, and last the NaN windows.
    """
    found = [Column("rank", "Rank")] if table.ranking is not None else []
    found.append(Column("system", "System"))
    found += [Column("cost", COST_TITLES.get(cost, cost), cost) for cost in table.costs]
    for metric in table.metrics:
        found.append(Column("value", f"{metric} ({measure(metric).unit})", metric, "ours"))
        if table.confidence is not None:
            part = f"{100 * table.confidence:g} % interval"
            found.append(Column("interval", f"{metric} {part}", metric, part))
        if table.has_published(metric):
            part = "published (difference)"
            found.append(Column("published", f"{metric} {part}", metric, part))
    return [*found, Column("nan", "NaN / windows")]


def groups_of(columns: list[Column]) -> list[list[Column]]:
    """Return the columns, those of one metric together."""
    groups: list[list[Column]] = []
    for column in columns:
        if groups and column.part and groups[-1][0].of == column.of:
            groups[-1].append(column)
        else:
            groups.append([column])
    return groups
