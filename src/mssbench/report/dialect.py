"""The texts of a table's cells, in the notation of the format that they are for."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mssbench.report.captions import notes, source_line, span
from mssbench.report.tables import DECIMALS, Block, Cell, Line, Table
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

    def number(self, value: float) -> str:
        """Return a value in dB, never ``-0.00``."""
        if math.isnan(value):
            return "NaN"
        rounded = round(value, DECIMALS)
        text = self.infinity if math.isinf(value) else f"{abs(rounded):.{DECIMALS}f}"
        return f"{self.minus}{text}" if rounded < 0 else text

    def cells(self, table: Table, line: Line) -> list[str]:
        """Return the texts of one line.

        They are the rank, in a table that has ranks, the system, for each metric its value and,
        where the table has published ones, the published value, and last the NaN windows.
        """
        label = self.escape(line.experiment.label)
        texts = [self.italic.format(label) if line.experiment.kind == "bound" else label]
        if table.ranking is not None:
            texts.insert(0, "" if line.rank is None else str(line.rank))
        for metric in table.metrics:
            cell = line.cells[metric]
            texts.append("" if cell is None else self.value(cell))
            if table.has_published(metric):
                texts.append("" if cell is None else self.published(table, cell))
        return [*texts, nan_text(line)]

    def value(self, cell: Cell) -> str:
        """Return a value, with its standard deviation over seeds where there are several."""
        text = self.number(cell.value)
        if cell.sd is not None:
            text += f"{self.plus_minus}{self.number(cell.sd)}"
        return self.bold.format(text) if cell.best else text

    def published(self, table: Table, cell: Cell) -> str:
        """Return the published value with its source's letter and ours less it in brackets."""
        if cell.published is None or cell.difference is None:
            return ""
        mark = self.mark.format(letters(table)[source_line(cell.published)])
        sign = "+" if round(cell.difference, DECIMALS) > 0 else ""
        return f"{self.number(cell.published.value)}{mark} ({sign}{self.number(cell.difference)})"

    def notes(self, table: Table) -> list[str]:
        """Return the notes below the table, the sources of its published values first."""
        sources = [
            f"{self.mark.format(letter).strip()} {self.escape(source)}"
            for source, letter in letters(table).items()
        ]
        best = "best" if any(measure(name).lower for name in table.metrics) else "highest"
        emphasis = [f"Bold: the {best} value of a system. Italics: bounds."]
        if sources:
            emphasis.append("In brackets: our value less the published one.")
        return sources + [self.escape(note) for note in [*emphasis, *notes(table)]]


def letters(table: Table) -> dict[str, str]:
    """Return the letter of each source of published values, in the order of the table."""
    lines = dict.fromkeys(source_line(entry) for entry in table.sources)
    return {line: chr(ord("a") + place) for place, line in enumerate(lines)}


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
