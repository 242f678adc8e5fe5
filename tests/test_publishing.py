import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from safetensors.torch import save_file
from tracked_store import Switch

from mssbench.cli import main
from mssbench.models.registry import build
from mssbench.recordings.trained import name_of
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
    initialise(uri, ["trainings"], folder / "artifacts")
    return uri, folder


@pytest.fixture
def publish(rendition, tmp_path):
    """Publish a study of ``ROWS`` whose vocals score 4 dB more than the argument says."""

    def run(vocals=0.0, study="study", rows=ROWS):
        config = {"study": study, "dataset": "made", "scale": "demo", "rows": rows}
        config |= {"title": "Title", "citation": "Citation"}
        names = [entry["id"] for entry in rows]
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
        trained = tmp_path / (rows[0]["trained"] or "none")
        words += ["--weights", str(weights_of_a_training(trained))]
        words += ["--estimates", str(made), "--out", str(tmp_path / "published.json")]
        assert main(words) == 0
        return json.loads((tmp_path / "published.json").read_text())

    return run


def runs_in(client, experiment):
    """Return the runs of an experiment by their MLflow id."""
    number = client.get_experiment_by_name(experiment).experiment_id
    return {run.info.run_id: run for run in client.search_runs([number])}


def files_of(folder, experiment, runs):
    """Return the files of an experiment's runs, as (name of the run, path), without models."""
    folder = folder / "artifacts" / experiment
    parts = [path.relative_to(folder).parts for path in folder.rglob("*.*")]
    # What is not committed of the code under test is another one each time.
    return {
        (runs[run].info.run_name, "/".join(inside))
        for run, _, *inside in (each for each in parts if "models" not in each)
        if inside != ["changes.diff"]
    }


@pytest.fixture(scope="module")
def trained(store):
    """The MLflow client of a store with one training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store[0])
        with start_run("net", training_key("net-weights"), {"levels": 3}, {"code": "abc"}) as run:
            run.log_epoch(1, {"valid_loss": 0.5})
    return connect(store[0])


@pytest.fixture
def training(store, trained, monkeypatch):
    """The same, as the store of this test."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store[0])
    return trained


def test_a_study_is_an_experiment_and_publishing_again_adds_nothing(store, publish, training):
    first, again = publish(), publish()
    assert first == again
    assert list(first["runs"]) == ["net", "overlapped", "mixture"]

    runs = runs_in(training, "study")
    assert {found.info.status for found in runs.values()} == {"FINISHED"}
    net, overlapped, mixture = (runs.pop(first["runs"][entry["id"]]) for entry in ROWS)
    (report,) = runs.values()
    scores = {"test/SDR/vocals": 4.0, "test/SDR/accompaniment": 14.0}
    assert net.data.metrics == overlapped.data.metrics == mixture.data.metrics == scores
    assert net.data.params == overlapped.data.params == {"levels": "3"}
    assert (net.data.tags["study"], net.data.tags["seed"]) == ("study", "3")
    assert (mixture.data.tags["kind"], report.data.tags["kind"]) == ("bound", "tables and figures")
    assert overlapped.data.tags["sweep"] == "nets"
    assert overlapped.data.tags["sweep.separation.overlap"] == "0.5"
    assert "sweep" not in net.data.tags.keys() | mixture.data.tags.keys()
    for name in scores:
        assert len(training.get_metric_history(net.info.run_id, name)) == 1
    heard = {f"excerpt/{name}.flac" for name in ("mixture", "vocals estimate", "vocals target")}
    made = {"figures/boxes.png", "tables/systems.md"}
    expected = {("net", file) for file in heard} | {("tables and figures", file) for file in made}
    assert files_of(store[1], "study", runs_in(training, "study")) == expected


