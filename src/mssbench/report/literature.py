"""Published values: where they stand in a table, and the lines of systems known by them alone."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mssbench.errors import UserError
from mssbench.report.aggregate import require
from mssbench.report.cells import Block, Quoted
from mssbench.report.config import Published

CellKey = tuple[str, str, str, str]
"""Experiment or other system, target, metric and aggregation."""


def with_literature(
    blocks: Iterable[Block], definition: Mapping[str, Any], published: Iterable[Published]
) -> list[Block]:
    """Return ``blocks`` with a line for each system of the literature that has values there.

    Raises:
        UserError: nothing is published of such a system, or two values claim one cell.
    """
    entries = [entry for entry in published if entry.system]
    systems = definition.get("literature", ())
    require("literature", systems, dict.fromkeys(entry.system for entry in entries))
    found = place(entries, definition["aggregations"][0])
    made = []
    for block in blocks:
        lines = []
        for system in systems:
            keys = {m: (system, block.target, m, block.aggregation) for m in definition["metrics"]}
            values = {metric: found[key] for metric, key in keys.items() if key in found}
            lines += [Quoted(system, values)] if values else []
        made.append(replace(block, literature=tuple(lines)))
    return made


def place(entries: Iterable[Published], first: str) -> dict[CellKey, Published]:
    """Return published values by (experiment or system, target, metric, aggregation).

    A value whose source does not state the aggregation stands at ``first``, the table's first
    aggregation; a note says so.

    Raises:
        UserError: two values claim one cell.
    """
    places: dict[CellKey, Published] = {}
    for entry in entries:
        of = entry.system or str(entry.experiment)
        key = (of, entry.target, entry.metric, entry.aggregation or first)
        if key in places:
            raise UserError(
                f"published: {', '.join(key)} has two values, {places[key].value} and "
                f"{entry.value} dB; a cell has room for one (a value without an aggregation "
                f"stands at the table's first, {first!r}): remove one"
            )
        places[key] = entry
    return places
