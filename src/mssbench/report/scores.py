"""The scores of a study's runs, and how they were made."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from mssbench.errors import UserError
from mssbench.report.imported import UNSTATED
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
    """

    version: str
    window: float
    hop: float
    references: str
    si_sdr: str

    def __str__(self) -> str:
        rounded = {"pcm16": "rounded to 16 bit", "float": "not rounded"}.get(
            self.references, self.references
        )
        return (
            f"{self.version}, windows of {self.window:g} s, hop {self.hop:g} s, "
            f"references {rounded}"
        )

    @property
    def is_imported(self) -> bool:
        """Whether others made the scores, of which the windows alone are known."""
        return self.references == UNSTATED

    def agrees(self, other: "Scoring") -> bool:
        """Return whether scores made so and so may stand in one table."""
        if self.is_imported or other.is_imported:
            return (self.window, self.hop) == (other.window, other.hop)
        return self == other

    def version_of(self, metric: str) -> str:
        """Return what computed ``metric``."""
        return self.si_sdr if metric.endswith("SI-SDR") else self.version


def gather_scores(files: Iterable[Path]) -> tuple[pd.DataFrame, Scoring]:
    """Read the score tables of several runs as one.

    Returns:
        The tidy table of all runs and the protocol that they share; imported ones share its
        windows.

    Raises:
        UserError: there is no file, two files hold the same run, or their protocols differ.
    """
    tables: dict[Path, pd.DataFrame] = {file: read_scores(file) for file in dict.fromkeys(files)}
    if not tables:
        raise UserError("--scores: no score table is given; give each run's scores.parquet")
    owners: dict[str, Path] = {}
    # Imported scores come last, as they say the least of how they were made.
    made_by = min(tables, key=lambda file: protocol_of(tables[file]).is_imported)
    first = protocol_of(tables[made_by])
    for file, table in tables.items():
        for run in map(str, table["run"].unique()):
            if run in owners:
                raise UserError(f"{file}: run {run!r} is also in {owners[run]}; give one of them")
            owners[run] = file
        if not protocol_of(table).agrees(first):
            raise UserError(
                f"{file} was scored with {protocol_of(table)}, but {made_by} with "
                f"{first}; a table needs one protocol: score the runs alike"
            )
    return pd.concat(tables.values(), ignore_index=True), first


def protocol_of(scores: pd.DataFrame) -> Scoring:
    """Return how ``scores`` were made, from the attributes that its file carries."""
    protocol: dict[str, Any] = scores.attrs["protocol"]
    return Scoring(**{field.name: protocol[field.name] for field in fields(Scoring)})


def require_runs(scores: pd.DataFrame, runs: Iterable[str]) -> None:
    """Refuse runs that have no scores.

    Raises:
        UserError: naming the first of them.
    """
    there = set(scores["run"].unique())
    missing = [run for run in runs if run not in there]
    if missing:
        raise UserError(
            f"--scores: there are no scores of run {missing[0]!r}, but of "
            f"{', '.join(sorted(there)) or 'none'}; give the score table of every row"
        )
