import logging
import os
import signal
import subprocess
import sys
import threading

import pytest
from tracked_store import Switch, eventually, files_of, hurry, runs_of

from mssbench.tracking import sender, start_run
from mssbench.tracking.journal import journal_file, outbox, read
from mssbench.tracking.sync import sync

EPOCHS = 30
CURVE = [(epoch, 1.0 + epoch) for epoch in range(EPOCHS)]

# A training without a server that is killed in the middle of a line.
JOB = """
import os, signal
from mssbench.tracking import start_run
run = start_run("killed", "killed", {"a": 1}, {})
for epoch in range(30):
    run.log_epoch(epoch, {"loss": 1.0 + epoch})
os.write(run._journal._descriptor, b'{"kind": "epoch", "at"')
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def switch(mlflow_uri, tmp_path_factory):
    server = Switch(mlflow_uri, tmp_path_factory.mktemp("files"))
    yield server
    server.close()


@pytest.fixture
def steps(mlflow_client):
    def of(key):
        found = runs_of(mlflow_client, key)
        history = [mlflow_client.get_metric_history(run.info.run_id, "loss") for run in found]
        return [[(point.step, point.value) for point in points] for points in history]

    return of


@pytest.fixture
def address(switch, tmp_path, monkeypatch):
    switch.mode = "well"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", switch.address)
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(tmp_path / "outbox"))
    hurry(monkeypatch)
    return switch.address


@pytest.fixture
def warnings(caplog):
    def texts():
        return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]

    return texts


def log_epochs(run, epochs):
    for epoch in epochs:
        run.log_epoch(epoch, {"loss": 1.0 + epoch})


def epochs_in(folder, key):
    records = [record for record, _ in read(journal_file(folder, key))]
    return [record["step"] for record in records if record["kind"] == "epoch"]


def test_a_server_that_is_not_there_stops_nobody(tmp_path, monkeypatch, warnings):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MSSBENCH_OUTBOX", str(tmp_path))
    hurry(monkeypatch)
    with start_run("name", "key", {"a": 1}, {}) as run:
        log_epochs(run, range(EPOCHS))
    assert len(warnings()) == 1
    assert str(tmp_path) in warnings()[0]
    assert epochs_in(tmp_path, "key") == list(range(EPOCHS))


def test_errors_in_the_middle_of_a_run_cost_no_point(address, switch, steps, warnings):
    with start_run("errors", "errors", {"a": 1}, {}) as run:
        log_epochs(run, range(10))
        eventually(lambda: steps("errors"))
        switch.mode = "error"
        log_epochs(run, range(10, 20))
        eventually(warnings)
        switch.mode = "well"
        log_epochs(run, range(20, EPOCHS))
    assert steps("errors") == [CURVE]
    assert len(warnings()) == 1
    assert not list(outbox(address).iterdir())


def test_a_silent_server_holds_up_nobody_and_gets_all_later(address, switch, steps, monkeypatch):
    monkeypatch.setattr(sender, "AT_THE_END", 0.1)
    with start_run("silent", "silent", {"a": 1}, {}) as run:
        eventually(lambda: steps("silent"))
        switch.mode = "silent"
        before = switch.asked
        log_epochs(run, range(EPOCHS))
        eventually(lambda: switch.asked > before)
    # It answers only from here on: the run has ended without it.
    assert epochs_in(outbox(address), "silent") == list(range(EPOCHS))
    switch.go_on()
    eventually(lambda: not sync(address).busy)
    assert steps("silent") == [CURVE]


def test_the_next_job_sends_what_a_killed_one_has_left(address, steps):
    environment = os.environ | {"MLFLOW_TRACKING_URI": address}
    done = subprocess.run([sys.executable, "-c", JOB], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert steps("killed") == []
    with start_run("next", "next", {}, {}) as run:
        run.log_epoch(0, {"loss": 1.0})
        eventually(lambda: not journal_file(outbox(address), "killed").exists())
    assert steps("killed") == [CURVE]


def test_sixteen_jobs_at_once_lose_no_run_point_or_file(address, mlflow_client, steps, tmp_path):
    (tmp_path / "table.md").write_text("a table")

    def job(key):
        with start_run(key, key, {"a": 1}, {}) as run:
            log_epochs(run, range(EPOCHS))
            run.log_artifact(tmp_path / "table.md")

    keys = [f"job {number}" for number in range(16)]
    jobs = [threading.Thread(target=job, args=[key]) for key in keys]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    for key in keys:
        assert steps(key) == [CURVE]
        (run,) = runs_of(mlflow_client, key)
        assert run.info.status == "FINISHED"
        # And what is not committed of the code under test.
        assert files_of(run).keys() - {"changes.diff"} == {"config.yaml", "table.md"}


def test_a_full_disk_ends_tracking_and_nothing_else(address, monkeypatch, warnings):
    # Every write to this device finds no space.
    with start_run("full", "full", {}, {}) as run:
        os.dup2(os.open("/dev/full", os.O_WRONLY), run._journal._descriptor)
        run.log_epoch(0, {"loss": 1.0})
        run.log_epoch(1, {"loss": 1.0})
        assert not run.is_tracked
    assert len(warnings()) == 1
    assert "No space left" in warnings()[0]
