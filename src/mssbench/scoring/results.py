"""Scores on disk: a table that knows how it was made, and museval's JSON."""

from pathlib import Path

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


def write_museval_json(path: Path, scores: SongScores) -> None:
    """Write the scores that museval defines as museval does.

    museval rounds to 1e-5 dB and writes infinite scores as NaN.
    """
    from museval.aggregate import TrackStore

    store = TrackStore(scores.name, win=scores.window, hop=scores.hop)
    for target, metrics in scores.windows.items():
        store.add_target(target, {metric: metrics[metric].tolist() for metric in METRICS})
    write_text(path, store.json)
