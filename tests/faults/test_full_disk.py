"""Each stage on a disk that runs full: one line, nothing half written, and then it goes on."""

import json
from pathlib import Path

import figure_data
import pytest
from disks import mounted
from said import command, refused
from small_runs import configuration

from mssbench.scoring.results import write_scores

# Enough for all that a stage writes beside what is to find no room.
ROOM = 1 << 16


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A disk of 4 MB."""
    with mounted(tmp_path_factory.mktemp("disk"), "size=4m") as folder:
        yield folder


@pytest.fixture
def full(small_disk):
    """Leave no byte free but those asked for; return the function that does."""
    filler = small_disk / "filler"

    def fill(free=0):
        with filler.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    break
            if free:
                file.truncate(file.tell() - free)

    yield fill
    for file in sorted(small_disk.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


def made(folder):
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "filler"]
    return [file.name for file in files if file.stat().st_size]


def train(rendition, out, checkpoints):
    files = {"weights": "model.safetensors", "last": "last.safetensors"}
    files |= {"history": "history.csv", "run": "run.json"}
    words = [word for kind, file in files.items() for word in (f"--out-{kind}", out / file)]
    config = json.dumps(configuration(epochs=1))
    words += ["--config", config, "--rendition", rendition, "--device", "cpu"]
    return ["train", *words, "--checkpoints", checkpoints]


def separate(rendition, out):
    mixture = {"name": "mixture", "params": {}}
    config = {"rendition": {"rate": 8000, "channels": "mono"}, "model": mixture}
    config["separation"] = {"segment": 4096, "overlap": 0.25}
    words = ["--config", json.dumps(config), "--rendition", rendition]
    return ["separate", *words, "--out", out / "estimates.json"]


def score(rendition, estimates, out):
    config = {"window": 1.0, "hop": 1.0, "references": "pcm16", "engine": "bss_eval"}
    words = ["--config", json.dumps(config), "--run", "run", "--rendition", rendition]
    return ["score", *words, "--estimates", estimates, "--out", out / "scores.parquet"]


def tables(folder, out):
    scores = figure_data.scores()
    scores.attrs = {"protocol": figure_data.HOW}
    write_scores(folder / "scores.parquet", scores)
    table = {"title": "T", "targets": ["vocals"], "metrics": ["SDR"]}
    table["aggregations"] = ["song-wise median"]
    study = {"study": "s", "dataset": "tiny", "scale": "demo", "rows": figure_data.ROWS}
    config = json.dumps({**study, "tables": {"t": table}})
    return ["tables", "--config", config, "--scores", folder / "scores.parquet", "--out", out]


@pytest.fixture(params=["rendition", "checkpoint", "weights", "estimate", "score", "table"])
def stage(request, tmp_path, tiny_dataset, tiny_rendition, small_disk):
    """A stage that writes to the small disk, as the words of its command."""
    match request.param:
        case "rendition":
            shape = ["--rate", 8000, "--channels", "mono", "--out", small_disk / "manifest.json"]
            return ["prepare", "--dataset", tiny_dataset, *shape]
        case "checkpoint":
            return train(tiny_rendition, tmp_path, small_disk / "checkpoints")
        case "weights":
            return train(tiny_rendition, small_disk, tmp_path / "checkpoints")
        case "estimate":
            return separate(tiny_rendition, small_disk)
        case "score":
            assert command(*separate(tiny_rendition, tmp_path))[0] == 0
            return score(tiny_rendition, tmp_path / "estimates.json", small_disk)
    return tables(tmp_path, small_disk)


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(stage, full, small_disk):
    full()
    line = refused(*stage)
    assert "disk" in line or "free" in line or "space" in line
    assert made(small_disk) == []
    Path(small_disk, "filler").unlink()
    assert command(*stage)[0] == 0


def test_a_disk_that_runs_full_on_the_way_keeps_what_is_finished(full, small_disk, tiny_dataset):
    shape = ["--rate", 8000, "--channels", "mono", "--out", small_disk / "manifest.json"]
    words = ["prepare", "--dataset", tiny_dataset, *shape]
    full(free=ROOM)
    refused(*words)
    assert not (small_disk / "manifest.json").exists()
    assert not list(small_disk.glob(".*.partial.*"))
