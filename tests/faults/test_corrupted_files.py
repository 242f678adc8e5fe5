"""Every kind of file that the pipeline writes, damaged: it is named, and never used."""

import json
import shutil

import figure_data
import numpy as np
import pytest
from said import command, content, refused
from small_runs import TASNET, configuration

from mssbench.scoring.results import write_scores

TRAINED = configuration(TASNET, epochs=1)
SEPARATED = json.dumps({**TRAINED, "separation": {"segment": 4096, "overlap": 0.25}})
SCORING = {"window": 1.0, "hop": 1.0, "references": "pcm16", "engine": "bss_eval"}


def train(made, out=None):
    out = out or made
    files = {"weights": "model.safetensors", "last": "last.safetensors"}
    files |= {"history": "history.csv", "run": "run.json"}
    words = [word for kind, file in files.items() for word in (f"--out-{kind}", out / file)]
    config = ["--config", json.dumps(TRAINED), "--rendition", made / "rendition" / "manifest.json"]
    return ["train", *config, "--checkpoints", out / "checkpoints", *words, "--device", "cpu"]


def separate(made, out=None):
    files = ["--rendition", made / "rendition" / "manifest.json"]
    weights = ["--weights", made / "model.safetensors"]
    out = (out or made) / "separate" / "estimates.json"
    return ["separate", "--config", SEPARATED, *files, *weights, "--device", "cpu", "--out", out]


def score(made, out=None):
    files = ["--rendition", made / "rendition" / "manifest.json"]
    estimates = ["--estimates", made / "separate" / "estimates.json"]
    out = (out or made) / "score" / "scores.parquet"
    config = json.dumps(SCORING)
    return ["score", "--config", config, "--run", "run", *files, *estimates, "--out", out]


def prepare(made, out=None):
    out = (out or made) / "again" / "manifest.json"
    dataset = ["--dataset", made / "dataset.json"]
    return ["prepare", *dataset, "--rate", 8000, "--channels", "mono", "--out", out]


def report(made, kind, definition):
    rows = [figure_data.row("poor", 0)]
    study = {"study": "s", "dataset": "tiny", "scale": "demo", "rows": rows, kind: definition}
    return ["--config", json.dumps(study), "--scores", made / "poor.parquet"]


def tables(made, out):
    table = {"title": "T", "targets": ["vocals"], "metrics": ["SDR"]}
    table["aggregations"] = ["song-wise median"]
    return ["tables", *report(made, "tables", {"t": table}), "--out", out]


def curves(made, out):
    words = report(made, "figures", {"f": {"kind": "learning_curves", "title": "L"}})
    return ["figures", *words, "--histories", f"poor-s0={made / 'history.csv'}", "--out", out]


def costs(made, out):
    figure = {"kind": "cost", "title": "C", "target": "vocals", "metric": "SDR"}
    words = report(made, "figures", {"f": {**figure, "cost": "parameters"}})
    return ["figures", *words, "--runs", f"poor-s0={made / 'run.json'}", "--out", out]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_dataset, tiny_rendition):
    """A folder with one file of each kind, made by the verbs."""
    made = tmp_path_factory.mktemp("finished")
    shutil.copy(tiny_dataset, made / "dataset.json")
    shutil.copytree(tiny_rendition.parent, made / "rendition")
    for words in (train(made), separate(made), score(made)):
        assert command(*words)[0] == 0
    scores = figure_data.scores()
    scores = scores[scores["run"] == "poor-s0"].reset_index(drop=True)
    scores.attrs = {"protocol": figure_data.HOW}
    write_scores(made / "poor.parquet", scores)
    return made


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def zeros(file):
    file.write_bytes(bytes(file.stat().st_size))


def empty(file):
    file.write_bytes(b"")


def one_byte(file):
    """Change a byte where the data are."""
    bytes_ = bytearray(file.read_bytes())
    bytes_[len(bytes_) // 4] ^= 0x40
    file.write_bytes(bytes_)


def other_rate(file):
    file.write_text(file.read_text().replace("8000", "8001"))


DATA = (cut, zeros, empty, one_byte)
TEXT = (cut, zeros, empty)
KINDS = [
    ("dataset.json", prepare, TEXT),
    ("rendition/manifest.json", separate, (*TEXT, other_rate)),
    ("rendition/manifest.json", train, (*TEXT, other_rate)),
    ("rendition/002.npy", train, DATA),
    ("rendition/000.npy", separate, DATA),
    ("rendition/000.npy", score, DATA),
    ("model.safetensors", separate, DATA),
    ("history.csv", curves, (zeros, empty)),
    ("run.json", costs, TEXT),
    ("separate/estimates.json", score, TEXT),
    ("separate/Fay - Six/vocals.wav", score, DATA),
    ("poor.parquet", tables, DATA),
]


@pytest.mark.parametrize(
    ("name", "verb", "damage"),
    [(name, verb, damage) for name, verb, damages in KINDS for damage in damages],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_damage_is_named_and_nothing_is_made_of_it(finished, tmp_path, name, verb, damage):
    made, out = tmp_path / "made", tmp_path / "out"
    shutil.copytree(finished, made)
    damage(made / name)
    before = content(made)
    line = refused(*verb(made, out))
    assert (made / name).name in line
    assert content(made) == before
    # What is of other songs alone may stay.
    kept = {"checkpoints", "unfinished", "Eve - Five.json", "Fay - Six.json"}
    assert not [f for f in out.rglob("*") if f.is_file() and not kept & {*f.parts}]


@pytest.mark.parametrize("damage", DATA)
def test_a_damaged_array_alone_is_made_anew(finished, tmp_path, damage):
    made = tmp_path / "made"
    shutil.copytree(finished, made)
    folder = made / "again"
    shutil.copytree(finished / "rendition", folder)
    assert command(*prepare(made))[0] == 0
    before = {file: file.read_bytes() for file in folder.iterdir()}
    kept = (folder / "001.npy").stat().st_mtime_ns
    damage(folder / "000.npy")
    assert command(*prepare(made))[0] == 0
    assert {file: file.read_bytes() for file in folder.iterdir()} == before
    assert (folder / "001.npy").stat().st_mtime_ns == kept


@pytest.mark.parametrize("damage", DATA)
def test_a_damaged_checkpoint_is_passed_over_and_the_one_before_continued(
    finished, tmp_path, damage
):
    out = tmp_path / "out"
    shutil.copytree(finished / "rendition", tmp_path / "rendition")
    # Of steps of no time: each call makes one step and saves.
    words = [*train(tmp_path, out), "--budget", 1e-9]
    assert [command(*words)[0] for _ in range(2)] == [75, 75]
    newest = sorted((out / "checkpoints").glob("*.pt"))[-1]
    damage(newest)
    assert command(*train(tmp_path, out))[0] == 0
    whole = np.frombuffer((finished / "model.safetensors").read_bytes(), np.uint8)
    np.testing.assert_array_equal(
        np.frombuffer((out / "model.safetensors").read_bytes(), np.uint8), whole
    )
