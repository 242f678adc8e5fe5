"""A table as one HTML page that needs nothing else."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from urllib.parse import quote

from mssbench.report.captions import caption
from mssbench.report.cells import Block, Line, Table
from mssbench.report.columns import Column, columns_of
from mssbench.report.config import Row
from mssbench.report.dialect import Dialect, block_title
from mssbench.report.origins import Origin

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #111; background: #fff; }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; }
caption { text-align: left; max-width: 60rem; padding-bottom: .6rem; }
th, td { padding: .15rem .7rem; text-align: right; font-variant-numeric: tabular-nums; }
td, tbody th { white-space: nowrap; font-weight: normal; }
th.system, tr.block th { text-align: left; }
thead th { border-bottom: 1px solid; vertical-align: bottom; }
tr.block th { padding-top: .7rem; border-top: 1px solid #888; }
a { color: inherit; text-decoration-color: #888; }
.notes { max-width: 60rem; padding-left: 1.2rem; color: #333; font-size: 13px; }
"""

RUNS = (
    "A value, or the number of its seed (of a fold: seed/fold), leads to the scores of its run and "
    "names it; the end of the name is the digest of its configuration. Once the study is in "
    "MLflow, the run's tag <code>scored</code> has that name there."
)


@dataclass(frozen=True)
class HtmlDialect(Dialect):
    """The notation of HTML, in which each value leads to the scores of its runs.

    Attributes:
        origins: where the scores of a run are from, by its id.
    """

    origins: dict[str, Origin] = field(default_factory=dict)

    def text(self, table: Table, line: Line, column: Column) -> str:
        """Return what stands in one column of a line, a value with the way to its runs."""
        text = super().text(table, line, column)
        if column.kind != "value" or not text:
            return text
        rows = line.experiment.rows
        if len(rows) == 1:
            return self.link(rows[0], text)
        seeds = " ".join(self.link(row, row.turn) for row in rows)
        return f'{text} <small class="seeds">({seeds})</small>'

    def link(self, row: Row, text: str) -> str:
        """Return ``text`` as a link to the scores of a run; without one where these are unknown."""
        origin = self.origins.get(row.id, Origin())
        parts = [
            f"run {row.id}",
            "" if row.seed is None else f"seed {row.seed}",
            "" if row.fold is None else f"fold {row.fold}",
            f"data {origin.data}" if origin.data else "",
            f"commit {origin.commit}" if origin.commit else "",
        ]
        about = f'title="{escape(", ".join(part for part in parts if part))}"'
        if not origin.scores:
            return f"<span {about}>{text}</span>"
        return f'<a href="{escape(quote(origin.scores))}/" {about}>{text}</a>'


HTML = HtmlDialect(
    escape=escape,
    bold="<b>{}</b>",
    italic="<i>{}</i>",
    mark="<sup>{}</sup>",
    minus="\N{MINUS SIGN}",
    plus_minus=" ± ",
    infinity="∞",
    star="<sup>*</sup>",
)


def to_html(table: Table) -> str:
    """Return the table as a page: caption, a body a target and aggregation, notes.

    Classes say what things are: of cells the kinds of their columns and ``best``, of lines
    ``trained``, ``untrained``, ``bound`` and ``literature``.
    """
    html = replace(HTML, origins=dict(table.origins))
    columns = columns_of(table)
    heads = "".join(
        f'<th class="{column.kind}" scope="col">{escape(column.title)}</th>' for column in columns
    )
    title = escape(f"{table.config.study}: {table.title}")
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head>',
        "<body>",
        f'<table class="scores" id="{escape(table.name)}">',
        f"<caption>{escape(caption(table))}</caption>",
        f"<thead><tr>{heads}</tr></thead>",
        *(body(html, table, block) for block in table.blocks),
        "</table>",
        '<ul class="notes">',
        *(f"<li>{note}</li>" for note in [*html.notes(table), RUNS]),
        "</ul>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def body(html: Dialect, table: Table, block: Block) -> str:
    """Return the lines of one target and aggregation."""
    columns = columns_of(table)
    title = escape(block_title(block))
    rows = [f'<tr class="block"><th colspan="{len(columns)}" scope="rowgroup">{title}</th></tr>']
    for line in block.lines:
        best = {metric for metric, cell in line.cells.items() if cell is not None and cell.best}
        rows.append(one_line(line.experiment.kind, columns, html.cells(table, line), best))
    rows += [one_line("literature", columns, html.quoted(table, line)) for line in block.literature]
    return "<tbody>\n" + "\n".join(rows) + "\n</tbody>"


def one_line(
    kind: str, columns: Sequence[Column], texts: Sequence[str], best: Collection[str] = ()
) -> str:
    """Return a line of class ``kind``; ``best`` are the metrics of which it has the best value."""
    cells = []
    for column, text in zip(columns, texts, strict=True):
        if column.kind == "system":
            cells.append(f'<th class="system" scope="row">{text}</th>')
        else:
            mark = " best" if column.kind == "value" and column.of in best else ""
            cells.append(f'<td class="{column.kind}{mark}">{text}</td>')
    return f'<tr class="{kind}">{"".join(cells)}</tr>'
