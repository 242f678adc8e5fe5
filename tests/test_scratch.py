import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from mssbench import cli
from mssbench.data import scratch
from mssbench.data.rendition import Rendition
from mssbench.data.scratch import copy_songs, lying_in
from mssbench.errors import Interrupted

CONFIG = {
    "dataset": {"name": "synthetic"},
    "rendition": {"rate": 8000, "channels": "mono"},
    "split": {"kind": "all"},
    "model": {"name": "wave_u_net", "params": {"levels": 2, "filters": 2, "output": "single"}},
    "training": {
        "crops": {"kind": "random", "samples": 512, "steps_per_epoch": 2},
        "batch_size": 2,
        "optimiser": {"name": "adam", "lr": 1.0e-3},
        "epochs": 1,
        "patience": 1,
        "loss": {"final": {"kind": "mae", "weight": 1.0}},
    },
    "seed": 0,
}


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


def test_training_songs_are_copied_and_all_others_linked(rendition, tmp_path):
    folder = copy_songs(rendition, tmp_path / "node")
    near = lying_in(rendition, folder)
    assert folder.parent == tmp_path / "node"
    for song in rendition.songs:
        assert (folder / song.file).is_symlink() == (song.subset != "train")
        np.testing.assert_array_equal(near.audio(song), rendition.audio(song))
    assert near.digest == rendition.digest


def test_without_room_the_songs_stay_where_they_are(rendition, tmp_path, monkeypatch, caplog):
    full = SimpleNamespace(free=1000)
    monkeypatch.setattr("mssbench.data.disk.shutil.disk_usage", lambda folder: full)
    folder = copy_songs(rendition, tmp_path)
    assert folder is None
    assert lying_in(rendition, folder) is rendition
    assert "only 1 kB are free" in caplog.text
    assert list(tmp_path.glob(f"{scratch.PREFIX}*")) == []


def test_a_stop_while_copying_leaves_nothing(rendition, tmp_path):
    answers = iter([False, True])
    with pytest.raises(Interrupted, match="run the same command again"):
        copy_songs(rendition, tmp_path, lambda: next(answers))
    assert list(tmp_path.glob(f"{scratch.PREFIX}*")) == []


def test_a_training_reads_the_copy_and_removes_it(tiny_rendition, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    node, out = tmp_path / "node", tmp_path / "out"
    opened = []
    true_load = np.load

    def load(file, *args, **kwargs):
        opened.append(os.fspath(file))
        return true_load(file, *args, **kwargs)

    words = ["train", "--config", json.dumps(CONFIG), "--rendition", str(tiny_rendition)]
    words += ["--checkpoints", str(tmp_path / "checkpoints"), "--device", "cpu"]
    files = {"weights": "model.safetensors", "last": "l.safetensors"}
    files |= {"history": "h.csv", "run": "r.json"}
    for name, file in files.items():
        words += [f"--out-{name}", str(out / file)]
    assert cli.main(words) == 0
    plain = (out / "model.safetensors").read_bytes()
    shutil.rmtree(out)
    monkeypatch.setattr(np, "load", load)
    assert cli.main([*words, "--scratch", str(node)]) == 0
    assert (out / "model.safetensors").read_bytes() == plain
    songs = [file for file in opened if file.endswith(".npy")]
    assert songs
    assert all(file.startswith(f"{node}/{scratch.PREFIX}") for file in songs)
    assert list(node.iterdir()) == []
