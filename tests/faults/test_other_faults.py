"""Folders that cannot be written, a clock that goes backwards, and NaN."""

import csv
import errno
import json
import os
import time

import numpy as np
from disks import mounted
from said import command, refused
from small_runs import RANDOM_CROPS, configuration, flawed

from mssbench.progress import Progress

MIXTURE = {
    "rendition": {"rate": 8000, "channels": "mono"},
    "model": {"name": "mixture", "params": {}},
    "separation": {"segment": 4096, "overlap": 0.25},
}


def separate(rendition, out):
    words = ["--config", json.dumps(MIXTURE), "--rendition", rendition]
    return ["separate", *words, "--out", out / "estimates.json"]


def test_a_folder_that_is_read_only_is_named(tmp_path, tiny_rendition):
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "ro,size=1m"):
        line = refused(*separate(tiny_rendition, disk / "results"))
    assert str(disk / "results") in line
    assert os.strerror(errno.EROFS) in line


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    assert str(tmp_path) in refused("train", *trained(tmp_path), "--config", tmp_path)
    line = refused("train", *trained(tmp_path), "--config", "[" * 5000)
    assert os.strerror(errno.ENAMETOOLONG) in line


def trained(folder):
    outputs = ("out-weights", "out-last", "out-history", "out-run")
    made = ("checkpoints", *outputs, "rendition")
    return [word for name in made for word in (f"--{name}", folder / name)]


def test_progress_goes_on_where_the_clock_goes_backwards(monkeypatch, caplog):
    monkeypatch.setattr("mssbench.progress.SECONDS_BETWEEN_LINES", 0.0)
    caplog.set_level("INFO")
    progress = Progress("work", total=2)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    progress.advance()
    progress.advance()
    counts = [line.split(",")[0] for line in caplog.messages]
    assert counts == ["work: 1/2 songs", "work: 2/2 songs"]
    assert "-" not in "".join(caplog.messages)


def test_a_checkpoint_from_the_future_is_continued(tmp_path, tiny_rendition):
    files = {"weights": "model.safetensors", "last": "last.safetensors"}
    files |= {"history": "history.csv", "run": "run.json"}
    words = [word for kind, file in files.items() for word in (f"--out-{kind}", tmp_path / file)]
    config = json.dumps(configuration(epochs=1))
    words += ["--config", config, "--rendition", tiny_rendition, "--device", "cpu"]
    words = ["train", *words, "--checkpoints", tmp_path / "checkpoints"]
    assert [command(*words, "--budget", 1e-9)[0] for _ in range(2)] == [75, 75]
    # The older one of the two is the newer one by the file system's time.
    older, newer = sorted((tmp_path / "checkpoints").glob("*.pt"))
    os.utime(older, (2**33, 2**33))
    os.utime(newer, (0, 0))
    assert command(*words)[0] == 0
    with (tmp_path / "history.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["seconds"]) >= 0


def test_a_song_of_nan_is_named_where_it_would_be_separated(make_rendition, tmp_path):
    stems = 0.1 * np.random.default_rng(0).standard_normal((5, 1, 8000))
    stems[0, 0, 3000] = np.nan
    rendition = make_rendition({"test song": stems})
    assert command(*separate(rendition.folder / "manifest.json", tmp_path / "out"))[0] == 0
    files = ["--rendition", rendition.folder / "manifest.json"]
    files += ["--estimates", tmp_path / "out" / "estimates.json"]
    how = {"window": 1.0, "hop": 1.0, "references": "pcm16", "engine": "bss_eval"}
    out = tmp_path / "scores" / "scores.parquet"
    line = refused("score", "--config", json.dumps(how), "--run", "r", *files, "--out", out)
    assert "'test song'" in line
    assert "NaN" in line
    assert not out.exists()


def test_training_songs_of_nan_end_the_training_by_name(make_rendition, tmp_path):
    rendition = flawed(make_rendition, {"a", "b", "c", "d"})
    # Losses are looked at every ten steps.
    crops = {**RANDOM_CROPS, "steps_per_epoch": 12}
    config = json.dumps({**configuration(epochs=1, crops=crops), "dataset": {"name": "made"}})
    words = [*trained(tmp_path / "out")[:-1], rendition.folder / "manifest.json"]
    line = refused("train", "--config", config, *words, "--device", "cpu")
    assert "not finite" in line
