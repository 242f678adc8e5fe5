"""A table's files: CSV for programs, Markdown, LaTeX and HTML for readers."""

import csv
import io
from pathlib import Path

from mssbench.atomic import write_text
from mssbench.report.aggregate import WHOLE_SONG_NAMES
from mssbench.report.captions import source_line
from mssbench.report.cells import Block, Cell, Line, Table
from mssbench.report.costs import COSTS
from mssbench.report.html_page import to_html
from mssbench.report.imported import UNSTATED, VERSION
from mssbench.report.judged_metrics import MCNEMAR
from mssbench.report.latex import to_latex
from mssbench.report.markdown import to_markdown
from mssbench.scoring.measures import measure


def write_table(table: Table, folder: Path) -> None:
    """Write ``<name>.csv``, ``.md``, ``.tex`` and ``.html`` into ``folder``."""
    for suffix, render in FORMATS.items():
        write_text(folder / f"{table.name}.{suffix}", render(table))


def to_csv(table: Table) -> str:
    """Return the table as CSV, one row a value, so that each has its counts beside it."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for block in table.blocks:
        for line in block.lines:
            for metric, cell in line.cells.items():
                if cell is not None:
                    row = csv_row(table, block, line, metric, cell)
                    key = line.experiment.name, block.target, metric, row["aggregation"]
                    # Two aggregations can mean the same for a metric with one value a song.
                    if key not in rows or cell.published is not None:
                        rows[key] = row
    quoted = [row for block in table.blocks for row in quoted_rows(table, block)]
    text = io.StringIO()
    columns = dict.fromkeys(column for row in rows.values() for column in row)
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows.values(), *quoted])
    return text.getvalue()


def quoted_rows(table: Table, block: Block) -> list[dict[str, str]]:
    """Return the rows of the systems that the study does not run, those columns that they fill."""
    unit = unit_of(table)
    return [
        {
            "study": table.config.study,
            "system": line.system,
            "kind": "literature",
            "target": block.target,
            "metric": metric,
            "aggregation": block.aggregation,
            f"published{unit}": exact(entry.value),
            "published_source": source_line(entry),
        }
        for line in block.literature
        for metric, entry in line.published.items()
    ]


def unit_of(table: Table) -> str:
    """Return what the names of columns of values end with: their unit where all have one."""
    return " (dB)" if all(measure(name).unit == "dB" for name in table.metrics) else ""


def csv_row(table: Table, block: Block, line: Line, metric: str, cell: Cell) -> dict[str, str]:
    """Return one row of the CSV by column.

    The columns' names say dB, unless the table has values of another unit; then a column does.
    """
    whole, config, how, published = cell.whole_song, table.config, table.protocol, cell.published
    imported = any(row.imported for row in line.experiment.rows)
    window, hop = how.framing(metric)
    unit = unit_of(table)
    row = {
        "study": config.study,
        "dataset": config.dataset,
        "scale": config.scale,
        "system": line.experiment.label,
        "experiment": line.experiment.name,
        "kind": line.experiment.kind,
        "target": block.target,
        "metric": metric,
        "aggregation": WHOLE_SONG_NAMES[block.aggregation] if whole else block.aggregation,
        f"value{unit}": exact(cell.value),
        f"sd over seeds{unit}": exact(cell.sd),
        "n_seeds": str(cell.seeds),
        "n_songs": str(cell.songs),
        "n_windows": "" if whole else str(cell.windows),
        "n_nan": str(cell.nan_windows),
        "n_nan_songs": str(cell.nan_songs),
        f"published{unit}": exact(published.value if published else None),
        f"difference{unit}": exact(cell.difference),
        "published_source": source_line(published) if published else "",
        "metric_version": VERSION if imported else how.version_of(metric),
        "window_s": "" if whole else f"{window:g}",
        "hop_s": "" if whole else f"{hop:g}",
        "references": UNSTATED if imported else how.references,
    }
    if not unit:
        row["unit"] = measure(metric).unit
    if table.ranking is not None:
        row["rank"] = "" if line.rank is None else str(line.rank)
    return row | optional(table, line, cell, unit) | origin(table, line)


def optional(table: Table, line: Line, cell: Cell, unit: str) -> dict[str, str]:
    """Return the columns of intervals, tests and costs, of those that the table has."""
    row = {}
    if table.confidence is not None:
        low, high = cell.interval or (None, None)
        row["confidence"] = f"{table.confidence:g}"
        row |= {f"low{unit}": exact(low), f"high{unit}": exact(high)}
    if table.significance is not None:
        found = cell.outcome
        row |= {
            "test": table.significance.kind if found else "",
            "compared_with": found.against if found else "",
            "n_common_songs": str(found.songs) if found else "",
            **segments(table, cell),
            "p": "" if found is None or found.p is None else f"{found.p:.4g}",
            "effect": exact(found.effect if found else None),
        }
    for kind in table.costs:
        value = line.costs[kind].value
        row[COSTS.get(kind, f"trainable {kind}")] = "" if value is None else f"{value:.12g}"
    return row


def segments(table: Table, cell: Cell) -> dict[str, str]:
    """Return the column of common segments, of a table that tests over these."""
    if table.significance is None or table.significance.kind != MCNEMAR:
        return {}
    found = None if cell.outcome is None else cell.outcome.segments
    return {"n_common_segments": "" if found is None else str(found)}


def origin(table: Table, line: Line) -> dict[str, str]:
    """Return the columns that lead to the runs, seed by seed; those of unknown things are empty.

    A seed of a cross-validation is followed by the fold, as in ``0/3``.
    """
    rows = line.experiment.rows
    known = [table.origins[row.id] for row in rows if row.id in table.origins]
    return {
        "runs": " ".join(row.id for row in rows),
        "seeds": " ".join(row.turn for row in rows if row.seed is not None),
        "scores": " ".join(each.scores for each in known if each.scores),
        "data": " ".join(dict.fromkeys(each.data for each in known if each.data)),
        "commit": " ".join(dict.fromkeys(each.commit for each in known if each.commit)),
    }


def exact(value: float | None) -> str:
    """Return a value of the CSV to museval's own precision; empty for None."""
    return "" if value is None else f"{value:.5f}".replace("nan", "NaN")


FORMATS = {"csv": to_csv, "md": to_markdown, "tex": to_latex, "html": to_html}
