"""A study that is heard in seconds: two systems' estimates of two test songs."""

import json

import numpy as np
import pandas as pd
import soundfile

from mssbench.cli import main
from mssbench.scoring.results import write_scores

RATE = 8000
HOW = {"version": "v4", "window": 1.0, "hop": 1.0, "references": "pcm16", "si_sdr": "defined"}


def row(name, label=None):
    about = {"experiment": name, "label": label or name, "seed": 0, "id": f"{name}-id"}
    return about | {"separated": f"{name}-s", "kind": "trained"}


ROWS = (row("half"), row("noise"))


def make_study(make_rendition, folder):
    """Write the study; return a function that makes its page and returns the exit code.

    System "half" has the true sources at half their level, "noise" has something else.
    """
    rng = np.random.default_rng(0)
    stems = {name: 0.05 * rng.normal(size=(4, 2, 6 * RATE)) for name in ("test a", "test b", "c")}
    songs = {
        name: np.concatenate([part.sum(0, keepdims=True), part]) for name, part in stems.items()
    }
    rendition = make_rendition(songs, RATE)
    tables, files = [], []
    for name in ("half", "noise"):
        estimates = folder / "separate" / f"{name}-s"
        estimates.mkdir(parents=True)
        entries = []
        for song in ("test a", "test b"):
            vocals = songs[song][4]
            truth = {"vocals": vocals, "accompaniment": songs[song][0] - vocals}
            for target, audio in truth.items():
                made = audio / 2 if name == "half" else 0.3 * rng.normal(size=audio.shape)
                soundfile.write(estimates / f"{song} {target}.wav", made.T, RATE, subtype="FLOAT")
                score = {"half": 7.25, "noise": np.nan}[name]
                window = {"track": song, "target": target, "metric": "SDR", "window_start": 0.0}
                tables.append({"run": f"{name}-id", **window, "score": score})
            entries.append({"name": song, "files": {name: f"{song} {name}.wav" for name in truth}})
        files.append(estimates / "estimates.json")
        files[-1].write_text(json.dumps({"songs": entries}))
    table = pd.DataFrame(tables)
    table.attrs["protocol"] = HOW
    write_scores(folder / "scores.parquet", table)

    def listen(out, study_rows=ROWS, **listening):
        about = {"study": "study", "title": "Made up", "dataset": "synthetic", "scale": "demo"}
        asked = {"songs": 2, "seconds": 3.0, "format": "flac"} | listening
        config = about | {"rows": list(study_rows), "listening": asked}
        words = ["--scores", str(folder / "scores.parquet"), "--estimates", *map(str, files)]
        words += ["--rendition", str(rendition.folder / "manifest.json"), "--out", str(out)]
        return main(["listen", "--config", json.dumps(config), *words])

    return listen
