import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from tracked_store import eventually

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.tracking import start_run
from mssbench.tracking.connection import database_file, scheme
from mssbench.tracking.form import flatten
from mssbench.tracking.origin import process_tags
from mssbench.tracking.store import initialise, repair
from mssbench.tracking.stored import StoredRun

# A job that says when it has started, and then waits.
JOB = """
import sys, time
from mssbench.tracking import sender, start_run
sender.BEFORE_THE_FIRST = sender.BETWEEN = 0.1
run = start_run(sys.argv[1], sys.argv[1], {"model": {"levels": 3}}, {})
run.log_epoch(0, {"loss": 1.0})
print("started" if run.is_tracked else "not tracked", flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def jobs(mlflow_uri, mlflow_client):
    """Two jobs that started at the same moment; the first was killed once MLflow had its epoch."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": mlflow_uri}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", JOB, name], env=environment, stdout=subprocess.PIPE, text=True
        )
        for name in ("killed", "living")
    ]
    said = [process.stdout.readline().strip() for process in processes]
    experiment = mlflow_client.get_experiment_by_name("trainings").experiment_id
    wanted = "tags.`mssbench.key` = '{}' and metrics.loss = 1"
    for key in ("killed", "living"):
        eventually(lambda key=key: mlflow_client.search_runs([experiment], wanted.format(key)))
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    yield said
    processes[1].kill()
    processes[1].wait()


def test_two_processes_may_start_runs_at_once(jobs, runs, points):
    assert jobs == ["started", "started"]
    for key in ("killed", "living"):
        assert runs(key)[0].data.params == {"model.levels": "3"}
        assert points(key, "loss") == [(0, 1.0)]


def test_only_runs_of_dead_processes_of_this_host_are_repaired(
    jobs, mlflow_uri, mlflow_client, runs
):
    others = process_tags() | {"mssbench.process_started": "1000.0"}
    elsewhere = others | {"host": "another-host"}
    StoredRun.create(mlflow_client, "trainings", "reused", "reused process id", others)
    StoredRun.create(mlflow_client, "trainings", "elsewhere", "elsewhere", elsewhere)
    assert {"killed", "reused process id"} <= set(repair(mlflow_uri))
    status = {key: runs(key)[0].info.status for key in ("killed", "reused", "living", "elsewhere")}
    assert status == {
        "killed": "FAILED",
        "reused": "FAILED",
        "living": "RUNNING",
        "elsewhere": "RUNNING",
    }
    assert repair(mlflow_uri) == []


def test_initialising_again_keeps_all_and_restores_a_deleted_experiment(
    mlflow_uri, mlflow_client, mlflow_folder
):
    before = dict(mlflow_client.get_experiment_by_name("trainings"))
    gone = mlflow_client.create_experiment("gone")
    mlflow_client.delete_experiment(gone)
    initialise(mlflow_uri, ["trainings", "gone"], mlflow_folder / "elsewhere")
    assert dict(mlflow_client.get_experiment_by_name("trainings")) == before
    assert mlflow_client.get_experiment_by_name("gone").lifecycle_stage == "active"


def test_an_address_that_jobs_would_read_differently_is_refused(tmp_path):
    assert database_file("sqlite:////a b/c.db").as_posix() == "/a b/c.db"
    assert database_file("http://host:5000") is None
    assert scheme("postgresql+psycopg2://host/name") == "postgresql"
    for wrong in ("sqlite:///mlflow.db", "mlruns", "file:///mlruns"):
        with pytest.raises(UserError, match="MLFLOW_TRACKING_URI is"):
            initialise(wrong, [], tmp_path)


def test_leaves_keep_the_way_to_them():
    assert dict(flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": {}})) == {
        "a.b.c": 1,
        "a.d": [2],
        "e": {},
    }


def test_the_command_marks_a_store_and_finds_it_again(
    mlflow_uri, mlflow_folder, tmp_path, monkeypatch, capsys
):
    mark = tmp_path / "store.json"
    init = ["track", "init", "--artifacts", str(mlflow_folder / "artifacts")]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    assert main([*init, "--out", str(mark), "--log", str(tmp_path / "init.log")]) == 0
    assert json.loads(mark.read_text()) == {"uri": mlflow_uri, "experiments": ["trainings"]}
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["track", "check", "--store", str(mark)]) == 0
    assert mlflow_uri in capsys.readouterr().out
    assert main([*init, "--out", str(mark)]) == 0
    assert json.loads(mark.read_text()) == {"uri": "off", "experiments": []}


def test_the_dashboard_says_why_it_cannot_start(mlflow_uri, tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    none = ["track", "dashboard", "--store", str(tmp_path / "none.json")]
    assert main(none) == 2
    assert "run 'make reproduce' first" in caplog.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([*none, "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1 is taken" in caplog.text


def test_the_dashboard_shows_artifacts_and_ends_when_told(tracked, mlflow_uri, runs, tmp_path):
    (tmp_path / "table.md").write_text("| a table |")
    with start_run("shown", "shown", {}, {}) as run:
        run.log_artifact(tmp_path / "table.md", "tables")
    artifact = f"get-artifact?path=tables/table.md&run_uuid={runs('shown')[0].info.run_id}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mssbench", "track", "dashboard", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"MLFLOW_TRACKING_URI": mlflow_uri})
    try:
        assert "MLflow" in answer(f"http://127.0.0.1:{port}/", process)
        assert answer(f"http://127.0.0.1:{port}/{artifact}", process) == "| a table |"
    finally:
        process.terminate()
        process.wait()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")


def answer(url, process):
    """Wait for a server's answer as long as its process lives."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url) as response:
                return response.read().decode()
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            time.sleep(0.2)
    return None
