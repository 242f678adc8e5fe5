"""Reading of museval's JSON files, such as those that SiSEC 2018 published."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from mssbench.errors import UserError


def read_museval_json(run: str, files: Iterable[Path | str]) -> pd.DataFrame:
    """Return the scores in museval's JSON files, one file a song, as a tidy table.

    museval writes NaN for windows without a value and for infinite scores.

    Args:
        run: what to call the system that made the estimates.
        files: the files; each bears its song's name.

    Returns:
        A table with the columns run, track, target, metric, window_start (s) and score (dB).

    Raises:
        UserError: a file is missing, is not JSON or is not museval's.
    """
    rows: list[tuple[str, str, str, float, float]] = []
    for file in map(Path, files):
        rows += [(file.stem, *row) for row in frames(file)]
    columns = ["track", "target", "metric", "window_start", "score"]
    table = pd.DataFrame(rows, columns=columns).astype({"window_start": float, "score": float})
    table.insert(0, "run", run)
    return table


def frames(file: Path) -> list[tuple[str, str, float, float]]:
    """Return (target, metric, window_start, score) of each entry of one of museval's files."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return [
            (target["name"], metric, frame["time"], score)
            for target in content["targets"]
            for frame in target["frames"]
            for metric, score in frame["metrics"].items()
        ]
    except FileNotFoundError:
        raise UserError(f"{file}: there is no such file; give museval's JSON files") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{file} is not JSON ({error}); give a file that museval wrote") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} is not one of museval's files ({error!r}); it needs targets with a name and "
            "frames, and frames with time and metrics"
        ) from None