def test_rows_lead_to_their_training_which_keeps_curves_and_model(publish, training):
    made = publish()["runs"]
    (trained,) = runs_in(training, "trainings").values()
    assert trained.data.metrics == {"valid_loss": 0.5}
    assert trained.data.tags["attempt"] == "1"
    for name in ("net", "overlapped"):
        tags = training.get_run(made[name]).data.tags
        assert tags["training"] == trained.info.run_id
        place = f"experiments/{trained.info.experiment_id}/runs/{trained.info.run_id}"
        assert place in tags["mlflow.note.content"]
    assert "training" not in training.get_run(made["mixture"]).data.tags
    assert training.get_model_version_by_alias("study", "best").run_id == trained.info.run_id
    assert len(trained.outputs.model_outputs) == 1


def test_another_study_of_the_same_training_has_its_own_scores(publish, training):
    first, other = publish()["runs"], publish(vocals=1.0, study="another")["runs"]
    medians = [training.get_run(runs["net"]).data.metrics for runs in (first, other)]
    assert [named["test/SDR/vocals"] for named in medians] == [4.0, 5.0]
    (trained,) = runs_in(training, "trainings").values()
    assert {"another", "study"} <= set(trained.data.tags["study"].split(", "))
    experiment = training.get_experiment_by_name("another")
    assert "Citation" in experiment.tags["mlflow.note.content"]


def test_without_a_run_of_the_training_the_row_has_the_model(publish, training):
    made = publish(study="alone", rows=[row("lone", "lone-weights")])["runs"]
    assert training.get_model_version_by_alias("alone", "best").run_id == made["lone"]


def test_a_run_of_a_study_names_the_training_to_separate_with(publish, training):
    made = publish()["runs"]
    assert name_of(made["overlapped"]) == "net-weights"
    assert name_of(made["mixture"]) == "mixture"


@pytest.fixture
def server(empty_mlflow, tmp_path, monkeypatch):
    """A server whose store nobody has prepared, and the outbox of the test."""
    folder = tmp_path / "served"
    folder.mkdir()
    uri = f"sqlite:///{shutil.copy(empty_mlflow, folder)}"
    server = Switch(uri, folder / "artifacts")
    server.client, server.outbox = connect(uri), tmp_path / "outbox"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(server.outbox))
    yield server
    server.close()


def test_a_study_waits_for_a_server_that_is_away_and_is_sent_later(
    publish, server, tmp_path, capsys
):
    server.mode = "error"
    for _ in range(2):
        assert publish() == {"uri": server.address, "study": "study", "runs": {}}
    assert len(list(server.outbox.iterdir())) == 1
    server.mode = "well"
    assert main(["track", "sync"]) == 0
    assert capsys.readouterr().out == "study: sent\n"
    made = json.loads((tmp_path / "published.json").read_text())["runs"]
    assert list(made) == ["net", "overlapped", "mixture"]
    assert (
        made.items()
        <= {
            run.data.tags["mssbench.key"].removeprefix("score/"): identity
            for identity, run in runs_in(server.client, "study").items()
        }.items()
    )
    assert not list(server.outbox.iterdir())
    assert main(["track", "sync"]) == 0
    assert "nothing is left to send" in capsys.readouterr().out


def test_a_study_that_waits_is_sent_with_the_next(publish, server):
    server.mode = "error"
    publish(study="first")
    server.mode = "well"
    publish(study="second")
    for study in ("first", "second"):
        assert len(runs_in(server.client, study)) == len(ROWS) + 1
    assert not list(server.outbox.iterdir())


def test_a_study_whose_files_are_gone_stays_until_they_are_back(publish, server, tmp_path, caplog):
    server.mode = "error"
    publish()
    (tmp_path / "net.parquet").rename(tmp_path / "moved")
    server.mode = "well"
    assert main(["track", "sync"]) == 2
    assert "net.parquet" in caplog.text
    assert "Traceback" not in caplog.text
    assert len(list(server.outbox.iterdir())) == 1
    (tmp_path / "moved").rename(tmp_path / "net.parquet")
    assert main(["track", "sync"]) == 0
    assert not list(server.outbox.iterdir())


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
