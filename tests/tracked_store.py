"""What test files of tracking share: how to hurry, and all that a store holds."""

import json
import threading
import time
from pathlib import Path

from werkzeug.serving import make_server

from mssbench.tracking import sender
from mssbench.tracking.journal import Journal, journal_file

# The configuration of a study that nothing was trained for.
STUDY = {
    "study": "study",
    "title": "Title",
    "citation": "Citation",
    "dataset": "made",
    "scale": "demo",
    "rows": [{"experiment": "mix", "label": "Mix", "seed": None, "id": "mix", "kind": "bound"}],
}


def eventually(condition, seconds=120):
    """Wait until a condition holds; return what it says then."""
    until = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.02)
    return met


def hurry(monkeypatch):
    """Have what is logged sent at once, and the end of a run wait for it."""
    for name, seconds in (("BEFORE_THE_FIRST", 0.0), ("BETWEEN", 0.02), ("AT_THE_END", 60.0)):
        monkeypatch.setattr(sender, name, seconds)


def begun(folder, key, address="", **rest):
    """Return a journal that says what `start_run` does, without a thread to send it."""
    journal = Journal(journal_file(folder, key))
    content = {"params": {"a": 1}, "tags": {"stage": "train"}, "dataset": None, **rest}
    attempt = f"{key}-{time.monotonic_ns()}"
    journal.append(
        "begin",
        address=address,
        attempt=attempt,
        experiment="trainings",
        key=key,
        name=key,
        **content,
    )
    return journal


def runs_of(client, key):
    """Return the MLflow runs that have a key."""
    experiment = client.get_experiment_by_name("trainings").experiment_id
    return client.search_runs([experiment], f"tags.`mssbench.key` = '{key}'")


def contents(client):
    """Return all that a store says of its runs, in an order of its own."""
    experiment = client.get_experiment_by_name("trainings").experiment_id
    return sorted(
        json.dumps(
            [vars_of(run), points_of(client, run), inputs_of(run), files_of(run)], default=str
        )
        for run in client.search_runs([experiment], max_results=1000)
    )


def vars_of(run):
    info = run.info
    return [
        info.run_name,
        info.status,
        info.start_time,
        info.end_time,
        run.data.params,
        run.data.tags,
    ]


def points_of(client, run):
    return {
        name: sorted(
            (point.step, repr(point.value), point.timestamp)
            for point in client.get_metric_history(run.info.run_id, name)
        )
        for name in sorted(run.data.metrics)
    }


def inputs_of(run):
    return [(found.dataset.name, found.dataset.digest) for found in run.inputs.dataset_inputs]


def files_of(run):
    folder = Path(run.info.artifact_uri.removeprefix("file://").replace("%20", " "))
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


class Switch:
    """MLflow's own server in a thread, which can be told to fail.

    Args:
        uri: of its database.
        artifacts: folder for files.

    Attributes:
        mode: ``well``, ``error`` (it answers 500) or ``silent`` (it takes requests and answers
            nothing until `go_on`).
        asked: how many requests came.
    """

    def __init__(self, uri, artifacts):
        from mlflow.server import app, handlers

        # It would go on with the stores of another test's server.
        for name in ("_tracking_store", "_model_registry_store"):
            assert hasattr(handlers, name)
            setattr(handlers, name, None)
        handlers.initialize_backend_stores(uri, uri, artifacts.as_uri())
        self._app, self.mode, self.asked = app, "well", 0
        self._going = threading.Event()
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __call__(self, environment, start_response):
        self.asked += 1
        if self.mode == "silent":
            self._going.wait()
        if self.mode == "error":
            start_response("500 Internal Server Error", [])
            return [b"no"]
        return self._app(environment, start_response)

    def go_on(self):
        self.mode = "well"
        self._going.set()

    def close(self):
        self.go_on()
        self._server.shutdown()
