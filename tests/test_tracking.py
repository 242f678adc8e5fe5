import logging
import math
import os
import socket
import subprocess
import sys

import pytest
from tracked_store import eventually, hurry

from mssbench.errors import Interrupted
from mssbench.tracking import start_run
from mssbench.tracking.origin import code_tags


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
        (run,) = eventually(lambda: runs("continued"))
        assert run.info.run_name == "the name"
        assert run.info.status == "RUNNING"
        assert run.data.tags["attempt"] == "1"
        assert run.data.tags["host"] == socket.gethostname()
        assert run.data.tags["pid"] == str(os.getpid())
        assert run.data.tags["dataset"] == "synthetic"
        assert run.data.tags["mssbench.version"]
    assert runs("continued")[0].info.status == "FINISHED"
    with start_run("the name", "continued", {"a": 1}, {"dataset": "synthetic"}):
        eventually(lambda: runs("continued")[0].info.status == "RUNNING")
    (run,) = runs("continued")
    assert run.data.tags["attempt"] == "2"


def test_a_stopped_run_goes_on_running_when_it_is_continued(tracked, runs):
    with pytest.raises(Interrupted), start_run("stopped", "stopped", {}, {}):
        raise Interrupted("time is up")
    (run,) = runs("stopped")
    assert (run.info.status, run.data.tags["mssbench.state"]) == ("KILLED", "stopped")
    with start_run("stopped", "stopped", {}, {}):
        eventually(lambda: runs("stopped")[0].data.tags["mssbench.state"] == "running")
        assert runs("stopped")[0].info.status == "RUNNING"


def test_a_run_of_a_moment_says_which_code_made_it(tracked, runs):
    with start_run("moment", "moment", {}, {}):
        pass
    expected = code_tags()
    assert expected.items() <= runs("moment")[0].data.tags.items()


def test_an_error_fails_the_run_and_reaches_the_caller(tracked, runs):
    with pytest.raises(ZeroDivisionError), start_run("failed", "failed", {}, {}):
        raise ZeroDivisionError
    assert runs("failed")[0].info.status == "FAILED"


def test_a_resumed_run_has_no_point_twice(tracked, points):
    with start_run("resumed", "resumed", {}, {}) as first:
        for epoch in range(4):
            first.log_epoch(epoch, {"loss": 10.0 - epoch})
    # The checkpoint is of epoch 1, so epochs 2 and 3 are trained again.
    with start_run("resumed", "resumed", {}, {}) as second:
        for epoch in range(2, 6):
            second.log_epoch(epoch, {"loss": 20.0 - epoch, "late": 1.0})
    assert points("resumed", "loss") == [(0, 10), (1, 9), (2, 8), (3, 7), (4, 16), (5, 15)]
    assert [step for step, _ in points("resumed", "late")] == [2, 3, 4, 5]


def test_a_run_of_other_code_is_not_continued(tracked, runs):
    for code in ("old", "new", "new"):
        with start_run("coded", "coded", {}, {"code": code}) as run:
            run.log_epoch(0, {"loss": 1.0})
    attempts = {run.data.tags["code"]: run.data.tags["attempt"] for run in runs("coded")}
    assert attempts == {"old": "1", "new": "2"}


def test_no_infinity_is_stored_and_none_is_left_out(tracked, points, runs):
    with start_run("values", "values", {}, {}) as run:
        run.log_epoch(0, {"inf": math.inf, "minus": -math.inf, "nan": math.nan, "none": None})
        run.log_metrics({"score": math.inf})
    for metric in ("inf", "minus", "nan", "score"):
        ((_, value),) = points("values", metric)
        assert math.isnan(value)
    assert "none" not in runs("values")[0].data.metrics


def test_a_repeated_value_adds_no_point_and_a_changed_one_is_the_latest(tracked, points, runs):
    for value in (5.0, 5.0, 4.0, math.nan, math.nan):
        with start_run("scored", "scored", {}, {}) as run:
            run.log_metrics({"test/SDR/vocals": value})
    assert [step for step, _ in points("scored", "test/SDR/vocals")] == [0, 1, 2]
    assert math.isnan(runs("scored")[0].data.metrics["test/SDR/vocals"])


def test_parameters_are_flattened_and_never_change(tracked, runs):
    params = {"model": {"name": "m", "params": {"kernels": [3, 5], "skip": True}}, "empty": {}}
    for given in (params, {"model": {"name": "other"}, "new": None}):
        with start_run("params", "params", given, {}):
            pass
    assert runs("params")[0].data.params == {
        "model.name": "m",
        "model.params.kernels": "[3, 5]",
        "model.params.skip": "true",
        "empty": "{}",
        "new": "null",
    }


def test_more_parameters_than_mlflow_takes_at_once_are_stored(tracked, runs):
    with start_run("many", "many", {f"p{i}": "x" * 7000 for i in range(250)}, {}):
        pass
    params = runs("many")[0].data.params
    assert len(params) == 250
    assert len(params["p0"]) == 6000


def test_an_artifact_lies_in_the_folder_given_at_the_beginning(
    tracked, mlflow_folder, runs, tmp_path
):
    for content in ("first", "second"):
        (tmp_path / "table.md").write_text(content)
        with start_run("files", "files", {}, {}) as run:
            run.log_artifact(tmp_path / "table.md", "tables/study")
    files = mlflow_folder / "artifacts" / "trainings" / runs("files")[0].info.run_id
    found = [path for path in files.rglob("*.md") if path.is_file()]
    assert [path.read_text() for path in found] == ["second"]
    assert found[0].parts[-3:] == ("tables", "study", "table.md")


def test_a_job_does_not_make_a_missing_store(tmp_path, monkeypatch, warnings):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    hurry(monkeypatch)
    with start_run("name", "key", {}, {}) as run:
        run.log_epoch(0, {"loss": 1.0})
    assert not list(tmp_path.glob("*.db"))
    assert len(warnings()) == 1
    assert "none.db" in warnings()[0]


def test_what_mlflow_refuses_is_left_out_and_the_rest_is_sent(tracked, points, warnings):
    with start_run("refused", "refused", {}, {}) as run:
        run.log_epoch(0, {"loss": 1.0})
        run.log_epoch(0, {"not a (valid) name": 1.0})
        run.log_artifact("there is no such file")
        run.log_epoch(1, {"loss": 2.0})
    assert points("refused", "loss") == [(0, 1.0), (1, 2.0)]
    assert len(warnings()) == 1
    assert "not a (valid) name" in warnings()[0]


def test_a_deleted_run_does_not_come_back(tracked, mlflow_client, runs, warnings):
    with start_run("deleted", "deleted", {}, {}) as run:
        mlflow_client.delete_run(eventually(lambda: runs("deleted"))[0].info.run_id)
        run.log_epoch(0, {"loss": 1.0})
    assert runs("deleted") == []
    assert len(warnings()) == 1
