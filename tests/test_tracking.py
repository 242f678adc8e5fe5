import http.server
import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from mssbench.cli import main
from mssbench.errors import Interrupted, UserError
from mssbench.tracking import start_run
from mssbench.tracking.connection import connect, database_file, scheme
from mssbench.tracking.origin import process_tags
from mssbench.tracking.store import initialise, repair
from mssbench.tracking.stored import StoredRun, flatten

# A job that says when it has started, and then waits.
JOB = """
import sys, time
from mssbench.tracking import start_run
run = start_run(sys.argv[1], sys.argv[1], {"model": {"levels": 3}}, {})
run.log_epoch(0, {"loss": 1.0})
print("started" if run.is_tracked else "not tracked", flush=True)
time.sleep(300)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    # The space stands for all that file names and addresses spell differently.
    return tmp_path_factory.mktemp("a store")


@pytest.fixture(scope="module")
def uri(folder):
    address = f"sqlite:///{folder}/mlflow.db"
    initialise(address, ["mssbench"], folder / "artifacts")
    return address


@pytest.fixture(scope="module")
def client(uri):
    return connect(uri)


@pytest.fixture(scope="module")
def jobs(uri):
    """Two jobs that started at the same moment; the first was killed."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", JOB, name], env=environment, stdout=subprocess.PIPE, text=True
        )
        for name in ("killed", "living")
    ]
    said = [process.stdout.readline().strip() for process in processes]
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    yield said
    processes[1].kill()
    processes[1].wait()


@pytest.fixture
def tracked(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)


@pytest.fixture
def runs(client):
    """Return the MLflow runs that have a key."""

    def find(key):
        experiment = client.get_experiment_by_name("mssbench").experiment_id
        return client.search_runs([experiment], f"tags.`mssbench.key` = '{key}'")

    return find


@pytest.fixture
def points(client, runs):
    """Return a metric's points, as (step, value), of the only run that has a key."""

    def history(key, metric):
        (run,) = runs(key)
        found = client.get_metric_history(run.info.run_id, metric)
        return sorted((point.step, point.value) for point in found)

    return history


@pytest.fixture
def warnings(caplog):
    def texts():
        return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]

    return texts


def test_mlflow_is_never_imported_when_tracking_is_off():
    code = """
import sys
from mssbench.tracking import start_run
with start_run("name", "key", {}, {}) as run:
    run.log_epoch(0, {"loss": 1.0})
    run.log_metrics({"score": 1.0})
    run.set_tags({"a": "b"})
    run.log_artifact("nothing")
assert not run.is_tracked
sys.exit("mlflow" in sys.modules)
"""
    for value in (None, "", "off", "OFF"):
        environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
        if value is not None:
            environment["MLFLOW_TRACKING_URI"] = value
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_a_continued_run_appears_once_and_counts_its_attempts(tracked, runs):
    with start_run("the name", "continued", {"a": 1}, {"dataset": "synthetic"}):
        (run,) = runs("continued")
        assert run.info.run_name == "the name"
        assert run.info.status == "RUNNING"
        assert run.data.tags["attempt"] == "1"
        assert run.data.tags["host"] == socket.gethostname()
        assert run.data.tags["pid"] == str(os.getpid())
        assert run.data.tags["dataset"] == "synthetic"
        assert run.data.tags["mssbench.version"]
    assert runs("continued")[0].info.status == "FINISHED"
    start_run("the name", "continued", {"a": 1}, {"dataset": "synthetic"})
    (run,) = runs("continued")
    assert run.info.status == "RUNNING"
    assert run.data.tags["attempt"] == "2"


def test_a_stopped_run_goes_on_running_when_it_is_continued(tracked, runs):
    with pytest.raises(Interrupted), start_run("stopped", "stopped", {}, {}):
        raise Interrupted("time is up")
    (run,) = runs("stopped")
    assert (run.info.status, run.data.tags["mssbench.state"]) == ("KILLED", "stopped")
    start_run("stopped", "stopped", {}, {})
    (run,) = runs("stopped")
    assert (run.info.status, run.data.tags["mssbench.state"]) == ("RUNNING", "running")


def test_an_error_fails_the_run_and_reaches_the_caller(tracked, runs):
    with pytest.raises(ZeroDivisionError), start_run("failed", "failed", {}, {}):
        raise ZeroDivisionError
    assert runs("failed")[0].info.status == "FAILED"


