import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from safetensors.torch import save_file

from mssbench.cli import main
from mssbench.models.registry import build
from mssbench.scoring.results import write_scores
from mssbench.tracking import start_run, training_key
from mssbench.tracking.connection import connect
from mssbench.tracking.excerpt import loudest, write_excerpt
from mssbench.tracking.store import initialise

RATE = 1000


def row(identity, trained=None, seed=None):
    return {
        "experiment": identity,
        "label": identity.title(),
        "seed": seed,
        "id": identity,
        "trained": trained,
        "separated": f"{identity}-separated",
        "kind": "bound" if trained is None else "trained",
    }


SWEEP = {"sweep": "nets", "swept": {"separation.overlap": 0.5}}
ROWS = [row("net", "net-weights", 3), row("overlapped", "net-weights", 3) | SWEEP, row("mixture")]


@pytest.fixture
def rendition(make_rendition):
    """One test song of 20 s: its voice sings from second 5 to second 13."""
    stems = np.full((5, 1, 20 * RATE), 0.01, dtype=np.float32)
    stems[-1, :, 5 * RATE : 11 * RATE] = 0.1
    stems[-1, :, 11 * RATE : 13 * RATE] = 0.5
    stems[0] = stems[1:].sum(axis=0)
    return make_rendition({"test song": stems, "a train song": stems}, RATE)


def write_estimates(folder, level=0.25, samples=20 * RATE):
    folder.mkdir()
    for target in ("vocals", "accompaniment"):
        audio = np.full(samples, level, dtype=np.float32)
        soundfile.write(folder / f"{target}.wav", audio, RATE, subtype="FLOAT")
    files = {"vocals": "vocals.wav", "accompaniment": "accompaniment.wav"}
    path = folder / "estimates.json"
    path.write_text(json.dumps({"songs": [{"name": "test song", "files": files}]}))
    return path


def weights_of_a_training(folder):
    """Write, or write again, a model that was trained, though not for long."""
    model = {"name": "wave_u_net", "params": {"levels": 2, "filters": 2, "output": "single"}}
    config = {"model": model, "rendition": {"rate": RATE}, "training": {"crops": {"samples": 64}}}
    folder.mkdir(exist_ok=True)
    built = build(model["name"], model["params"])
    file = folder / "model.safetensors"
    save_file(built.state_dict(), file, metadata={"config": json.dumps(config)})
    return file


def write_run_scores(path, run, vocals):
    protocol = {"version": "v4", "window": 1.0, "hop": 1.0, "references": "float", "si_sdr": ""}
    # Of each song the median counts, then that of the songs: [1, 5, 5] and [3, 3, 3] give 4.
    scores = {"a": [1, 5, 5], "b": [3, 3, 3]}
    rows = [
        (run, track, target, "SDR", float(start), value + shift)
        for target, shift in (("vocals", vocals), ("accompaniment", 10.0))
        for track, values in scores.items()
        for start, value in enumerate(values)
    ]
    columns = ["run", "track", "target", "metric", "window_start", "score"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs["protocol"] = protocol
    write_scores(path, table)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder}/mlflow.db"
    initialise(uri, ["mssbench"], folder / "artifacts")
    return uri, folder


