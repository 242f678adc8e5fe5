"""Reading of museval's JSON files, such as those that SiSEC 2018 published."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mssbench.errors import UserError
from mssbench.validation import validate

COLUMNS = ["run", "track", "target", "metric", "window_start", "score"]

# museval's own schema asks for nothing; this is what museval has always written.
METRICS = {"type": "object", "additionalProperties": {"type": "number"}}
FRAME = {
    "type": "object",
    "required": ["time", "duration", "metrics"],
    "properties": {"time": {"type": "number"}, "duration": {"type": "number"}, "metrics": METRICS},
}
TARGET = {
    "type": "object",
    "required": ["name", "frames"],
    "properties": {"name": {"type": "string"}, "frames": {"type": "array", "items": FRAME}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["targets"],
    "properties": {"targets": {"type": "array", "minItems": 1, "items": TARGET}},
}


class Frame(NamedTuple):
    """A score: target, metric, begin and duration of its window (s), and the value (dB)."""

    target: str
    metric: str
    start: float
    duration: float
    score: float


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
    return tidy(run, {file.stem: read_frames(file) for file in map(Path, files)})


def tidy(run: str, songs: dict[str, list[Frame]]) -> pd.DataFrame:
    """Return the scores of songs as a table, see ``read_museval_json``."""
    rows = [
        (run, song, each.target, each.metric, each.start, each.score)
        for song, found in songs.items()
        for each in found
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"window_start": float, "score": float})


def read_frames(file: Path) -> list[Frame]:
    """Return all scores in one of museval's files; see ``parse_frames``."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file}: there is no such file; give museval's JSON files") from None
    return parse_frames(text, str(file))


def parse_frames(text: bytes | str, where: str) -> list[Frame]:
    """Return all scores in the text of one of museval's files.

    Args:
        text: JSON.
        where: it is from, for messages.

    Raises:
        UserError: the text is not JSON, or not museval's; names the key that is unlike it. Or it
            has a target's window twice, which would count twice.
    """
    try:
        content: Any = json.loads(text)
    except ValueError as error:  # JSON's own error, and text that is not UTF-8
        raise UserError(f"{where} is not JSON ({error}); give a file that museval wrote") from None
    try:
        frames = [
            # The sums are there to refuse what is no number.
            Frame(target["name"], metric, frame["time"], frame["duration"] + 0.0, score + 0.0)
            for target in content["targets"]
            for frame in target["frames"]
            for metric, score in frame["metrics"].items()
        ]
    except (AttributeError, KeyError, TypeError) as error:
        validate(content, SCHEMA, f"{where} is not one of museval's files")
        raise UserError(f"{where} is not one of museval's files ({error!r})") from None
    require_once(frames, where)
    return frames


def require_once(frames: Iterable[Frame], where: str) -> None:
    """Refuse a window that a metric of a target has more than once.

    Raises:
        UserError: naming the target, the metric and the window.
    """
    seen: set[tuple[str, str, float]] = set()
    for frame in frames:
        key = frame.target, frame.metric, frame.start
        if key in seen:
            raise UserError(
                f"{where} has {frame.metric} of the target {frame.target!r} twice in the window at "
                f"{frame.start:g} s; one is allowed: score the song again or remove one"
            )
        seen.add(key)
