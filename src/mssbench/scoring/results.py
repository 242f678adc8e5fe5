"""Scores on disk: a table that knows how it was made, and museval's JSON."""

import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowException

from mssbench.atomic import atomic_path, write_text
from mssbench.errors import UserError
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.song import SongScores
from mssbench.scoring.table import COLUMNS


def write_scores(path: Path, table: pd.DataFrame) -> None:
    """Write a score table as Parquet, with its attributes, among them ``protocol``."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, engine="pyarrow", index=False, write_page_checksum=True)


def read_scores(path: Path) -> pd.DataFrame:
    """Read a score table.

    Returns:
        The columns run, track, target, metric, window_start (s; NaN for a score of the whole
        song) and score (in the measure's unit; NaN where there is none). ``.attrs["protocol"]``
        says how it was made: see ``Protocol.description``.

    Raises:
        UserError: the file is missing or is no score table.
    """
    try:
        table = pd.read_parquet(path, engine="pyarrow", page_checksum_verification=True)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run 'mssbench score'") from None
    except (ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a whole Parquet file ({reason}); score again") from None
    if list(table.columns) != COLUMNS or "protocol" not in table.attrs:
        raise UserError(
            f"{path} is no score table: its columns are {', '.join(map(str, table.columns))}; "
            "give a file that 'mssbench score' has written"
        )
    return table


def write_museval_json(path: Path, scores: SongScores, scored_by: str = "") -> None:
    """Write the scores that museval defines as museval does.

    museval rounds to 1e-5 dB and writes infinite scores as NaN. Its own class for this would have
    every scoring job import what museval needs to score, which takes longer than a song's scores.

    Args:
        path: the file.
        scores: of a song.
        scored_by: what computed them; another key beside museval's, where it is given.
    """
    windows = {
        target: zip(*(metrics[metric].tolist() for metric in METRICS), strict=True)
        for target, metrics in scores.windows.items()
    }
    targets = [
        {
            "name": target,
            "frames": [
                {
                    "time": number * scores.hop,
                    "duration": scores.window,
                    "metrics": dict(zip(METRICS, map(rounded, values), strict=True)),
                }
                for number, values in enumerate(frames)
            ],
        }
        for target, frames in windows.items()
    ]
    told: dict[str, Any] = {"targets": targets, "museval_version": version("museval")}
    if scored_by:
        told["scored_by"] = scored_by
    write_text(path, json.dumps(told, indent=2))


def rounded(score: float) -> float:
    """Return a score (dB) as museval writes it."""
    return math.nan if math.isinf(score) else round(score, 5)
