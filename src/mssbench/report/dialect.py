"""The texts of a table's cells, in the notation of the format that they are for."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mssbench.report.captions import source_line, span
from mssbench.report.cells import DECIMALS, Block, Cell, Line, Quoted, Table
from mssbench.report.columns import Column, columns_of
from mssbench.report.config import Published
from mssbench.report.notes import notes
from mssbench.scoring.measures import measure


@dataclass(frozen=True)
class Dialect:
    """How a format writes text, numbers and emphasis; the templates have one ``{}`` each."""

    escape: Callable[[str], str]
    bold: str
    italic: str
    mark: str
    minus: str
    plus_minus: str
    infinity: str
    star: str

    def number(self, value: float) -> str:
        """Return a value in dB, never ``-0.00``."""
        if math.isnan(value):
            return "NaN"
        rounded = round(value, DECIMALS)
        text = self.infinity if math.isinf(value) else f"{abs(rounded):.{DECIMALS}f}"
        return f"{self.minus}{text}" if rounded < 0 else text

    def cells(self, table: Table, line: Line) -> list[str]:
        """Return the texts of one line, a text a column."""
        return [self.text(table, line, column) for column in columns_of(table)]

    def text(self, table: Table, line: Line, column: Column) -> str:
        """Return what stands in one column of a line; empty where there is nothing."""
        if column.kind == "system":
            label = self.escape(line.experiment.label)
            return self.italic.format(label) if line.experiment.is_bound else label
        if column.kind == "rank":
            return "" if line.rank is None else str(line.rank)
        if column.kind == "cost":
            return cost_text(column.of, line.costs[column.of].value)
        if column.kind == "nan":
            return nan_text(line)
        cell = line.cells[column.of]
        return "" if cell is None else self.of_metric(table, cell, column)

    def quoted(self, table: Table, line: Quoted) -> list[str]:
        """Return the texts of one line of the literature, a text a column."""
        texts = []
        for column in columns_of(table):
            entry = line.published.get(column.of) if column.kind == "published" else None
            name = self.escape(line.system) if column.kind == "system" else ""
            texts.append(self.stated(table, entry) if entry else name)
        return texts

    def of_metric(self, table: Table, cell: Cell, column: Column) -> str:
        """Return what stands in one of a metric's columns."""
        if column.kind == "interval":
            return "" if cell.interval is None else " to ".join(map(self.number, cell.interval))
        return self.published(table, cell) if column.kind == "published" else self.value(cell)

    def value(self, cell: Cell) -> str:
        """Return a value, with its standard deviation over seeds where there are several.

        A star follows where it differs by more than chance from what it is compared with.
        """
        text = self.number(cell.value)
        if cell.sd is not None:
            text += f"{self.plus_minus}{self.number(cell.sd)}"
        if cell.bold:
            text = self.bold.format(text)
        return text + self.star if cell.outcome is not None and cell.outcome.differs else text

    def published(self, table: Table, cell: Cell) -> str:
        """Return the published value with its source's letter and ours less it in brackets."""
        if cell.published is None or cell.difference is None:
            return ""
        stated = self.stated(table, cell.published)
        if math.isnan(cell.difference):
            return stated
        sign = "+" if round(cell.difference, DECIMALS) > 0 else ""
        return f"{stated} ({sign}{self.number(cell.difference)})"

    def stated(self, table: Table, entry: Published) -> str:
        """Return a published value with its source's letter."""
        return self.number(entry.value) + self.mark.format(letters(table)[source_line(entry)])

    def notes(self, table: Table) -> list[str]:
        """Return the notes below the table, the sources of its published values first."""
        sources = [
            f"{self.mark.format(letter).strip()} {self.escape(source)}"
            for source, letter in letters(table).items()
        ]
        best = "best" if any(measure(name).lower for name in table.metrics) else "highest"
        asked = table.significance
        only = (
            f", where all other systems' differ from it, p < {asked.alpha:g}"
            if (asked is not None and asked.bold)
            else ""
        )
        emphasis = [f"Bold: the {best} value of a system{only}. Italics: bounds."]
        if sources:
            emphasis.append("In brackets: our value less the published one.")
        return sources + [self.escape(note) for note in [*emphasis, *notes(table)]]


def letters(table: Table) -> dict[str, str]:
    """Return the letter of each source of published values, in the order of the table."""
    lines = dict.fromkeys(source_line(entry) for entry in table.sources)
    return {line: chr(ord("a") + place) for place, line in enumerate(lines)}


def cost_text(kind: str, value: float | None) -> str:
    """Return a cost: a count, hours, minutes and seconds, or a number of three digits."""
    if value is None:
        return ""
    if kind.startswith("parameters"):
        return f"{value:,.0f}"
    if kind == "training":
        minutes, seconds = divmod(round(value), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return f"{value:.3g}"


def nan_text(line: Line) -> str:
    """Return the NaN windows and all windows of a line's windowed metrics."""
    found = [cell for cell in line.cells.values() if cell is not None and not cell.whole_song]
    if not found:
        return ""
    nan, windows = (cell.nan_windows for cell in found), (cell.windows for cell in found)
    return f"{span(nan)} / {span(windows)}"


def block_title(block: Block) -> str:
    """Return the target and aggregation of a block."""
    return f"{block.target.capitalize()}, {block.aggregation}"
