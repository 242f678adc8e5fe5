"""A small study, its scores, histories and estimates, and what every figure is checked for."""

import json

import matplotlib as mpl
import numpy as np
import pandas as pd
import soundfile

from mssbench.report.config import parse_config
from mssbench.report.figures.style import save, style
from mssbench.report.scores import Scoring

RATE = 8000
HOW = {
    "version": "BSSEval v4",
    "window": 1.0,
    "hop": 1.0,
    "references": "pcm16",
    "si_sdr": "Le Roux et al. 2019",
}
PROTOCOL = Scoring(**HOW)


def row(experiment, seed, **changes):
    kind = "bound" if seed is None else "trained"
    name = f"{experiment}-s{seed}"
    return {
        "experiment": experiment,
        "label": experiment.title(),
        "seed": seed,
        "id": name,
        "trained": None if seed is None else name,
        "separated": name,
        "kind": kind,
    } | changes


ROWS = [row("mixture", None), row("poor", 0), row("good", 0), row("good", 1)]
MEANS = {"mixture-sNone": 9.0, "poor-s0": 1.0, "good-s0": 4.0, "good-s1": 6.0}


def config(rows=ROWS, **changes):
    content = {"study": "study", "dataset": "synthetic", "scale": "demo", "rows": rows}
    return parse_config(content | changes)


def scores(seed=0):
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "run": run,
                "track": np.repeat([f"song {song}" for song in range(7)], 5),
                "target": target,
                "metric": metric,
                "window_start": np.tile(np.arange(5.0), 7),
                "score": mean + rng.normal(size=35),
            }
        )
        for run, mean in MEANS.items()
        for target in ("vocals", "accompaniment")
        for metric in ("SDR", "SIR")
    ]
    return pd.concat(parts, ignore_index=True)


def write_runs(folder, **costs):
    """Write the run.json of each training; ``costs`` are its parameters, seconds or device."""
    files = {}
    for number, name in enumerate(("poor-s0", "good-s0", "good-s1")):
        content = {"parameters": 1000 * (number + 1), "seconds": 10.0, "device": "cpu"} | costs
        files[name] = folder / "train" / name / "run.json"
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(json.dumps(content))
    return files


def write_histories(folder):
    """Write three histories of 6, 8 and 10 epochs; the best ones are 4, 5 and 6."""
    files = {}
    for number, name in enumerate(("poor-s0", "good-s0", "good-s1")):
        epochs = np.arange(1, 7 + 2 * number)
        valid = 0.02 + 0.001 * np.abs(epochs - 4 - number)
        table = pd.DataFrame({"epoch": epochs, "train_loss": 0.1 / epochs, "valid_loss": valid})
        table["best"] = table["valid_loss"].cummin()
        files[name] = folder / "train" / name / "history.csv"
        files[name].parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(files[name], index=False)
    return files


def write_separated(make_rendition, out):
    """Make a rendition whose first test song is loudest from 2 s on, and estimates of two rows."""
    rng = np.random.default_rng(0)

    def stems(seconds, loud_from):
        audio = 0.1 * rng.normal(size=(4, 1, int(seconds * RATE)))
        audio[3, :, int(loud_from * RATE) : int((loud_from + 1) * RATE)] *= 3
        return np.concatenate([audio.sum(axis=0, keepdims=True), audio])

    songs = {"a train": stems(3, 0), "test b": stems(4, 2), "test c": stems(4, 1)}
    rendition = make_rendition(songs, RATE)
    estimates = {}
    for name in ("poor-s0", "good-s0"):
        folder = out / "separate" / name
        folder.mkdir(parents=True)
        entries = []
        for song in ("test b", "test c"):
            audio = songs[song][4, 0] + 0.05 * rng.normal(size=songs[song].shape[-1])
            soundfile.write(folder / f"{song}.wav", audio, RATE, subtype="FLOAT")
            entries.append({"name": song, "files": {"vocals": f"{song}.wav"}})
        estimates[name] = folder / "estimates.json"
        estimates[name].write_text(json.dumps({"songs": entries}))
    return rendition, estimates


def files_of(draw, folder):
    """Draw and save a figure; return the bytes of its files."""
    with style():
        save(draw(), folder, "figure", "A title")
    return {file.suffix: file.read_bytes() for file in sorted(folder.iterdir())}


def check_bytes(draw, other, tmp_path):
    """The same data give the same files, other data other ones, whatever the user's settings."""
    first = files_of(draw, tmp_path / "first")
    assert set(first) == {".svg", ".png"}
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": None, "axes.facecolor": "red"}):
        assert files_of(draw, tmp_path / "again") == first
    changed = files_of(other, tmp_path / "other")
    assert all(changed[suffix] != first[suffix] for suffix in first)


def remark_of(figure):
    """Return the lines below a figure as one, with plain spaces."""
    return figure.get_supxlabel().replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")