def test_a_resumed_run_has_no_point_twice(tracked, points):
    first = start_run("resumed", "resumed", {}, {})
    for epoch in range(4):
        first.log_epoch(epoch, {"loss": 10.0 - epoch})
    # The checkpoint is of epoch 1, so epochs 2 and 3 are trained again.
    second = start_run("resumed", "resumed", {}, {})
    for epoch in range(2, 6):
        second.log_epoch(epoch, {"loss": 20.0 - epoch, "late": 1.0})
    assert points("resumed", "loss") == [(0, 10), (1, 9), (2, 8), (3, 7), (4, 16), (5, 15)]
    assert [step for step, _ in points("resumed", "late")] == [2, 3, 4, 5]


def test_a_run_of_other_code_is_not_continued(tracked, runs):
    for code in ("old", "new", "new"):
        start_run("coded", "coded", {}, {"code": code}).log_epoch(0, {"loss": 1.0})
    attempts = {run.data.tags["code"]: run.data.tags["attempt"] for run in runs("coded")}
    assert attempts == {"old": "1", "new": "2"}


def test_no_infinity_is_stored_and_none_is_left_out(tracked, points, runs):
    run = start_run("values", "values", {}, {})
    run.log_epoch(0, {"inf": math.inf, "minus": -math.inf, "nan": math.nan, "none": None})
    run.log_metrics({"score": math.inf})
    for metric in ("inf", "minus", "nan", "score"):
        ((_, value),) = points("values", metric)
        assert math.isnan(value)
    assert "none" not in runs("values")[0].data.metrics
    assert run.is_tracked


def test_a_repeated_value_adds_no_point_and_a_changed_one_is_the_latest(tracked, points, runs):
    for value in (5.0, 5.0, 4.0, math.nan, math.nan):
        start_run("scored", "scored", {}, {}).log_metrics({"test/SDR/vocals": value})
    assert [step for step, _ in points("scored", "test/SDR/vocals")] == [0, 1, 2]
    assert math.isnan(runs("scored")[0].data.metrics["test/SDR/vocals"])


def test_parameters_are_flattened_and_never_change(tracked, runs):
    params = {"model": {"name": "m", "params": {"kernels": [3, 5], "skip": True}}, "empty": {}}
    start_run("params", "params", params, {})
    run = start_run("params", "params", {"model": {"name": "other"}, "new": None}, {})
    assert run.is_tracked
    assert runs("params")[0].data.params == {
        "model.name": "m",
        "model.params.kernels": "[3, 5]",
        "model.params.skip": "true",
        "empty": "{}",
        "new": "null",
    }


def test_more_parameters_than_mlflow_takes_at_once_are_stored(tracked, runs):
    start_run("many", "many", {f"p{i}": "x" * 7000 for i in range(250)}, {})
    params = runs("many")[0].data.params
    assert len(params) == 250
    assert len(params["p0"]) == 6000


def test_an_artifact_lies_in_the_folder_given_at_the_beginning(tracked, folder, runs, tmp_path):
    (tmp_path / "table.md").write_text("first")
    run = start_run("files", "files", {}, {})
    run.log_artifact(tmp_path / "table.md", "tables/study")
    (tmp_path / "table.md").write_text("second")
    run.log_artifact(tmp_path / "table.md", "tables/study")
    files = folder / "artifacts" / "mssbench" / runs("files")[0].info.run_id
    found = [path for path in files.rglob("*") if path.is_file()]
    assert [path.read_text() for path in found] == ["second"]
    assert found[0].parts[-3:] == ("tables", "study", "table.md")


def test_two_processes_may_start_runs_at_once(jobs, runs, points):
    assert jobs == ["started", "started"]
    for key in ("killed", "living"):
        assert runs(key)[0].data.params == {"model.levels": "3"}
        assert points(key, "loss") == [(0, 1.0)]


