"""The listening page: a folder that a browser opens from disk.

A page opened from disk may not read other files, but may run them as scripts. So the audio of each
song is a script that hands it over as text.
"""

import base64
import hashlib
import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from mssbench.atomic import write_text
from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.report.aggregate import song_medians
from mssbench.report.captions import data_line, warning
from mssbench.report.config import Experiment, ReportConfig
from mssbench.report.excerpt import label_of
from mssbench.report.listening.choice import choose_songs
from mssbench.report.listening.config import Listening
from mssbench.report.listening.song import HeardSong, Stem, common_targets, hear_song
from mssbench.report.listening.sound import Format, encode
from mssbench.report.scores import Scoring, require_runs
from mssbench.training.structure import structure

# One idea a file; the page gets them as one.
SCRIPTS = ("player.js", "picture.js", "blind.js", "page.js", "controls.js")
LEAST_RATE = 8000  # Hz, of what every browser plays


def write_page(
    config: ReportConfig,
    rendition: Rendition,
    *,
    estimates: Mapping[str, Path],
    scores: pd.DataFrame,
    protocol: Scoring,
    folder: Path,
) -> int:
    """Write ``index.html``, ``listening.css``, ``listening.js`` and a ``song-<n>.js`` a song.

    Args:
        config: the study; its ``listening`` says what is heard.
        rendition: holds mixtures and true targets.
        estimates: the ``estimates.json`` of each row by its ``separated``.
        scores: tidy score table of all rows.
        protocol: how the scores were made.
        folder: gets the files; ``index.html`` is the last.

    Returns:
        The size of all files in bytes.

    Raises:
        UserError: ``listening`` asks for what is not there, or browsers do not play such a rate.
    """
    listening = structure(Listening, config.listening, "listening")
    if rendition.rate < LEAST_RATE:
        raise UserError(
            f"listening: browsers play {LEAST_RATE} Hz and more, but the songs have "
            f"{rendition.rate} Hz; leave listening out of the study"
        )
    # Imported ones have scores alone.
    systems = [s for s in config.experiments(listening.rows) if not s.rows[0].imported]
    require_runs(scores, [system.rows[0].id for system in systems])
    targets = common_targets(systems, estimates, listening.targets)
    there = scores["metric"].unique()
    metrics = [metric for metric in listening.metrics if metric in there]
    chosen = scores[scores["metric"].isin(metrics) & scores["target"].isin(targets)]
    medians = song_medians(chosen).to_dict()
    size, songs = 0, []
    for number, song in enumerate(choose_songs(rendition, listening.songs, listening.seed)):
        heard = hear_song(
            song, rendition, systems, estimates=estimates, targets=targets, listening=listening
        )
        about, sounds = song_data(heard, listening.format)
        about["scores"] = [song_scores(medians, system, song.name) for system in systems]
        songs.append(about)
        size += write(folder / f"song-{number}.js", song_script(number, sounds))
    about_study = {
        "study": config.study,
        "data": data_line(config),
        "warning": warning(config),
        "protocol": str(protocol),
        "rate": rendition.rate,
    }
    labels = [{"label": label_of(e), "run": e.rows[0].id, "kind": e.kind} for e in systems]
    choices = {"targets": targets, "metrics": metrics, "systems": labels, "songs": songs}
    size += write(folder / "listening.css", part("page.css"))
    size += write(folder / "listening.js", "\n".join(part(name) for name in SCRIPTS))
    return size + write(folder / "index.html", page(config.title, about_study | choices))


def song_data(song: HeardSong, kind: Format) -> tuple[dict[str, Any], list[bytes]]:
    """Return what the page needs to know of a song, and its sounds, each different one once."""
    sounds: dict[str, bytes] = {}

    def place(stem: Stem, audio: np.ndarray) -> int:
        key = hashlib.sha256(np.ascontiguousarray(audio).tobytes()).hexdigest()
        if key not in sounds:
            sounds[key] = encode(audio, stem.rate, kind)
        return list(sounds).index(key)

    def clip(stem: Stem) -> dict[str, Any]:
        # Files hold no more than full scale: what exceeds it is turned down, and up again here.
        scale = max(1.0, float(np.abs(stem.audio).max(initial=0.0)))
        return {
            "sound": place(stem, stem.audio / np.float32(scale)),
            "scale": scale,
            "gain": round(stem.gain, 2),
            "loudness": shown(stem.loudness),
            "limited": stem.limited,
        }

    sources = [{target: clip(stem) for target, stem in each.items()} for each in song.sources]
    about = {
        "name": song.name,
        "start": round(song.start, 3),
        "seconds": round(song.seconds, 6),
        "level": song.level,
        "sources": sources,
    }
    return about, list(sounds.values())


def song_scores(
    medians: Mapping[Any, float], system: Experiment, song: str
) -> dict[str, dict[str, Any]]:
    """Return a system's scores of a song: target -> metric -> median over windows (dB).

    Args:
        medians: by run, target, metric and song.
        system: of several seeds, it is the first.
        song: its name.
    """
    found: dict[str, dict[str, Any]] = {}
    for (run, target, metric, track), value in medians.items():
        if (run, track) == (system.rows[0].id, song):
            found.setdefault(target, {})[metric] = shown(value)
    return found


def shown(value: float) -> float | str | None:
    """Return a number as JSON has it: infinite ones as ``inf`` and ``-inf``, NaN as None."""
    if math.isnan(value):
        return None
    return round(value, 2) if math.isfinite(value) else str(value)


def song_script(number: int, sounds: Sequence[bytes]) -> str:
    """Return the script that hands a song's sounds to the page."""
    texts = [base64.b64encode(sound).decode("ascii") for sound in sounds]
    return f"receiveSong({number}, {json.dumps(texts, indent=0)});\n"


def page(title: str, data: Mapping[str, Any]) -> str:
    """Return the page's HTML with its data in it."""
    # Within a script element, only a "<" could end the data early.
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, indent=1).replace("<", "\\u003c")
    return Template(part("index.html")).substitute(title=html.escape(title), data=text)


def part(name: str) -> str:
    """Return a file that lies beside this module."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def write(path: Path, text: str) -> int:
    """Write ``text`` to ``path`` and return its size in bytes."""
    write_text(path, text)
    return len(text.encode())
