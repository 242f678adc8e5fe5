"""A table's files: CSV for programs, Markdown and LaTeX for readers."""

import csv
import io
from pathlib import Path

from mssbench.atomic import write_text
from mssbench.report.aggregate import WHOLE_SONG_NAMES
from mssbench.report.captions import source_line
from mssbench.report.latex import to_latex
from mssbench.report.markdown import to_markdown
from mssbench.report.tables import Block, Cell, Line, Table
from mssbench.scoring.measures import measure


def write_table(table: Table, folder: Path) -> None:
    """Write ``<name>.csv``, ``<name>.md`` and ``<name>.tex`` into ``folder``."""
    for suffix, render in {"csv": to_csv, "md": to_markdown, "tex": to_latex}.items():
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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(dict.fromkeys(tuple(row) for row in rows.values()))
    writer.writerows(row.values() for row in rows.values())
    return text.getvalue()


def csv_row(table: Table, block: Block, line: Line, metric: str, cell: Cell) -> dict[str, str]:
    """Return one row of the CSV by column.

    The columns' names say dB, unless the table has values of another unit; then a column does.
    """
    whole, config, how, published = cell.whole_song, table.config, table.protocol, cell.published
    window, hop = how.framing(metric)
    in_db = all(measure(name).unit == "dB" for name in table.metrics)
    unit = " (dB)" if in_db else ""
    columns = {
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
        "metric_version": how.version_of(metric),
        "window_s": "" if whole else f"{window:g}",
        "hop_s": "" if whole else f"{hop:g}",
        "references": how.references,
    }
    return columns if in_db else columns | {"unit": measure(metric).unit}


def exact(value: float | None) -> str:
    """Return a value of the CSV to museval's own precision; empty for None."""
    return "" if value is None else f"{value:.5f}".replace("nan", "NaN")