def test_only_runs_of_dead_processes_of_this_host_are_repaired(jobs, uri, client, runs):
    others = process_tags() | {"mssbench.process_started": "1000.0"}
    elsewhere = others | {"host": "another-host"}
    StoredRun.create(client, "mssbench", "reused", "reused process id", others)
    StoredRun.create(client, "mssbench", "elsewhere", "elsewhere", elsewhere)
    assert {"killed", "reused process id"} <= set(repair(uri))
    status = {key: runs(key)[0].info.status for key in ("killed", "reused", "living", "elsewhere")}
    assert status == {
        "killed": "FAILED",
        "reused": "FAILED",
        "living": "RUNNING",
        "elsewhere": "RUNNING",
    }
    assert repair(uri) == []


def test_initialising_again_keeps_all_and_restores_a_deleted_experiment(uri, client, folder):
    before = dict(client.get_experiment_by_name("mssbench"))
    gone = client.create_experiment("gone")
    client.delete_experiment(gone)
    initialise(uri, ["mssbench", "gone"], folder / "elsewhere")
    assert dict(client.get_experiment_by_name("mssbench")) == before
    assert client.get_experiment_by_name("gone").lifecycle_stage == "active"


def test_a_job_does_not_make_a_missing_store(tmp_path, monkeypatch, warnings):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    run = start_run("name", "key", {}, {})
    run.log_epoch(0, {"loss": 1.0})
    assert not run.is_tracked
    assert not list(tmp_path.iterdir())
    assert len(warnings()) == 1
    assert "none.db" in warnings()[0]


def test_a_failure_is_one_warning_and_the_caller_goes_on(tracked, client, runs, warnings):
    with start_run("deleted", "deleted", {}, {}) as run:
        client.delete_run(runs("deleted")[0].info.run_id)
        run.log_epoch(0, {"loss": 1.0})
        run.log_epoch(1, {"loss": 1.0})
        run.log_metrics({"not a (valid) name": 1.0})
    assert not run.is_tracked
    assert len(warnings()) == 1


def test_being_interrupted_while_tracking_is_no_failure_of_tracking(tracked, monkeypatch):
    def interrupt(*_):
        raise Interrupted("time is up")

    run = start_run("signal", "signal", {}, {})
    monkeypatch.setattr(StoredRun, "log_epoch", interrupt)
    with pytest.raises(Interrupted):
        run.log_epoch(0, {"loss": 1.0})


def test_an_unreachable_server_stops_nobody(monkeypatch, warnings):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with start_run("name", "key", {"a": 1}, {}) as run:
        run.log_epoch(0, {"loss": 1.0})
    assert not run.is_tracked
    assert len(warnings()) == 1
    with pytest.raises(UserError, match=r"no MLflow server answers at http://127\.0\.0\.1:9"):
        initialise("http://127.0.0.1:9", ["mssbench"], "unused")


def test_a_server_that_cannot_serve_is_asked_twice_at_most(monkeypatch):
    asked = []

    class Refusal(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        run = start_run("name", "key", {}, {})
        run.log_epoch(0, {"loss": 1.0})
        server.shutdown()
    assert not run.is_tracked
    assert 1 <= len(asked) <= 2


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


def test_the_command_marks_a_store_and_finds_it_again(uri, folder, tmp_path, monkeypatch, capsys):
    mark = tmp_path / "store.json"
    init = ["track", "init", "--artifacts", str(folder / "artifacts"), "--experiment", "mssbench"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert main([*init, "--out", str(mark), "--log", str(tmp_path / "init.log")]) == 0
    assert json.loads(mark.read_text()) == {"uri": uri, "experiments": ["mssbench"]}
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["track", "check", "--store", str(mark)]) == 0
    assert uri in capsys.readouterr().out
    assert main([*init, "--out", str(mark)]) == 0
    assert json.loads(mark.read_text()) == {"uri": "off", "experiments": []}


def test_the_dashboard_says_why_it_cannot_start(uri, tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    none = ["track", "dashboard", "--store", str(tmp_path / "none.json")]
    assert main(none) == 2
    assert "run 'make reproduce' first" in caplog.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([*none, "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1 is taken" in caplog.text


def test_the_dashboard_shows_artifacts_and_ends_when_told(tracked, uri, runs, tmp_path):
    (tmp_path / "table.md").write_text("| a table |")
    start_run("shown", "shown", {}, {}).log_artifact(tmp_path / "table.md", "tables")
    artifact = f"get-artifact?path=tables/table.md&run_uuid={runs('shown')[0].info.run_id}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mssbench", "track", "dashboard", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"MLFLOW_TRACKING_URI": uri})
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
