"""What a table holds: cells in lines in blocks, before they are written in any format."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mssbench.report.config import Experiment, Published, ReportConfig
from mssbench.report.costs import Cost
from mssbench.report.origins import Origin
from mssbench.report.ranking import Ranking
from mssbench.report.scores import Scoring
from mssbench.report.significance import Outcome, Significance

DECIMALS = 2


@dataclass(frozen=True)
class Cell:
    """An experiment's value of one metric.

    Attributes:
        value: mean over seeds of the aggregated scores, in the metric's unit.
        sd: their sample standard deviation; None with one seed.
        seeds: how many seeds there are.
        songs: how many songs each seed's scores have.
        windows: how many windows there are, over all seeds; songs where ``whole_song``.
        nan_windows: how many of these are NaN and enter no value.
        nan_songs: songs, over all seeds, in which every window is NaN.
        whole_song: whether the metric has one value a song.
        published: the value of a source, or None.
        best: whether no other experiment but bounds shows a better value; false for bounds.
        bold: whether the value is printed bold: the best, or the best by more than chance where
            the table asks for that.
        interval: ends of the value's confidence interval over songs; None where the table has
            none, or there are too few songs.
        outcome: how the value's test ended; None without one.
    """

    value: float
    sd: float | None
    seeds: int
    songs: int
    windows: int
    nan_windows: int
    nan_songs: int
    whole_song: bool
    published: Published | None = None
    best: bool = False
    bold: bool = False
    interval: tuple[float, float] | None = None
    outcome: Outcome | None = None

    @property
    def difference(self) -> float | None:
        """Return our value less the published one, in the metric's unit."""
        return None if self.published is None else self.value - self.published.value


@dataclass(frozen=True)
class Line:
    """An experiment's cells by metric; None where its scores do not have the metric.

    ``rank`` is its place in a table that ranks, None for a bound; ``costs`` are those that the
    table shows.
    """

    experiment: Experiment
    cells: dict[str, Cell | None]
    rank: int | None = None
    costs: Mapping[str, Cost] = field(default_factory=dict)


@dataclass(frozen=True)
class Quoted:
    """Published values, by metric, of a system that the study does not run."""

    system: str
    published: Mapping[str, Published]


@dataclass(frozen=True)
class Block:
    """The lines of one target and aggregation: systems, then bounds, then the literature."""

    target: str
    aggregation: str
    lines: tuple[Line, ...]
    literature: tuple[Quoted, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table, ready to be written in any format.

    Attributes:
        name: names its files.
        title: begins its caption.
        metrics: the metrics, in their order.
        blocks: a block a target and aggregation.
        protocol: how the scores were made.
        config: the study.
        ranking: what ranks the lines, or None.
        confidence: the share of its intervals that hold the true value; None without intervals.
        significance: how its values are tested, or None.
        costs: the costs that it shows, in their order.
        origins: where the scores of a run are from, by its id; a run may lack it.
    """

    name: str
    title: str
    metrics: tuple[str, ...]
    blocks: tuple[Block, ...]
    protocol: Scoring
    config: ReportConfig
    ranking: Ranking | None = None
    confidence: float | None = None
    significance: Significance | None = None
    costs: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def lines(self) -> list[Line]:
        """Return all lines, block by block."""
        return [line for block in self.blocks for line in block.lines]

    @property
    def cells(self) -> list[Cell]:
        """Return all cells that have a value, block by block and line by line."""
        return [cell for line in self.lines for cell in line.cells.values() if cell is not None]

    @property
    def sources(self) -> list[Published]:
        """Return the published values in the order in which they stand."""
        found = []
        for block in self.blocks:
            cells = [cell for line in block.lines for cell in line.cells.values()]
            found += [cell.published for cell in cells if cell and cell.published]
            found += [entry for line in block.literature for entry in line.published.values()]
        return found

    def has_published(self, metric: str) -> bool:
        """Return whether any block shows a published value of ``metric``."""
        return any(entry.metric == metric for entry in self.sources)
