"""The scores of a study's runs, and how they were made."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mssbench.errors import UserError
from mssbench.report.imported import UNSTATED
from mssbench.scoring.measures import LENGTHS, measure
from mssbench.scoring.results import read_scores


@dataclass(frozen=True)
class Scoring:
    """How scores were made.

    Attributes:
        version: the metric and the package that computed it.
        window: length of a window in seconds.
        hop: distance of windows in seconds.
        references: how the true sources enter it, ``pcm16`` or ``float``; ``unstated`` of
            imported scores.
        si_sdr: the definition of SI-SDR, which is not among ``version``'s metrics.
        isolated: whether each window was scored as a song of its own.
        protocol: the name of the evaluation protocol; empty where there is none.
        changed: in what the scoring departs from it.
        rate: the sample rate (Hz) that it is for; None for any.
        channels: the channels that it is for; None for any.
    """

    version: str
    window: float
    hop: float
    references: str
    si_sdr: str
    isolated: bool = False
    protocol: str = ""
    changed: tuple[str, ...] = ()
    rate: int | None = None
    channels: str | None = None

    def __str__(self) -> str:
        rounded = {"pcm16": "rounded to 16 bit", "float": "not rounded"}.get(
            self.references, self.references
        )
        text = (
            f"{self.version}, {'isolated ' if self.isolated else ''}windows of {self.window:g} s, "
            f"hop {self.hop:g} s, references {rounded}"
        )
        if not self.protocol:
            return text
        departs = f", but for {' and '.join(self.changed)}" if self.changed else ""
        return f"Protocol {self.protocol}{departs}: {text}"

    def note(self, metric: str) -> str:
        """Return the definition of ``metric``; empty where it is BSSEval's."""
        return self.si_sdr if metric.endswith("SI-SDR") else measure(metric).note

    @property
    def is_imported(self) -> bool:
        """Whether others made the scores, of which the windows alone are known."""
        return self.references == UNSTATED

    def agrees(self, other: "Scoring") -> bool:
        """Return whether scores made so and so may stand in one table."""
        if self.is_imported or other.is_imported:
            return (self.window, self.hop, self.isolated) == (
                other.window,
                other.hop,
                other.isolated,
            )
        return self == other

    def at_windows_of(self, other: "Scoring") -> "Scoring":
        """Return it with the windows of ``other``, which are no departure from the protocol."""
        changed = tuple(key for key in self.changed if key not in ("window", "hop"))
        return replace(self, window=other.window, hop=other.hop, changed=changed)

    def version_of(self, metric: str) -> str:
        """Return what computed ``metric``."""
        return self.note(metric) or self.version

    def framing(self, metric: str) -> tuple[float, float]:
        """Return length and distance (s) of the windows of ``metric``."""
        own = LENGTHS.get(measure(metric).per)
        return (self.window, self.hop) if own is None else (own, own)


def gather_scores(
    files: Iterable[Path], runs: Collection[str] | None = None
) -> tuple[pd.DataFrame, Scoring]:
    """Read the score tables of several runs as one.

    Args:
        files: the score tables.
        runs: the runs whose scores are kept; by default all.

    Returns:
        The tidy table of the runs and the protocol that they share; imported ones share its
        windows.

    Raises:
        UserError: there is no file, two files hold the same run, or their protocols differ.
    """
    tables = read_tables(files, runs)
    # Imported scores come last, as they say the least of how they were made.
    made_by = min(tables, key=lambda file: protocol_of(tables[file]).is_imported)
    first = protocol_of(tables[made_by])
    for file, table in tables.items():
        if not protocol_of(table).agrees(first):
            raise UserError(
                f"{file} was scored with {protocol_of(table)}, but {made_by} with {first}; a table "
                "needs one protocol: score the runs alike or choose rows"
            )
    return pd.concat(tables.values(), ignore_index=True), first


def gather_windows(
    files: Iterable[Path], runs: Collection[str] | None = None
) -> tuple[pd.DataFrame, dict[str, Scoring]]:
    """Read the score tables of runs that may differ in the length and distance of windows.

    Args:
        files: the score tables.
        runs: the runs whose scores are kept; by default all.

    Returns:
        The tidy table of the runs, and how each run was scored.

    Raises:
        UserError: there is no file, two files hold the same run, or their protocols differ in
            more than windows.
    """
    tables = read_tables(files, runs)
    protocols: dict[str, Scoring] = {}
    for file, table in tables.items():
        found = protocol_of(table)
        protocols |= {str(run): found for run in table["run"].unique()}
        first = next(iter(protocols.values()))
        if not found.at_windows_of(first).agrees(first.at_windows_of(first)):
            raise UserError(
                f"{file} was scored with {found}, but {next(iter(tables))} with {first}; they may "
                "differ in window and hop alone: score the runs alike or choose rows"
            )
    return pd.concat(tables.values(), ignore_index=True), protocols


def read_tables(
    files: Iterable[Path], runs: Collection[str] | None = None
) -> dict[Path, pd.DataFrame]:
    """Read score tables, of ``runs`` alone where they are given; at least one is kept.

    Raises:
        UserError: there is no file, or two files hold the same run.
    """
    tables: dict[Path, pd.DataFrame] = {file: read_scores(file) for file in dict.fromkeys(files)}
    if not tables:
        raise UserError("--scores: no score table is given; give each run's scores.parquet")
    owners: dict[str, Path] = {}
    for file, table in tables.items():
        for run in map(str, table["run"].unique()):
            if run in owners:
                raise UserError(f"{file}: run {run!r} is also in {owners[run]}; give one of them")
            owners[run] = file
    if runs is None:
        return tables
    require_all(owners, runs)
    wanted = {owners[run] for run in runs}
    return {
        file: table if set(table["run"].unique()) <= set(runs) else kept(table, runs)
        for file, table in tables.items()
        if file in wanted
    }


def kept(table: pd.DataFrame, runs: Collection[str]) -> pd.DataFrame:
    """Return the scores of ``runs`` with the attributes of ``table``."""
    chosen = table[table["run"].isin(list(runs))]
    chosen.attrs = dict(table.attrs)
    return chosen


def protocol_of(scores: pd.DataFrame) -> Scoring:
    """Return how ``scores`` were made, from the attributes that its file carries."""
    return scoring_of(scores.attrs["protocol"])


def scoring_of(protocol: Mapping[str, Any]) -> Scoring:
    """Return how scores are made by a protocol, from its ``description``."""
    known = {field.name for field in fields(Scoring)}
    found = {name: value for name, value in protocol.items() if name in known}
    return Scoring(**found | {"changed": tuple(found.get("changed", ()))})


def require_runs(scores: pd.DataFrame, runs: Iterable[str]) -> None:
    """Refuse runs that have no scores.

    Raises:
        UserError: naming the first of them.
    """
    require_all(scores["run"].unique(), runs)


def require_all(there: Iterable[str], runs: Iterable[str]) -> None:
    """Do the same where ``there`` are the runs that have scores."""
    known = set(there)
    missing = [run for run in runs if run not in known]
    if missing:
        raise UserError(
            f"--scores: there are no scores of run {missing[0]!r}, but of "
            f"{', '.join(sorted(known)) or 'none'}; give the score table of every row"
        )
