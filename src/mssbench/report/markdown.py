"""A table as Markdown: caption, one table a target and aggregation, notes."""

import re

from mssbench.report.captions import caption
from mssbench.report.dialect import Dialect, block_title
from mssbench.report.tables import Table
from mssbench.scoring.measures import measure


def escape_markdown(text: str) -> str:
    """Return ``text`` with the characters that Markdown reads as layout escaped."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)


MARKDOWN = Dialect(
    escape=escape_markdown,
    bold="**{}**",
    italic="*{}*",
    mark=" [{}]",
    minus="-",
    plus_minus=" ± ",
    infinity="∞",
)


def to_markdown(table: Table) -> str:
    """Return the table as Markdown."""
    names = header(table)
    parts = [escape_markdown(caption(table))]
    for block in table.blocks:
        rows = [names, ["---", *["---:"] * (len(names) - 1)]]
        rows += [MARKDOWN.cells(table, line) for line in block.lines]
        parts.append(f"**{block_title(block)}**")
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    parts.append("\n".join(f"- {note}" for note in MARKDOWN.notes(table)))
    return "\n\n".join(parts) + "\n"


def header(table: Table) -> list[str]:
    """Return the names of the columns, with their units."""
    names = ["System"]
    for metric in table.metrics:
        names.append(f"{metric} ({measure(metric).unit})")
        if table.has_published(metric):
            names.append(f"{metric} published (difference)")
    return [*names, "NaN / windows"]
