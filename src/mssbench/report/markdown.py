"""A table as Markdown: caption, one table a target and aggregation, notes."""

import re

from mssbench.report.captions import caption
from mssbench.report.cells import Table
from mssbench.report.columns import columns_of
from mssbench.report.dialect import Dialect, block_title


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
    star=r"\*",
)


def to_markdown(table: Table) -> str:
    """Return the table as Markdown."""
    columns = columns_of(table)
    marks = ["---" if column.kind == "system" else "---:" for column in columns]
    parts = [escape_markdown(caption(table))]
    for block in table.blocks:
        rows = [[column.title for column in columns], marks]
        rows += [MARKDOWN.cells(table, line) for line in block.lines]
        rows += [MARKDOWN.quoted(table, line) for line in block.literature]
        parts.append(f"**{block_title(block)}**")
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    parts.append("\n".join(f"- {note}" for note in MARKDOWN.notes(table)))
    return "\n\n".join(parts) + "\n"
