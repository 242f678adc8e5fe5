"""The files that a study's figures are drawn from; each is read when a figure needs it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.report.config import Experiment
from mssbench.report.pooling import pooled
from mssbench.report.scores import Scoring, gather_scores, gather_windows


@dataclass(frozen=True)
class Sources:
    """Files by what they hold.

    Attributes:
        scores: score tables.
        histories: the ``history.csv`` of each trained row by its ``trained``.
        runs: the ``run.json`` of each trained row by its ``trained``.
        estimates: the ``estimates.json`` of each row by its ``separated``.
        manifest: the ``manifest.json`` of the true sources, or None.
        weights: the ``model.safetensors`` of each trained row by its ``trained``.
        device: where models are run, as in ``cpu``.
    """

    scores: tuple[Path, ...] = ()
    histories: Mapping[str, Path] = field(default_factory=dict)
    runs: Mapping[str, Path] = field(default_factory=dict)
    estimates: Mapping[str, Path] = field(default_factory=dict)
    manifest: Path | None = None
    weights: Mapping[str, Path] = field(default_factory=dict)
    device: str = "cpu"

    def scores_of(self, experiments: Sequence[Experiment]) -> tuple[pd.DataFrame, Scoring]:
        """Return the scores of experiments and the one protocol that they were made with.

        Runs are named as in ``Experiment.scored``.

        Raises:
            UserError: an experiment has no scores, or their protocols differ.
        """
        scores, protocol = gather_scores(self.scores, ids_of(experiments))
        return pooled(scores, experiments), protocol

    def windows_of(
        self, experiments: Sequence[Experiment]
    ) -> tuple[pd.DataFrame, dict[str, Scoring]]:
        """Return the scores of experiments, and how each run was scored.

        Runs are named as in ``Experiment.scored``.

        Raises:
            UserError: an experiment has no scores, or their protocols differ in more than windows.
        """
        scores, protocols = gather_windows(self.scores, ids_of(experiments))
        rows = [row for each in experiments for row in each.rows if row.pool]
        return pooled(scores, experiments), protocols | {r.pool: protocols[r.id] for r in rows}

    def rendition(self) -> Rendition:
        """Return the true sources.

        Raises:
            UserError: they are not given or cannot be read.
        """
        if self.manifest is None:
            raise UserError("--rendition is missing; this figure needs a manifest.json")
        return Rendition.open(self.manifest)


def ids_of(experiments: Sequence[Experiment]) -> list[str]:
    """Return the names of the experiments' runs in score tables."""
    return [row.id for each in experiments for row in each.rows]


def read_json(option: str, files: Mapping[str, Path], name: str, file: str) -> dict[str, Any]:
    """Return the content of the file called ``name``.

    Args:
        option: which option gave the files.
        files: files by name.
        name: of a row's training or estimates.
        file: what such files are called.

    Raises:
        UserError: there is no such file, or it is no JSON.
    """
    path = named(option, files, name, file)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; give a {file}") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is no map of keys; give a {file} that mssbench wrote")
    return content


def named(option: str, files: Mapping[str, Path], name: str, file: str) -> Path:
    """Return the path of the file called ``name``; see `read_json`.

    Raises:
        UserError: there is no such file among them.
    """
    if name not in files:
        found = ", ".join(sorted(files)) or "none"
        raise UserError(
            f"{option}: there is none called {name!r}, but {found}; give the {file} of every row, "
            "in a folder of its name or as NAME=PATH"
        )
    return files[name]