@pytest.fixture
def publish(rendition, tmp_path):
    """Publish a study of ``ROWS`` whose vocals score 4 dB more than the argument says."""

    def run(vocals=0.0, study="study"):
        config = {"study": study, "dataset": "made", "scale": "demo", "rows": ROWS}
        names = [entry["id"] for entry in ROWS]
        scores = [write_run_scores(tmp_path / f"{name}.parquet", name, vocals) for name in names]
        made = tmp_path / "net-separated" / "estimates.json"
        made = made if made.exists() else write_estimates(made.parent)
        for file in ("figures/boxes.png", "figures/boxes.svg", "tables/systems.md"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(f"{file} {vocals}")
        words = ["track", "publish", "--config", json.dumps(config), "--scores", *map(str, scores)]
        words += ["--figures", str(tmp_path / "figures")]
        words += ["--tables", str(tmp_path / "tables" / "systems.md")]
        words += ["--rendition", str(rendition.folder / "manifest.json")]
        words += ["--weights", str(weights_of_a_training(tmp_path / "net-weights"))]
        words += ["--estimates", str(made), "--out", str(tmp_path / "published.json")]
        assert main(words) == 0
        return json.loads((tmp_path / "published.json").read_text())

    return run


def test_results_join_the_training_and_publishing_again_adds_nothing(store, publish, monkeypatch):
    uri, folder = store
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with start_run("net", training_key("net-weights"), {"levels": 3}, {"code": "abc"}) as run:
        run.log_epoch(1, {"valid_loss": 0.5})
    first, again = publish(), publish()
    assert first == again
    assert list(first["runs"]) == ["net", "overlapped", "mixture"]

    client = connect(uri)
    experiment = client.get_experiment_by_name("mssbench").experiment_id
    runs = {found.info.run_id: found for found in client.search_runs([experiment])}
    assert set(runs) == set(first["runs"].values())
    assert {found.info.status for found in runs.values()} == {"FINISHED"}
    net, overlapped, mixture = (runs[first["runs"][entry["id"]]] for entry in ROWS)
    scores = {"test/SDR/vocals": 4.0, "test/SDR/accompaniment": 14.0}
    assert net.data.metrics == scores | {"valid_loss": 0.5}
    assert overlapped.data.metrics == mixture.data.metrics == scores
    assert net.data.tags["attempt"] == "1"
    assert (net.data.tags["study"], net.data.tags["seed"]) == ("study", "3")
    assert mixture.data.tags["kind"] == "bound"
    assert overlapped.data.tags["sweep"] == "nets"
    assert overlapped.data.tags["sweep.separation.overlap"] == "0.5"
    assert "sweep" not in net.data.tags.keys() | mixture.data.tags.keys()
    for name in scores:
        assert len(client.get_metric_history(net.info.run_id, name)) == 1
    files = {
        path.relative_to(folder / "artifacts" / "mssbench").as_posix()
        for path in (folder / "artifacts").rglob("*.*")
        # What is not committed of the code under test.
        if path.name != "changes.diff"
        if "models" not in path.parts
    }
    ofall = ["figures/study/boxes.png", "tables/study/systems.md"]
    heard = [f"excerpt/{name}.flac" for name in ("mixture", "vocals estimate", "vocals target")]
    own = [*heard, "config.yaml"]
    assert files == {
        f"{found}/artifacts/{name}"
        for found in runs
        for name in ofall + (own if found == net.info.run_id else [])
    }
    assert client.get_model_version_by_alias("study", "best").run_id == net.info.run_id
    assert len(net.outputs.model_outputs) == 1

    publish(vocals=1.0, study="another")
    net = client.get_run(net.info.run_id)
    assert net.data.metrics["test/SDR/vocals"] == 5.0
    assert net.data.tags["study"] == "another, study"


def test_nothing_is_published_when_tracking_is_off(publish, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    assert publish() == {"uri": "off", "study": "study", "runs": {}}


def test_an_excerpt_is_cut_where_the_voice_sings(rendition, tmp_path):
    estimates = write_estimates(tmp_path / "run", level=2.0)
    heard = write_excerpt([rendition], estimates, tmp_path)
    assert heard == "test song, 5.0 s to 13.0 s"
    stems = rendition.audio(rendition.by_name("test song"))[:, 0, 5 * RATE : 13 * RATE]
    for name, expected in (
        ("vocals estimate", np.full(8 * RATE, 2.0)),
        ("vocals target", stems[-1]),
        ("mixture", stems[0]),
    ):
        audio, rate = soundfile.read(tmp_path / f"{name}.flac")
        assert rate == RATE
        # The estimate would clip at 1, so all three are turned down by its peak of 2.
        np.testing.assert_allclose(audio, expected / 2, atol=1 / 2**14)


def test_there_is_no_excerpt_of_another_rendition(rendition, tmp_path):
    estimates = write_estimates(tmp_path / "run", samples=RATE)
    assert write_excerpt([rendition], estimates, tmp_path) == ""
    assert not list(tmp_path.glob("*.flac"))


def test_a_song_shorter_than_an_excerpt_is_heard_whole():
    audio = np.ones((2, 50))
    assert loudest(audio, 80, 10) == 0
    audio[:, 25:30] = 3
    assert loudest(audio, 20, 10) == 10
