"""The scores of a study's runs, and how they were made."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from mssbench.errors import UserError
from mssbench.scoring.measures import LENGTHS, measure
from mssbench.scoring.results import read_scores


@dataclass(frozen=True)
class Scoring:
    """How scores were made.

    Attributes:
        version: the metric and the package that computed it.
        window: length of a window in seconds.
        hop: distance of windows in seconds.
        references: how the true sources enter it, ``pcm16`` or ``float``.
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
        rounded = "rounded to 16 bit" if self.references == "pcm16" else "not rounded"
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

    def version_of(self, metric: str) -> str:
        """Return what computed ``metric``."""
        return self.note(metric) or self.version

    def framing(self, metric: str) -> tuple[float, float]:
        """Return length and distance (s) of the windows of ``metric``."""
        own = LENGTHS.get(measure(metric).per)
        return (self.window, self.hop) if own is None else (own, own)


def gather_scores(files: Iterable[Path]) -> tuple[pd.DataFrame, Scoring]:
    """Read the score tables of several runs as one.

    Returns:
        The tidy table of all runs and the protocol that they share.

    Raises:
        UserError: there is no file, two files hold the same run, or their protocols differ.
    """
    tables: dict[Path, pd.DataFrame] = {file: read_scores(file) for file in dict.fromkeys(files)}
    if not tables:
        raise UserError("--scores: no score table is given; give each run's scores.parquet")
    owners: dict[str, Path] = {}
    first = protocol_of(next(iter(tables.values())))
    for file, table in tables.items():
        for run in map(str, table["run"].unique()):
            if run in owners:
                raise UserError(f"{file}: run {run!r} is also in {owners[run]}; give one of them")
            owners[run] = file
        if protocol_of(table) != first:
            raise UserError(
                f"{file} was scored with {protocol_of(table)}, but {next(iter(tables))} with "
                f"{first}; a table needs one protocol: score the runs alike"
            )
    return pd.concat(tables.values(), ignore_index=True), first


def protocol_of(scores: pd.DataFrame) -> Scoring:
    """Return how ``scores`` were made, from the attributes that its file carries."""
    protocol: dict[str, Any] = scores.attrs["protocol"]
    known = {field.name for field in fields(Scoring)}
    found = {name: value for name, value in protocol.items() if name in known}
    return Scoring(**found | {"changed": tuple(found.get("changed", ()))})


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
